import numpy as np
import pytest

import envs
from locomotion.errors import UsageError
from locomotion.laboratory.derivatives import VelocityFeedback, derivatives_table, measure_derivatives
from scripts.benchmark import main


def test_without_contacts_the_pathwise_derivative_is_that_of_differences():
    (check,) = measure_derivatives(["CartPole"], steps=15, copies=3)
    assert (check.env, check.states, check.parameters, check.contact_share) == ("Locomotion/CartPole-v0", 4, 3, 0.0)
    assert check.errors.shape == (3,)
    assert check.errors.max() < 1e-7


def test_through_contacts_it_is_close_on_most_paths():
    (check,) = measure_derivatives(["Hopper-v5"])
    assert check.contact_share > 0.1
    assert np.median(check.errors) < 1e-5


def test_paths_are_functions_of_the_parameters_alone():
    robot = VelocityFeedback(envs.make_task("Locomotion/Quadruped-v0"), steps=10, copies=2, seed=0)
    one, other = (robot.paths(robot.world(), robot.theta) for _ in range(2))
    for array, again in zip(one, other, strict=True):
        np.testing.assert_array_equal(array, again)
    moved = robot.paths(robot.world(), robot.theta + 1e-3)
    np.testing.assert_array_equal(moved.positions[0], one.positions[0])
    assert (moved.actions != one.actions).all()


def test_the_table_shows_errors_and_times():
    checks = list(measure_derivatives(["CartPole"], steps=3, copies=1))
    head, _, line, *_ = derivatives_table(checks).splitlines()
    assert "| median error | largest error | pathwise, s | differences, s |" in head
    assert line.startswith("| Locomotion/CartPole-v0 | 4 | 3 | 0% | ")
    assert f"{checks[0].errors[0]:.1e}" in line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--robots", "Pendulum-v1"], "Pendulum-v1 is not one of our robots"),
        (["--robots"], "--robots must name at least one robot, got none"),
        (["--steps", "0"], "--steps must be at least 1, got 0"),
        (["--copies", "0"], "--copies must be at least 1, got 0"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        main(["derivatives", *arguments])


def test_the_command_prints_the_table(capsys):
    main(["derivatives", "--robots", "CartPole", "--steps", "3", "--copies", "1"])
    assert "| Locomotion/CartPole-v0 | 4 | 3 |" in capsys.readouterr().out
