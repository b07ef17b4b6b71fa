import math
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

import envs
from envs.robots.arm_kinematics import joint_angles
from envs.robots.carry import CUBE_POSITION, HALF_CUBE
from tests.envs.robots.arm_geometry import (
    OPEN,
    SHUT,
    assert_mirrored_lives,
    quarter,
    reflect,
    step_towards,
)

BOTH = pytest.mark.parametrize("name", ["Grasp", "PickAndPlace"])


def lift(env, steps: int = 100) -> list:
    """Have every arm grasp its cube and bring it to its goal by waypoints; return the last step's infos."""
    sim = env.world.sim
    start, goal = sim.qpos[:, CUBE_POSITION].copy(), sim.mocap_pos[:, 0].copy()
    azimuth = np.arctan2(start[:, 1], start[:, 0])
    turn = azimuth + quarter(2 * np.arctan2(sim.qpos[:, 13], sim.qpos[:, 10]) - azimuth)
    above = start + np.array([0, 0, 0.06])
    waypoints = [(22, above, OPEN), (31, start, OPEN), (38, start, SHUT), (45, above, SHUT)]
    for step in range(steps):
        place, opening = next(((place, g) for until, place, g in waypoints if step < until), (goal, SHUT))
        *_, infos = step_towards(env, joint_angles(place, turn - np.arctan2(place[:, 1], place[:, 0])), opening)
    return infos


@BOTH
def test_sizes(name):
    env = envs.make_vec(name, 2)
    assert env.observation_space.shape == (48,)
    assert env.action_space.shape == (6,)
    assert env.task.episode_steps * env.world.dt == pytest.approx(4.0)


@BOTH
def test_the_checkers_have_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(f"envs:Locomotion/{name}-v0").unwrapped, skip_render_check=True)
        check_env_of_sb3(gymnasium.make(f"envs:Locomotion/{name}-v0"), skip_render_check=True)


@BOTH
def test_one_arm_and_many_agree_to_the_last_bit(name):
    batch = envs.make_vec(name, 3, seed=5)
    singles = [gymnasium.make(f"envs:Locomotion/{name}-v0") for _ in range(3)]
    first = batch.reset()
    np.testing.assert_array_equal([single.reset(seed=5 + i)[0] for i, single in enumerate(singles)], first)
    rng = np.random.default_rng(0)
    for _ in range(120):
        actions = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        observations, rewards, dones, infos = batch.step(actions)
        for i, single in enumerate(singles):
            observation, reward, _, truncated, info = single.step(actions[i])
            assert (np.float32(reward), truncated) == (rewards[i], dones[i])
            if dones[i]:
                assert info["is_success"] == infos[i]["is_success"]
                np.testing.assert_array_equal(infos[i]["terminal_observation"], observation)
                observation, _ = single.reset()
            np.testing.assert_array_equal(observations[i], observation)


@BOTH
def test_cube_and_goal_lie_in_the_stated_area_within_reach(name):
    env = envs.make_vec(name, 2000, seed=1)
    env.reset()
    task, sim = env.task, env.world.sim
    cube, goal = sim.qpos[:, CUBE_POSITION], sim.mocap_pos[:, 0]
    for place in (cube, goal):
        radius, azimuth = np.hypot(place[:, 0], place[:, 1]), np.arctan2(place[:, 1], place[:, 0])
        low, high = task.cube_radius
        assert low <= radius.min() < low + 0.002 < high - 0.002 < radius.max() <= high
        assert task.cube_azimuth - 0.01 < np.abs(azimuth).max() <= task.cube_azimuth
        for roll in (-np.pi / 4, np.pi / 4):  # as far as the hand must turn for a cube turned in any way
            angles, limits = joint_angles(place, roll), sim.model.jnt_range[:5]
            assert ((limits[:, 0] < angles) & (angles < limits[:, 1])).all()
    low, high = task.goal_height
    assert (cube[:, 2] == HALF_CUBE).all()
    assert low <= goal[:, 2].min() < low + 0.002 < high - 0.002 < goal[:, 2].max() <= high
    assert np.hypot(*(goal - cube)[:, :2].T).max() > 0.1


def test_grasp_is_evaluated_by_lifting_straight_up():
    env = envs.make_vec("Grasp", 50, seed=1, **envs.task_class(envs.canonical_id("Grasp")).evaluation)
    env.reset()
    goal, cube = env.world.sim.mocap_pos[:, 0], env.world.sim.qpos[:, CUBE_POSITION]
    assert (goal[:, :2] == cube[:, :2]).all()
    assert (goal[:, 2] > cube[:, 2]).all()


@BOTH
def test_observations_are_what_they_are_said_to_be(name):
    env = envs.make_vec(name, 3, seed=2)
    env.reset()
    lift(env, 50)
    observations = env.step(np.full((3, 6), 0.25, np.float32))[0]
    sim, model, data = env.world.sim, env.world.model, mujoco.MjData(env.world.model)
    for i in range(3):
        data.qpos[:], data.qvel[:] = sim.qpos[i], sim.qvel[i]
        mujoco.mj_forward(model, data)
        grip, cube = data.body("grip"), data.body("cube")
        hand = grip.xmat.reshape(3, 3)
        turn = np.arctan2(*(hand.T @ cube.xmat.reshape(3, 3))[[1, 0], 0])
        expected = [
            *data.qpos[:7],
            *data.qvel[:7],
            *(sim.ctrl[i] - [*data.qpos[:5], data.qpos[5:7].mean()]),
            *(hand.T @ (cube.xpos - grip.xpos)),
            *grip.xpos,
            *hand[:, 2],
            *data.qpos[7:10],
            *data.qvel[7:10],
            *[1.0, 1.0],
            *[np.cos(4 * turn), np.sin(4 * turn)],
            *[0.25] * 6,
            *(sim.mocap_pos[i, 0] - cube.xpos),
        ]
        # What the physics derives is a substep old: a few mm on a moving arm.
        np.testing.assert_allclose(observations[i], expected, atol=0.03)


@BOTH
def test_reward_terms(name):
    env = envs.make_vec(name, 1, seed=4)
    env.reset()
    task, world, sim = env.task, env.world, env.world.sim
    lift(env, 75)
    before = sim.memory.action[0].copy()
    action = np.array([[0.5, -0.25, 0.0, 1.0, -1.0, -1.0]], np.float32)
    terms = world.step(action).terms
    grip, cube = sim.xpos[0, sim.body("grip")], sim.xpos[0, sim.body("cube")]
    error = math.dist(sim.mocap_pos[0, 0], sim.qpos[0, CUBE_POSITION])
    assert sim.qpos[0, 9] > 0.03  # off the table
    expected = {
        "reach": 1 - math.tanh(5 * math.dist(grip, cube)),
        "grasp": 0.5,
        "lift": 0.5,
        "far": 2 * (1 - math.tanh(2.5 * error)),
        "near": 2 * (1 - math.tanh(8 * error)),
        "goal": 2.0 * (error < task.goal_tolerance),
        "effort": -0.005 * float(np.square(action).sum()),
        "jerk": -0.005 * float(np.square(action - before).sum()),
    }
    assert {term: value.item() for term, value in terms.items()} == pytest.approx(expected, rel=1e-6)


def test_a_cube_on_the_table_is_not_lifted():
    env = envs.make_vec("Grasp", 2, seed=4, goal_height=(0.02, 0.02))  # the goal is on the table
    env.reset()
    lift(env, 38)
    terms = env.world.step(np.tile(np.float32([0, 0, 0, 0, 0, -1]), (2, 1))).terms
    assert (terms["grasp"] == 0.5).all()
    for term in ("lift", "far", "near", "goal"):
        assert (terms[term] == 0.0).all()


def test_lifting_pays_from_the_table_up():
    env = envs.make_vec("Grasp", 2, seed=4)
    env.reset()
    lift(env, 38)
    heights, lifted = [], []
    for _ in range(8):
        terms = env.world.step(np.tile(np.float32([0, -0.2, 0, 0.2, 0, -1]), (2, 1))).terms
        heights.append(env.world.sim.qpos[:, 9] - HALF_CUBE)
        lifted.append(terms["lift"] / 0.5)
    np.testing.assert_allclose(lifted, np.clip(np.array(heights) / 0.01, 0, 1), atol=1e-12)
    assert ((np.array(lifted) > 0.05) & (np.array(lifted) < 0.95)).any(axis=0).all()  # some were on their way
    assert (lifted[-1] == 1.0).all()


def test_targets_stay_near_the_joints_and_within_their_range():
    env = envs.make_vec("Grasp", 1, home_noise=0.0)
    env.reset()
    task, sim = env.task, env.world.sim
    home = sim.ctrl[0].copy()
    env.step(np.array([[1, -1, 0.5, 0, 5, 1]], np.float32))
    np.testing.assert_allclose(sim.ctrl[0] - home, [0.05, -0.05, 0.025, 0, 0.05, 0.01], atol=1e-7)
    sim.qvel[:] = 0.0
    for _ in range(60):
        joints = sim.qpos[0, :6].copy()
        env.step(np.array([[1, 0, 0, 0, -1, 1]], np.float32))
        lead = np.abs(sim.ctrl[0] - joints)
        assert (lead <= np.array([task.joint_lead] * 5 + [task.finger_lead]) + 1e-12).all()
    low, high = sim.model.actuator_ctrlrange.T
    assert sim.ctrl[0, 0] == high[0]
    assert sim.ctrl[0, 4] == low[4]
    assert sim.ctrl[0, 5] == high[5] == 0.04


@BOTH
def test_a_scripted_grasp_holds(name):
    env = envs.make_vec(name, 32, seed=3)
    env.reset()
    infos = lift(env)
    assert all(info["is_success"] for info in infos)
    tracked = [info["episode"]["tracked"] for info in infos]
    metrics = env.task.metrics({key: np.array([each[key] for each in tracked]) for key in tracked[0]})
    assert metrics["success_rate"] == 1.0
    assert metrics["both_pads_share"] == 1.0
    assert metrics["final_error_p95"] < 0.01


@BOTH
def test_and_slips_where_the_pads_are_slippery(name):
    (trial,) = envs.make_vec(name, 1).task.trials.values()
    env = envs.make_vec(name, 32, seed=3, **trial.fields)
    env.reset()
    assert env.task.pad_friction == 0.05
    assert not any(info["is_success"] for info in lift(env))


# Moved there before a step, the cube is there at the end of the step before, too: 13 times 0.04 s are half a second.
@pytest.mark.parametrize(("steps", "success"), [(11, False), (12, True), (40, True)])
def test_success_is_half_a_second_at_the_goal_up_to_the_end(steps, success):
    env = envs.make_vec("PickAndPlace", 1, seed=0)
    env.reset()
    sim = env.world.sim

    def step(error: float) -> dict:
        """Put the cube at a distance (m) beside the goal, from where it falls 9.4 mm during the step."""
        sim.qpos[0, CUBE_POSITION] = sim.mocap_pos[0, 0] + [error, 0.0, 0.0]
        sim.qvel[0] = 0.0
        *_, infos = env.step(np.zeros((1, 6), np.float32))
        return infos[0]

    for k in range(100):
        there = 20 <= k < 70 or k >= 100 - steps  # to have been there earlier does not count
        info = step(0.01 if there else 0.04)
    assert info["is_success"] is success
    assert info["episode"]["tracked"]["success"] == success
    assert info["episode"]["tracked"]["final_error"] == pytest.approx(math.hypot(0.01, 0.0094), rel=1e-2)


@BOTH
def test_a_state_brings_goal_and_memory_back(name):
    def play(env, count):
        rng = np.random.default_rng(1)
        return [env.step(rng.uniform(-1, 1, (3, 6)).astype(np.float32))[:2] for _ in range(count)]

    env = envs.make_vec(name, 3, seed=0)
    env.reset()
    lift(env, 90)  # the cubes are at their goals: the time there is part of the state
    state = env.world.get_state()
    assert (env.world.sim.memory.held > 5).all()
    first = play(env, 30)
    other = envs.make_vec(name, 3, seed=9)
    other.reset()
    other.world.set_state(state)
    for (observations, rewards), (again, rewards_again) in zip(first, play(other, 30), strict=True):
        np.testing.assert_array_equal(observations, again)
        np.testing.assert_array_equal(rewards, rewards_again)


@BOTH
def test_the_mirror_image_of_an_arm_lives_the_mirror_image_of_its_life(name):
    env = envs.make_vec(name, 2, seed=0)
    env.reset()
    reflect(env.world.sim, slice(0, 1), slice(1, 2))
    assert_mirrored_lives(env, slice(0, 1), slice(1, 2), 40)


def test_metrics():
    episodes = {
        "success": np.array([1.0, 0.0, 1.0, 1.0]),
        "final_error": np.array([0.01, 0.2, 0.02, 0.01]),
        "off_table": np.array([50.0, 0.0, 25.0, 25.0]),
        "both_pads": np.array([50.0, 0.0, 20.0, 25.0]),
    }
    metrics = envs.make_vec("Grasp", 1).task.metrics(episodes)
    assert metrics == pytest.approx(
        {
            "success_rate": 0.75,
            "final_error_mean": 0.06,
            "final_error_median": 0.015,
            "final_error_p95": np.quantile(episodes["final_error"], 0.95),
            "both_pads_share": 0.95,
        }
    )
