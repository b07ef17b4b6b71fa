import math

from locomotion.benchmarks.training_speed import TrainingSpeed, training_table


def test_a_robot_without_a_peer_has_empty_cells():
    rows = [TrainingSpeed("Hopper-v5", 200.0, 50.0, 400.0), TrainingSpeed("Locomotion/Go1-v0", 100.0, math.nan, 200.0)]
    *_, hopper, go1 = training_table(rows).splitlines()
    assert hopper == "| Hopper-v5 | 200 | 50 | 4.0 | 400 | 0.50 |"
    assert go1 == "| Go1 | 100 |  |  | 200 | 0.50 |"
