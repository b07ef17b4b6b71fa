import math

import mujoco
import numpy as np
import pytest

import envs
from envs.robots.arm_kinematics import joint_angles
from envs.robots.valve import HOUSING, ROLL, WHEEL
from tests.envs.robots.arm_geometry import OPEN, SHUT, assert_mirrored_lives, reflect, step_towards


def placed(env):
    """Return where the wheels are (N, 3), their axes (N, 3) and the tilts of these (N,) away from the vertical."""
    wheel, stand = env.world.sim.mocap_pos.copy().transpose(1, 0, 2)
    axis = (wheel - stand) / HOUSING
    out = wheel[:, :2] / np.hypot(*wheel[:, :2].T)[:, None]
    return wheel, axis, np.arctan2(-(axis[:, :2] * out).sum(axis=1), axis[:, 2])


def turn(env, steps):
    """Have every arm pinch its wheel and turn it the right way; return the last step's infos."""
    sim = env.world.sim
    (wheel, axis, tilt), side = placed(env), sim.memory.side.copy()
    roll = sim.qpos[:, ROLL].copy()
    waypoints = [(25, wheel + 0.07 * axis, OPEN), (38, wheel, OPEN), (44, wheel, SHUT)]
    for step in range(steps):
        place, opening = next(((place, g) for until, place, g in waypoints if step < until), (wheel, SHUT))
        roll = roll + 0.08 * side * (step >= 44)
        *_, infos = step_towards(env, joint_angles(place, roll, tilt), opening)
    return infos


def test_wheels_stand_in_the_stated_area_within_reach():
    env = envs.make_vec("Valve", 2000, seed=1, begun=0.0)
    env.reset()
    task, sim = env.task, env.world.sim
    wheel, axis, tilt = placed(env)
    drawn = {
        "wheel_radius": np.hypot(wheel[:, 0], wheel[:, 1]),
        "wheel_height": wheel[:, 2],
        "tilt": tilt,
        "friction": sim.memory.friction,
    }
    assert task.first_roll - 0.01 < np.abs(sim.qpos[:, ROLL]).max() <= task.first_roll
    for name, values in drawn.items():
        low, high = getattr(task, name)
        edge = 0.01 * (high - low)
        assert low <= values.min() + 1e-12 < low + edge < high - edge < values.max() <= high + 1e-12, name
    azimuth = np.arctan2(wheel[:, 1], wheel[:, 0])
    assert task.wheel_azimuth - 0.01 < np.abs(azimuth).max() <= task.wheel_azimuth
    assert set(sim.memory.side) == {-1.0, 1.0}
    for place in (wheel, wheel + 0.07 * axis):
        angles, limits = joint_angles(place, 3 * np.pi, tilt), sim.model.jnt_range[:5]
        assert ((limits[:, 0] < angles) & (angles < limits[:, 1])).all()


def test_observations_are_what_they_are_said_to_be():
    env = envs.make_vec("Valve", 3, seed=103, begun=0.0)
    env.reset()
    turn(env, 70)
    env.world.sim.qvel[:] = 0.0
    observations = env.step(np.full((3, 6), 0.25, np.float32))[0]
    sim, model, data = env.world.sim, env.world.model, mujoco.MjData(env.world.model)
    for i in range(3):
        data.qpos[:], data.qvel[:] = sim.qpos[i], sim.qvel[i]
        data.mocap_pos[:], data.mocap_quat[:] = sim.mocap_pos[i], sim.mocap_quat[i]
        mujoco.mj_forward(model, data)
        grip, wheel = data.body("grip"), data.body("wheel")
        hand = grip.xmat.reshape(3, 3)
        np.testing.assert_allclose(data.body("stand").xpos, wheel.xpos - HOUSING * wheel.xmat[2::3], atol=1e-9)
        expected = [
            *data.qpos[:7],
            *data.qvel[:7],
            *(sim.ctrl[i] - [*data.qpos[:5], data.qpos[5:7].mean()]),
            *(hand.T @ (wheel.xpos - grip.xpos)),
            *grip.xpos,
            *hand[:, 2],
            *wheel.xpos,
            *wheel.xmat[2::3],
            data.qvel[7],
            2 * np.pi * sim.memory.side[i] - data.qpos[7],
            *[1.0, 1.0],
            *[0.25] * 6,
        ]
        np.testing.assert_allclose(observations[i], expected, atol=0.02)  # the hand's pose is a substep old


def test_reward_terms():
    env = envs.make_vec("Valve", 1, seed=100, begun=0.0)
    env.reset()
    world, sim = env.world, env.world.sim
    turn(env, 70)
    before, angle = sim.memory.action[0].copy(), sim.qpos[0, WHEEL]
    action = np.array([[0.5, -0.25, 0.0, 1.0, -1.0, -1.0]], np.float32)
    terms = world.step(action).terms
    axis = placed(env)[1][0]
    back = sim.xmat[0, sim.body("grip")].reshape(3, 3)[:, 2]
    turned = sim.memory.side[0] * (sim.qpos[0, WHEEL] - angle)
    assert turned > 0.005
    expected = {
        "reach": 1 - math.tanh(5 * math.dist(sim.xpos[0, sim.body("grip")], sim.xpos[0, sim.body("wheel")])),
        "align": 0.5 * float(back @ axis),
        "grasp": 1.0,
        "twist": 15.0 * sim.memory.side[0] * sim.qvel[0, ROLL] * 0.04,
        "turn": 10.0 * turned,
        "effort": -0.005 * float(np.square(action).sum()),
        "jerk": -0.005 * float(np.square(action - before).sum()),
    }
    assert {term: value.item() for term, value in terms.items()} == pytest.approx(expected, rel=1e-6)


def test_what_turns_without_a_grip_does_not_count_and_what_turns_back_does():
    env = envs.make_vec("Valve", 1, seed=100, begun=0.0)
    env.reset()
    sim = env.world.sim
    side = sim.memory.side[0]

    def paid(turn: float) -> float:
        """Return the reward for turning the wheel by some angle (rad) from where it is, in units of its weight."""
        sim.qpos[0, WHEEL] += side * turn
        sim.qvel[:] = 0.0
        terms = env.world.step(np.zeros((1, 6), np.float32)).terms
        return terms["turn"][0] / 10.0

    assert paid(0.5) == 0.0
    assert paid(-0.2) == pytest.approx(-0.2, abs=0.01)
    turn(env, 46)
    wheel = side * sim.qpos[0, WHEEL]
    assert paid(0.5) == pytest.approx(0.5, abs=0.05)
    assert paid(9.0) == pytest.approx(2 * np.pi + 0.5 - wheel - 0.5, abs=0.1)  # no further than round, and a little
    assert paid(0.5) == 0.0


def test_closed_fingers_on_top_of_a_wheel_are_no_grip():
    env = envs.make_vec("Valve", 1, seed=100, begun=0.0)
    env.reset()
    wheel, axis, tilt = placed(env)
    for _ in range(40):
        step_towards(env, joint_angles(wheel + 0.02 * axis, env.world.sim.qpos[:, ROLL], tilt), SHUT)
    terms = env.world.step(np.zeros((1, 6), np.float32)).terms
    assert np.any(env.world.sim.sensordata != 0.0)
    assert (terms["grasp"][0], terms["twist"][0]) == (0.0, 0.0)
    assert terms["turn"][0] <= 0.0


def test_a_scripted_grip_turns_all_wheels():
    env = envs.make_vec("Valve", 32, seed=100, begun=0.0, first_roll=0.3)
    env.reset()
    infos = turn(env, 150)
    assert all(info["is_success"] for info in infos)
    tracked = [info["episode"]["tracked"] for info in infos]
    metrics = env.task.metrics({key: np.array([each[key] for each in tracked]) for key in tracked[0]})
    assert metrics["success_rate"] == 1.0
    assert metrics["gripped_share"] > 0.99


def test_and_slips_where_the_pads_are_slippery():
    (trial,) = envs.make_vec("Valve", 1).task.trials.values()
    env = envs.make_vec("Valve", 32, seed=100, begun=0.0, first_roll=0.3, **trial.fields)
    env.reset()
    turn(env, 149)
    assert np.abs(env.world.sim.qpos[:, WHEEL]).max() < 0.1


def test_a_wheel_turns_where_the_torque_exceeds_its_friction():
    env = envs.make_vec("Valve", 50, seed=3, begun=0.0, friction=(0.08, 0.16))
    env.reset()
    sim = env.world.sim
    sim.qfrc_applied[:, WHEEL] = 0.12
    env.step(np.zeros((50, 6), np.float32))
    turned, friction = sim.qpos[:, WHEEL], sim.memory.friction
    assert np.unique(friction).size == 50
    assert (turned[friction < 0.118] > 1e-3).all()
    assert (turned[friction > 0.122] < 1e-3).all()


def test_success_is_a_full_turn_by_a_grip():
    task = envs.make_vec("Valve", 1).task
    assert task.succeeded({"turned": 6.2832})
    assert not task.succeeded({"turned": 6.2831})
    assert not task.succeeded({"turned": -6.2832})


def test_the_mirror_image_of_an_arm_lives_the_mirror_image_of_its_life():
    env = envs.make_vec("Valve", 2, seed=0, begun=0.0, friction=(0.1, 0.1))
    env.reset()
    sim = env.world.sim
    reflect(sim, slice(0, 1), slice(1, 2))
    sim.memory.side[1] = -sim.memory.side[0]
    sim.qfrc_applied[:, WHEEL] = 0.15 * sim.memory.side  # else nothing would turn it
    assert_mirrored_lives(env, slice(0, 1), slice(1, 2), 40)
    assert np.abs(sim.qpos[0, WHEEL]) > 0.1


def test_metrics():
    episodes = {
        "turned": np.array([6.5, 0.0, 6.5, 6.4]),
        "until_round": np.array([3.0, 6.0, 4.0, 2.0]),
        "turning": np.array([50.0, 0.0, 25.0, 25.0]),
        "gripped": np.array([50.0, 0.0, 20.0, 25.0]),
    }
    assert envs.make_vec("Valve", 1).task.metrics(episodes) == pytest.approx(
        {"success_rate": 0.75, "turned_mean": 4.85, "turn_seconds_median": 3.5, "gripped_share": 0.95}
    )


def test_some_episodes_begin_on_the_way_with_the_wheel_in_a_grip():
    env = envs.make_vec("Valve", 400, seed=2, begun=0.5)
    env.reset()
    sim = env.world.sim
    angle = sim.memory.side * sim.qpos[:, WHEEL]
    begun = angle != 0.0
    assert 0.4 < begun.mean() < 0.6
    assert np.histogram(angle[begun], bins=4, range=(0.0, 2 * np.pi))[0].min() > 25
    turned = sim.memory.side * sim.qpos[:, ROLL] - angle  # rad, of the hand more than of the wheel
    assert np.abs(turned).max() <= env.task.first_roll
    for _ in range(25):
        action = np.zeros((400, 6), np.float32)
        action[:, 4], action[:, 5] = sim.memory.side, -1.0
        env.step(action)
    now = env.task.measure(sim)
    assert now["gripped"][begun].mean() > 0.98
    assert (now["angle"] - angle)[begun].min() > 1.0
