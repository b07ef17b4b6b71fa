"""The robot dog that walks, falls, gets up and goes on: what counts as a fall, and what is counted after it."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest

import envs
from envs.orientation import cosine_of_tilt
from envs.robots.dog import HOME
from envs.robots.go1 import Go1
from envs.robots.recovering import Recovering
from envs.world import World

QUIET: dict[str, Any] = {"push_speed": 0.0, "fallen": 0.0, "load": (0.0, 0.0), "strength": (1.0, 1.0)}
ON_ITS_BACK = [0.0, 1.0, 0.0, 0.0]


def begin(robots=4, name="Go1Recovery", **fields):
    world = World(envs.make_task(name, **{**QUIET, **fields}), robots, 1)
    world.reset(np.arange(robots), list(range(robots)))
    return world


def stance(world):
    return np.zeros((world.num_robots, 12), np.float32)


def turn_over(world, i):
    world.sim.qpos[i, 2], world.sim.qpos[i, 3:7], world.sim.qvel[i] = 0.15, ON_ITS_BACK, 0.0


def set_up(world, i):
    world.sim.qpos[i, 2:7], world.sim.qpos[i, 7:], world.sim.qvel[i] = [0.29, 1.0, 0.0, 0.0, 0.0], HOME, 0.0


@pytest.mark.parametrize("name", ["Go1Recovery", "RoughRecovery"])
def test_a_fall_ends_nothing_and_lasts_until_the_robot_is_up(name):
    world = begin(name=name)
    ground = world.sim.qpos[1, 2] - 0.29
    turn_over(world, 1)
    world.sim.qpos[1, 2] += ground
    for k in range(30):
        step = world.step(stance(world))
        assert not step.terminated.any()
        assert world.task.measure(world.sim)["down"][1] == pytest.approx(0.02 * (k + 2))
    assert world.sim.memory.down[[0, 2, 3]].tolist() == [0.0, 0.0, 0.0]
    set_up(world, 1)
    world.sim.qpos[1, 2] += ground
    world.step(stance(world))
    assert world.task.measure(world.sim)["down"][1] == 0.0


def test_half_risen_is_still_down_but_no_fall():
    world = begin(3, min_height=0.15, standing_height=0.22, standing_upright=0.95)
    turn_over(world, 0)
    world.step(stance(world))
    leaning = [0.29, np.cos(0.3), np.sin(0.3), 0.0, 0.0]  # by 0.6 rad: neither fallen nor upright
    for robot in (0, 1):
        world.sim.qpos[robot, 2:7], world.sim.qvel[robot] = leaning, 0.0
    down = world.task.measure(world.sim)["down"]
    assert down[0] > 0.0
    assert down[1] == down[2] == 0.0


def test_figures_are_those_of_a_count_by_hand():
    # Of episodes of 4 s, with 1 s to get up in: robot 0 falls at 0.4 s and is up after 0.6 s, falls at 2 s and is up
    # after 1.4 s; robot 1 falls at 3.6 s, too late to get up in time; robot 2 falls at 1 s for good; robot 3 stays up.
    world, ended = begin(episode_steps=200, in_time=1.0, patience=1.2), []
    falls = {20: 0, 100: 0, 180: 1, 50: 2}
    rises = {50: 0, 170: 0}
    for k in range(200):
        if k in falls:
            turn_over(world, falls[k])
        if k in rises:
            set_up(world, rises[k])
        ended += world.step(stance(world)).episodes
    tracked = [episode["tracked"] for episode in ended]
    assert [episode["falls"] for episode in tracked] == [2, 1, 1, 0]
    assert [episode["timely_falls"] for episode in tracked] == [2, 0, 1, 0]
    assert [episode["up_in_time"] for episode in tracked] == [1, 0, 0, 0]
    assert [episode["stayed_down"] for episode in tracked] == [1, 0, 1, 0]
    assert [episode["upright_at_end"] for episode in tracked] == [1, 0, 0, 1]
    assert [episode["down"] for episode in tracked] == pytest.approx([2.0, 0.4, 3.0, 0.0], abs=0.1)
    columns = {name: np.array([episode[name] for episode in tracked]) for name in tracked[0]}
    figures = world.task.metrics({**columns, "terminated": np.zeros(4, bool), "seconds": np.full(4, 4.0)})
    assert figures["fall_rate"] == 0.75
    assert figures["up_again_rate"] == pytest.approx(1 / 3)
    assert figures["down_seconds_mean"] == pytest.approx(5.4 / 4, abs=0.05)
    assert figures["upright_at_end_rate"] == 0.5
    assert figures["stayed_down_rate"] == 0.5


def test_a_robot_that_begins_on_the_ground_has_not_fallen_and_its_rising_counts_for_no_fall():
    # All are set up after 0.4 s; half of them fall at 1 s and are up after 0.6 s.
    world = begin(12, fallen=1.0, first_severity=1.0, drop=0.0, episode_steps=200, in_time=1.0)
    lies = cosine_of_tilt(world.sim.qpos[:, 3:7]) < 0.0  # too far over to roll back by chance
    falls = np.arange(12) % 2 == 0
    assert (lies & falls).any()
    assert (lies & ~falls).any()
    ended = []
    for k in range(200):
        for robot in range(12):
            if k == 20 or k == 80:
                set_up(world, robot)
            if k == 50 and falls[robot]:
                turn_over(world, robot)
        ended += world.step(stance(world)).episodes
    tracked = [episode["tracked"] for episode in ended]
    for name in ("falls", "timely_falls", "up_in_time"):
        assert np.array([episode[name] for episode in tracked])[lies].tolist() == falls[lies].tolist()
    down = np.array([episode["down"] for episode in tracked])
    np.testing.assert_allclose(down[lies], 0.6 * falls[lies], atol=0.05)


def test_a_share_of_the_episodes_begins_on_the_ground():
    world = begin(200, fallen=0.4, first_severity=1.0)
    tilted = cosine_of_tilt(world.sim.qpos[:, 3:7]) < 0.999
    assert 0.3 < tilted.mean() < 0.5
    up = cosine_of_tilt(world.sim.qpos[tilted, 3:7])
    assert np.histogram(up, bins=4, range=(-1, 1))[0].min() > 8  # in all orientations
    world.step(stance(world))
    assert np.abs(world.sim.qvel[:, :3]).max() < 1.5  # none was thrown out of the ground
    assert (cosine_of_tilt(begin(50).sim.qpos[:, 3:7]) > 0.999).all()


def test_after_episodes_of_following_more_begin_on_the_ground_and_pushes_grow():
    fields = {"fallen": 1.0, "push_speed": 2.0, "standing": 1.0, "harder": 0.25, "episode_steps": 20}
    world = begin(200, **fields)  # told to stand

    def begun_on_the_ground():
        return (cosine_of_tilt(world.sim.qpos[:, 3:7]) < 0.999).mean()

    def fastest_push():
        return np.hypot(*world.sim.memory.push_velocities.reshape(-1, 2).T).max()

    assert begun_on_the_ground() == fastest_push() == 0.0
    for k in range(20):
        if k == 9:
            world.sim.qvel[:100, 0] = 9.0  # half of them fly away
        world.step(stance(world))
    assert world.sim.memory.severity.tolist() == [0.0] * 100 + [0.25] * 100
    assert 0.15 < 2 * begun_on_the_ground() < 0.35
    assert 0.45 < fastest_push() < 0.5


def test_actions_reach_the_farther_the_more_the_robot_is_tilted():
    world = begin(3, action_scale=0.5, lying_scale=1.5)
    turn_over(world, 1)
    world.sim.qpos[2, 3:7] = [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]  # on its side
    actions = np.zeros((3, 12), np.float32)
    actions[:, 1] = 1.0
    actions[:, 2] = -2.0
    world.task.apply(world.sim, actions)
    np.testing.assert_allclose(world.sim.ctrl[:, 1], HOME[1] + np.array([0.5, 1.5, 1.0]), atol=1e-6)
    np.testing.assert_allclose(world.sim.ctrl[:, 2], [-2.3, -2.818, -2.8], atol=1e-6)  # not beyond what a knee can do
    np.testing.assert_allclose(world.sim.ctrl[:, 3:], np.tile(HOME[3:], (3, 1)))


def test_a_robot_that_lies_is_paid_for_nothing_but_the_little_that_it_is_upright():
    world = begin(2)
    turn_over(world, 0)
    step = world.step(stance(world))
    terms = {name: term[0] for name, term in step.terms.items()}
    assert step.rewards[1] > 3.0
    assert step.rewards[0] < 0.1
    assert all(terms[name] == 0.0 for name in ("tracking", "turning", "gait", "pose", "slip"))


def test_the_tilt_is_that_of_the_trunk():
    angle = np.array([0.0, 0.5, 2.0])
    about_a_level_axis = np.stack([np.cos(angle / 2), 0.6 * np.sin(angle / 2), 0.8 * np.sin(angle / 2), 0 * angle], 1)
    np.testing.assert_allclose(cosine_of_tilt(about_a_level_axis), np.cos(angle))


def test_any_dog_that_follows_commands_gets_up_by_putting_it_first():
    @dataclasses.dataclass(frozen=True)
    class MyDog(Recovering, Go1):
        memory: ClassVar = {"my_own": 1}

    task = MyDog(fallen=1.0, first_severity=1.0)
    assert list(task.memory) == [*Go1.memory, *Recovering.memory, "my_own"]
    assert task.remembered == ("action", "down")
    world = World(task, 2, 1)
    world.reset(np.arange(2), [0, 1])
    assert np.isfinite(world.step(stance(world)).rewards).all()
    assert world.sim.memory.down.shape == world.sim.memory.my_own.shape == (2,)


def test_over_rough_ground_all_other_numbers_are_those_of_rough_terrain():
    mine, theirs = envs.make_task("RoughRecovery"), envs.make_task("RoughTerrain")
    both = {field.name for field in dataclasses.fields(theirs)}
    assert {name for name in both if getattr(mine, name) != getattr(theirs, name)} == {"min_height", "push_speed"}
    assert mine.push_speed == 1.0
