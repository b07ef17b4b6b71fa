import io

from rich.console import Console

from locomotion.sweeps.display import Display


def text(display: Display) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(display.render())
    return console.file.getvalue()


def test_cells_are_counted_where_their_dials_stand(tiny):
    cells = [tiny(gamma=0.9, gae_lambda=value, seed=seed) for seed in range(2) for value in (0.5, 1.0)]
    console = Console(file=io.StringIO(), width=100)
    with Display(cells[:1], cells[1:], console) as display:
        assert "1 of 4 cells" in text(display)
        assert "? left" in text(display)
        display.note(cells[1], "done in 3 s", failed=False)
        display.note(cells[2], "failed twice: no", failed=True)
        rows = [line.split() for line in text(display).splitlines()]
        assert ["│", "0.9", "│", "value", "│", "1/2,", "1", "failed", "│", "1/2", "│"] in rows
        assert "3 of 4 cells" in text(display)
    lines = console.file.getvalue().splitlines()
    assert lines[0].startswith(f"2 of 4 cells  {cells[1].name}  done in 3 s")
    assert len(lines) == 2
