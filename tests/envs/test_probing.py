"""Origins of observations and controls, found by asking a task's methods."""

from dataclasses import dataclass

import mujoco
import numpy as np
import pytest

from envs.probing import found_control, found_sources, multiple_of
from envs.registry import canonical_id, make_task
from envs.robots.cartpole import CartPole
from envs.sources import field_of_data, joined
from envs.world import World


def world(robot, **numbers):
    return World(make_task(canonical_id(robot), **numbers), 1)


@dataclass(frozen=True)
class Mixed(CartPole):
    """A stranger's cart and pole, with all in one part, and one more of which nothing is a multiple."""

    def observe(self, sim, now):
        state = np.column_stack([sim.qpos, 3.0 - 0.5 * sim.qvel, np.sin(sim.qpos[:, 1]), sim.qvel.clip(-2, 5)])
        return {"state": state, "energy": np.square(sim.qvel[:, 0]), "one": np.ones(len(sim.qpos))}

    def apply(self, sim, action):
        sim.ctrl[:] = 2.0 + 7.0 * np.clip(action, -0.5, 1.0)


def test_a_part_of_several_fields_is_found_number_by_number():
    found = found_sources(World(Mixed(), 1))
    assert found.keys() == {"state"}  # neither a square nor a constant is a multiple
    expected = [
        field_of_data("qpos", [0, 1]),
        field_of_data("qvel", [0, 1], scale=-0.5, offset=3.0),
        field_of_data("qpos", [1], "sin"),
        field_of_data("qvel", [0, 1], clip=(-2.0, 5.0)),
    ]
    assert found["state"] == joined(expected)


def test_clipped_controls_are_found():
    control = found_control(World(Mixed(), 1))
    assert (control.index, control.scale, control.offset) == ((0,), (7.0,), (2.0,))
    assert (control.low, control.high) == ((-1.5,), (9.0,))


def test_bounds_of_gymnasiums_velocities_are_found():
    found = found_sources(world("Hopper-v5"))
    assert found["positions"] == field_of_data("qpos", range(1, 6))
    assert found["velocities"] == field_of_data("qvel", range(6), clip=(-10.0, 10.0))


def test_forces_of_which_most_are_zero_are_told_apart():
    assert found_sources(world("Ant-v5"))["contacts"] == field_of_data("cfrc_ext", range(6, 84), clip=(-1.0, 1.0))


def test_offsets_of_one_part_may_differ():
    found = found_sources(world("Go1"))["joint_angles"]
    assert found.arguments["index"] == list(range(7, 19))
    np.testing.assert_allclose(found.offset, 2 * [0.1, -0.9, 1.8, -0.1, -0.9, 1.8], atol=1e-12)


def test_the_usual_actions_span_the_actuators_ranges():
    robot = world("Biped")
    low, high = robot.model.actuator_ctrlrange.T
    control = found_control(robot)
    np.testing.assert_allclose(control.low, low)
    np.testing.assert_allclose(control.high, high)
    np.testing.assert_allclose(control.scale, (high - low) / 2)


def test_targets_that_move_on_are_no_multiple_of_the_action():
    assert found_control(world("Grasp")) is None


def test_a_task_that_random_numbers_lead_astray_is_let_be():
    assert found_control(world("Labyrinth")) is None  # it looks a maze up by a number of its memory


@pytest.mark.parametrize("number", [np.ones(64), np.full(64, np.nan), np.arange(64.0) ** 2])
def test_other_numbers_are_no_multiples(number):
    rng = np.random.default_rng(1)
    assert multiple_of({"x": rng.normal(size=(64, 3))}, number) is None


def test_probing_leaves_the_world_alone():
    robot = world("Go1")
    robot.reset(np.arange(1), [3])
    before = robot.batch.state.copy()
    found_sources(robot), found_control(robot)
    np.testing.assert_array_equal(robot.batch.state, before)
    assert mujoco.mj_stateSize(robot.model, mujoco.mjtState.mjSTATE_INTEGRATION) == before.shape[1]
