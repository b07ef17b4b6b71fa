"""The robot dog that gets up from any posture."""

from typing import Any

import numpy as np
import pytest

import envs
from envs.orientation import body_frame
from envs.robots.dog import HOME
from envs.robots.get_up import GetUp
from envs.robots.go1 import Go1
from envs.world import World

NOMINAL: dict[str, Any] = {"strength": (1.0, 1.0), "load": (0.0, 0.0)}  # else some sag in the stance


def begin(task=None, robots=64, seed=0):
    world = World(task or GetUp(), robots, 1)
    world.reset(np.arange(robots), [seed + i for i in range(robots)])
    return world


def stay(world, steps):
    """Have robots hold the stance; return their quantities."""
    for _ in range(steps):
        world.step(stance(world))
    return world.task.measure(world.sim)


def stance(world):
    """Return the actions that hold the stance."""
    low, high = world.model.actuator_ctrlrange.T
    return np.tile((2 * HOME - low - high) / (high - low), (world.num_robots, 1))


def test_robots_fall_from_above_the_ground_and_come_to_rest_on_it():
    world = begin(GetUp(standing_share=0.0, drop=0.0))
    world.step(stance(world))
    assert np.abs(world.sim.qvel[:, :3]).max() < 1.5  # none was thrown out of the ground
    up = body_frame(world.sim.qpos[:, 3:7], world.sim.qvel[:, :3])[0][:, 2]
    assert np.histogram(up, bins=4, range=(-1, 1))[0].min() > 5  # in all orientations
    quantities = stay(world, 150)
    assert (quantities["height"] > 0.03).all()  # the trunk itself lies on the ground, not in it
    assert np.median(np.abs(world.sim.qvel).max(axis=1)) < 0.05
    lying = ~quantities["upright"]
    assert 0.5 < lying.mean() < 1.0
    assert world.physics_errors == 0


def test_the_ground_slopes_in_any_direction_up_to_its_steepest():
    world = begin(GetUp(standing_share=1.0, friction=(1.25, 1.25), **NOMINAL), 200)
    steep = np.degrees(np.arcsin(np.hypot(*world.sim.memory.tilt.T)))
    assert 9.5 < steep.max() <= 10.0
    assert steep.min() < 0.5
    assert (np.histogram(np.arctan2(*world.sim.memory.tilt.T), bins=4)[0] > 25).all()
    world.sim.bind("site_xpos")
    stay(world, 50)
    feet = world.sim.site_xpos[:, -4:]
    normal = np.column_stack([world.sim.memory.tilt, np.cos(np.radians(steep))])
    standing = world.task.measure(world.sim)["upright"]
    assert standing.mean() > 0.9
    clearance = np.einsum("rfk,rk->rf", feet, normal)[standing] - 0.023
    assert np.abs(clearance).max() < 0.02  # the feet are on the ground that MuJoCo collides them with


def test_a_robot_that_lies_is_paid_far_less_than_one_that_stands():
    def paid(**fields):
        world = begin(GetUp(slope=0.0, **NOMINAL, **fields))
        stay(world, 100)
        step = world.step(stance(world))
        return step.rewards, world.task.measure(world.sim)

    standing, _ = paid(standing_share=1.0)
    rewards, quantities = paid(standing_share=0.0)
    lying = ~quantities["upright"]
    assert standing.min() > 4.0
    assert rewards[quantities["up"][:, 2] < 0.5].max() < 2.0
    assert rewards[lying].max() < 2.5


def test_it_counts_who_stands_from_three_seconds_on_to_the_end():
    task = GetUp()
    episodes = {
        "seconds": np.full(4, 10.0),
        "down": np.array([0.5, 2.9, 3.5, 10.0]),
        "down_late": np.array([0, 0, 0.5, 7]),
    }
    assert task.metrics(episodes) == {"stand_rate": 0.5, "stand_seconds_median": pytest.approx(3.2)}
    assert task.succeeded({"seconds": 10.0, "down_late": 0.0}) is True
    assert task.succeeded({"seconds": 10.0, "down_late": 0.1}) is False
    assert task.succeeded({"seconds": 2.0, "down_late": 0.0}) is None


def test_go1_itself_still_touches_the_ground_with_its_feet_alone():
    plain, rising = World(Go1(), 1).model, begin(robots=1).model
    assert (plain.geom_conaffinity > 0).sum() == 4
    assert (rising.geom_conaffinity > 0).sum() == rising.ngeom - 1


def test_the_mirror_image_is_a_permutation_of_what_it_observes():
    observation, action = envs.World(GetUp(), 1).mirror
    for order, sign in (observation, action):
        np.testing.assert_array_equal(order[order], np.arange(len(order)))
        np.testing.assert_array_equal(sign[order], sign)
