"""The robot dog with a real one's senses, motors and joints."""

from typing import Any

import numpy as np
import pytest

import envs
from envs.robots.go1 import Go1
from envs.robots.go1_real import Go1Real
from envs.world import World

EXACT: dict[str, Any] = {"angle_error": 0.0, "speed_error": 0.0, "turning_error": 0.0, "tilt_error": 0.0}
IDEAL: dict[str, Any] = {"delay": (0.0, 0.0), "joint_strength": (1.0, 1.0), "joint_friction": (0.0, 0.0)}


def begin(task, robots=3, seed=0):
    world = World(task, robots, 1)
    world.reset(np.arange(robots), [seed + i for i in range(robots)])
    return world


def moves(steps, robots=3):
    return np.random.default_rng(5).uniform(-0.5, 0.5, (steps, robots, 12))


def test_without_its_flaws_it_is_go1_whose_velocity_the_critic_alone_sees():
    real, plain = begin(Go1Real(**EXACT, **IDEAL)), begin(Go1())
    for action in moves(10):
        seen, expected = real.step(action).observations, plain.step(action).observations
        np.testing.assert_array_equal(seen["observation"], expected[:, 3:])
        np.testing.assert_array_equal(seen["privileged"][:, :3], expected[:, :3])
    assert real.model.nhistory == 0


def test_readings_err_within_their_bounds_and_anew_in_each_step():
    erring, exact = begin(Go1Real(), 64), begin(Go1Real(**EXACT), 64)
    bounds = np.repeat([0.2, 0.05, 0.01, 0.15, 0.0], [3, 3, 12, 12, 17])
    last = None
    for action in moves(5, 64):
        difference = erring.step(action).observations["observation"] - exact.step(action).observations["observation"]
        assert (np.abs(difference) <= bounds + 1e-12).all()
        assert (np.abs(difference).max(axis=0) >= 0.8 * bounds).all()
        assert last is None or abs(np.corrcoef(last[:, :30].ravel(), difference[:, :30].ravel())[0, 1]) < 0.1
        last = difference


def test_a_delay_of_one_step_is_the_action_of_the_step_before():
    late = begin(Go1Real(**EXACT, **{**IDEAL, "delay": (0.02, 0.02)}))
    prompt = begin(Go1Real(**EXACT, **IDEAL))
    actions = moves(12)
    for action, before in zip(actions, [np.zeros((3, 12)), *actions], strict=False):
        late.step(action)
        prompt.step(before)
        np.testing.assert_allclose(late.sim.qpos, prompt.sim.qpos, atol=1e-9)
        np.testing.assert_allclose(late.sim.qvel, prompt.sim.qvel, atol=1e-7)


def test_each_episode_draws_its_delay_and_each_joint_its_motor_and_friction():
    world = begin(Go1Real(), 200)
    sim = world.sim
    delays, frictions = world.batch.expand("actuator_delay"), world.batch.expand("dof_frictionloss")[:, 6:]
    gains = world.batch.expand("actuator_gainprm")[:, :, 0] / 35 / sim.memory.strength[:, None]
    for values, low, high in ((delays[:, 0], 0.0, 0.02), (frictions, 0.0, 0.2), (gains, 0.9, 1.1)):
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    np.testing.assert_array_equal(delays, np.repeat(delays[:, :1], 12, axis=1))
    np.testing.assert_allclose(
        -world.batch.expand("actuator_biasprm")[:, :, 1] / 35, gains * sim.memory.strength[:, None]
    )


def test_a_saved_world_goes_on_with_the_controls_that_are_under_way_and_the_same_errors():
    world, other = begin(Go1Real(delay=(0.02, 0.02))), begin(Go1Real(delay=(0.02, 0.02)), seed=9)
    actions = moves(8)
    for action in actions[:4]:
        world.step(action)
    other.set_state(world.get_state())
    for action in actions[4:]:
        one, two = world.step(action).observations, other.step(action).observations
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_a_delay_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match=r"delay must lie in \[0, 0\.1\], got \(0\.0, 0\.3\)"):
        envs.make_task("Locomotion/Go1Real-v0", delay=(0.0, 0.3))
