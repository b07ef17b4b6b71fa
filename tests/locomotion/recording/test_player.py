from fractions import Fraction

import mujoco
import numpy as np
import pytest
import torch

import envs
from agents import ActorCritic
from locomotion.recording.player import Player


def player(env):
    torch.manual_seed(3)  # of the actor's weights
    vec_env = envs.make_vec(env, 1, seed=0)
    return Player(ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3), vec_env, env)


def test_an_episode_counts_from_its_own_start():
    hopper = player("Hopper-v5")
    steps = 0
    while not hopper.finished:
        steps = hopper.steps + 1
        hopper.act()
    assert hopper.finished[0] > 0
    assert (hopper.episode, hopper.steps, hopper.total, hopper.actions) == (2, 0, 0.0, steps)


def test_a_new_episode_is_begun_on_request_and_counts_no_other_as_finished():
    hopper = player("Hopper-v5")
    first = hopper.observations.copy()
    hopper.play_until(Fraction(1, 10))
    assert (hopper.steps, hopper.seconds) == (12, pytest.approx(0.096))
    hopper.restart()
    assert (hopper.episode, hopper.steps, hopper.total, hopper.actions) == (1, 0, 0.0, 12)
    assert (hopper.observations != first).any()


@pytest.mark.parametrize("env", ["Hopper-v5", "CartPole"])
def test_as_many_actions_are_taken_as_are_due(env):
    robot = player(env)
    for moment in (Fraction(0), Fraction(1, 3), Fraction(1, 3), Fraction(1, 2)):
        robot.play_until(moment)
        assert robot.actions == int(moment * robot.control_rate)


def test_a_slow_robot_is_drawn_in_the_midst_of_its_action():
    slow, twin = player("Labyrinth"), player("Labyrinth")
    assert slow.control_rate == 5
    assert slow.between == 5
    twin.act()
    physics, rest = twin.vec_env.world, []
    renderer, data = envs.Renderer(physics, 64, 48), mujoco.MjData(physics.model)
    for k in range(6):
        slow.play_until(Fraction(k, 25))
        assert slow.actions == (k > 0)
        assert slow.late == pytest.approx((0.2 - 0.04 * k) * (k > 0))
        renderer.pose(0, data, slow.late if k else 0.2)
        rest.append(data.qpos.copy())
    model = physics.batch.get_model(0)
    expected = mujoco.MjData(model)
    mujoco.mj_setState(model, expected, physics.step_began[0], mujoco.mjtState.mjSTATE_INTEGRATION)
    for place in rest:
        np.testing.assert_array_equal(place, expected.qpos)
        mujoco.mj_step(model, expected)
    np.testing.assert_array_equal(rest[-1], physics.sim.qpos[0])
    assert len(np.unique(rest, axis=0)) == 6


def test_speed_is_the_distance_over_the_last_half_second():
    hopper = player("Hopper-v5")
    qpos = hopper.vec_env.world.sim.qpos
    start = qpos[0, 0]
    history = [(0.0, 0.0)]
    speeds, expected = [], []
    for i in range(300):
        episode = hopper.episode
        hopper.act()
        if hopper.episode > episode:
            start = qpos[0, 0]
            history = [(0.0, 0.0)]
        if i % 4 == 0:
            speeds.append(hopper.speed())
            now, place = hopper.steps * 0.008, qpos[0, 0] - start
            if hopper.steps:
                history.append((now, place))
            old, origin = ([moment for moment in history if moment[0] <= now - 0.5] or history)[-1 if now > 0.5 else 0]
            expected.append((place - origin) / (now - old) if hopper.steps else 0.0)
    assert hopper.episode > 1
    assert np.abs(speeds).max() > 0.05
    assert speeds == pytest.approx(expected)


def test_a_robot_that_goes_nowhere_has_no_speed():
    assert player("CartPole").speed() is None
    assert set(player("CartPole").figures()) == {"time", "total reward"}


def test_a_robot_that_obeys_shows_what_it_is_told_and_what_it_does():
    dog = player("Go1")
    world = dog.vec_env.world
    dog.act()
    world.task.set_commands(world.sim, np.array([0.5, -0.2, 0.3]))
    world.sim.qpos[0, 3:7] = np.cos(0.5), 0.0, 0.0, np.sin(0.5)  # a turn to the left by 1 rad
    world.sim.qvel[0, :6] = *(0.7 * np.cos(1.0), 0.7 * np.sin(1.0), 0.0), *(0.0, 0.0, -0.4)
    assert dog.figures() == {"time": "0.0 s", "command: m/s, rad/s": "0.5 -0.2 0.3", "actual": "0.7 0.0 -0.4"}
