from locomotion.tables import markdown_table


def test_columns_of_numbers_are_aligned_to_the_right():
    rows = [("Hopper-v5", "1,024", "1002 +- 1", "12%", "1001, 1002", ""), ("Ant-v5", 7, -4.9, "", "3", "")]
    assert markdown_table(["robot", "steps", "mean", "share", "each seed", "note"], rows).splitlines() == [
        "| robot | steps | mean | share | each seed | note |",
        "| --- | ---: | ---: | ---: | --- | --- |",
        "| Hopper-v5 | 1,024 | 1002 +- 1 | 12% | 1001, 1002 |  |",
        "| Ant-v5 | 7 | -4.9 |  | 3 |  |",
    ]


def test_a_table_may_be_empty():
    assert markdown_table(["robot", "steps"], []) == "| robot | steps |\n| --- | --- |"
