import math

import numpy as np
import pytest

import envs
from envs.robots.arm_kinematics import joint_angles
from envs.robots.carry import CUBE_POSITION
from envs.robots.stack import ABOVE, BASE_POSITION
from tests.envs.robots.arm_geometry import (
    OPEN,
    SHUT,
    assert_mirrored_lives,
    quarter,
    reflect,
    step_towards,
)

HIGH, LOW = np.array([0.0, 0.0, 0.07]), np.array([0.0, 0.0, 0.001])  # m


def stack(env, steps=150):
    """Have every arm put its cube on the other one, let go and draw back; return the last step's infos."""
    sim = env.world.sim
    start, goal = sim.qpos[:, CUBE_POSITION].copy(), sim.qpos[:, BASE_POSITION] + ABOVE
    azimuth = np.arctan2(start[:, 1], start[:, 0])
    roll = quarter(2 * np.arctan2(sim.qpos[:, 13], sim.qpos[:, 10]) - azimuth)
    waypoints = [
        (22, start + HIGH, OPEN),
        (31, start, OPEN),
        (38, start, SHUT),
        (48, start + HIGH, SHUT),
        (88, goal + HIGH, SHUT),
        (105, goal + LOW, SHUT),
        (112, goal + LOW, OPEN),
    ]
    for step in range(steps):
        place, opening = next(((place, g) for until, place, g in waypoints if step < until), (goal + HIGH, OPEN))
        *_, infos = step_towards(env, joint_angles(place, roll), opening)
    return infos


def test_two_cubes_lie_apart_in_the_stated_area():
    env = envs.make_vec("Stack", 2000, seed=1, placed=0.0)
    env.reset()
    task, sim = env.task, env.world.sim
    azimuths = []
    for place in (sim.qpos[:, CUBE_POSITION], sim.qpos[:, BASE_POSITION]):
        radius = np.hypot(place[:, 0], place[:, 1])
        low, high = task.cube_radius
        assert low <= radius.min() < low + 0.002 < high - 0.002 < radius.max() <= high
        azimuths.append(np.arctan2(place[:, 1], place[:, 0]))
        assert task.cube_azimuth - 0.01 < np.abs(azimuths[-1]).max() <= task.cube_azimuth + 1e-12
        assert (place[:, 2] == 0.02).all()
    assert task.apart <= np.abs(azimuths[0] - azimuths[1]).min() < task.apart + 0.01
    assert (azimuths[0] < azimuths[1]).mean() == pytest.approx(0.5, abs=0.04)


def test_a_scripted_stack_stands_and_slippery_pads_build_none():
    env = envs.make_vec("Stack", 32, seed=3, placed=0.0)
    env.reset()
    infos = stack(env)
    assert all(info["is_success"] for info in infos)
    tracked = [info["episode"]["tracked"] for info in infos]
    metrics = env.task.metrics({key: np.array([each[key] for each in tracked]) for key in tracked[0]})
    assert metrics["success_rate"] == 1.0
    assert metrics["both_pads_share"] > 0.95  # on its way; not where it lies on the other one
    (trial,) = env.task.trials.values()
    env = envs.make_vec("Stack", 32, seed=3, placed=0.0, **trial.fields)
    env.reset()
    assert not any(info["is_success"] for info in stack(env))


def test_success_is_a_cube_at_rest_without_the_hand():
    def ends(moved=0.0, speed=0.0, released=True):
        """Whether an episode succeeds whose last half second a cube lies on the other one, beside it or moves."""
        env = envs.make_vec("Stack", 1, seed=0, placed=0.0, episode_steps=16)
        env.reset()
        sim = env.world.sim
        for _ in range(16):
            if not released:  # the hand is where it was placed, above the cube
                grip = sim.xpos[0, sim.body("grip")]
                sim.qpos[0, BASE_POSITION] = grip - ABOVE - [0, 0, 0.03]
            sim.qpos[0, CUBE_POSITION] = sim.qpos[0, BASE_POSITION] + ABOVE + [moved, 0, 0]
            sim.qvel[:] = 0.0
            sim.qvel[0, 7] = speed
            *_, infos = env.step(np.zeros((1, 6), np.float32))
        return infos[0]["is_success"]

    assert ends()
    assert not ends(moved=0.016)
    assert not ends(speed=1.0)
    assert not ends(released=False)


def test_letting_go_costs_nothing_and_drawing_back_pays():
    env = envs.make_vec("Stack", 1, seed=3, placed=0.0)
    env.reset()
    sim, task = env.world.sim, env.task
    rewards = []

    def step(*action: float) -> dict[str, float]:
        terms = {name: value.item() for name, value in env.world.step(np.float32([action])).terms.items()}
        rewards.append(sum(value for name, value in terms.items() if name not in ("effort", "jerk")))
        return terms

    stack(env, 105)
    squeezed = step(0, 0, 0, 0, 0, -1)
    assert squeezed["release"] == 0.0
    loosened = step(0, 0, 0, 0, 0, 0.5)
    share = 0.5 * task.finger_step / task.finger_lead
    assert loosened["loosen"] - squeezed["loosen"] == pytest.approx(2.0 * share, rel=0.1)
    for _ in range(6):
        terms = step(0, 0, 0, 0, 0, 1)
    distance = math.dist(sim.xpos[0, sim.body("grip")], sim.xpos[0, sim.body("cube")])
    assert (terms["loosen"], terms["release"]) == (2.0, 2.0)
    assert terms["away"] == pytest.approx(4.0 * distance / 0.06)
    assert [terms[name] for name in ("reach", "grasp", "lift", "goal")] == [1.0, 0.5, 0.5, 2.0]
    for _ in range(15):
        terms = step(0, -0.5, 0, 0, 0, 0)
    assert terms["away"] == 4.0
    assert (np.diff(rewards) > -0.05).all()


def test_the_mirror_image_of_an_arm_lives_the_mirror_image_of_its_life():
    env = envs.make_vec("Stack", 2, seed=0, placed=0.0)
    env.reset()
    reflect(env.world.sim, slice(0, 1), slice(1, 2))
    assert_mirrored_lives(env, slice(0, 1), slice(1, 2), 40)


def test_some_episodes_begin_with_the_cube_in_its_place_below_the_hand_or_in_it():
    env = envs.make_vec("Stack", 400, seed=2, placed=0.5, first_skill=1.0)
    env.reset()
    sim, task = env.world.sim, env.task
    error = np.linalg.norm(task.to_goal(sim), axis=1)
    placed = error < 1e-9
    assert 0.4 < placed.mean() < 0.6
    assert error[~placed].min() > 0.05
    for _ in range(10):
        env.step(np.zeros((400, 6), np.float32))
    now = task.measure(sim)
    np.testing.assert_array_less(np.linalg.norm(task.to_goal(sim)[placed], axis=1), 0.004)
    pressed, released = now["pressing"][placed].all(axis=1), now["released"][placed]
    assert 0.4 < released.mean() < 0.6
    assert (pressed | released).mean() > 0.9
    height = -now["to_cube"][placed, 2]
    assert np.abs(height[pressed]).max() < 0.002
    assert -0.002 < height[released].min() < 0.01 < task.rise - 0.01 < height[released].max() < task.rise + 0.002
    for _ in range(6):
        env.step(np.tile(np.float32([0, 0, 0, 0, 0, 1]), (400, 1)))
    assert task.measure(sim)["released"][placed].all()


def test_easy_starts_come_with_the_skill_of_bringing_the_cube():
    env = envs.make_vec("Stack", 200, seed=0, placed=1.0, learning=0.5, episode_steps=3)
    env.reset()
    sim, task = env.world.sim, env.task

    def begun():
        return np.linalg.norm(task.to_goal(sim), axis=1) < 1e-9

    def live(*brings):
        """Have all live an episode in which these arms bring the cube near its place."""
        for _ in range(3):
            for i in brings:
                sim.qpos[i, CUBE_POSITION] = sim.qpos[i, BASE_POSITION] + ABOVE + [0, 0, 0.03]
            env.step(np.zeros((200, 6), np.float32))

    assert not begun().any()
    live(*range(100))
    assert 30 < begun()[:100].sum() < 70  # half of the episodes of these
    assert not begun()[100:].any()
    live(*range(100))
    np.testing.assert_array_equal(np.unique(sim.memory.skill[:100]), [0.5, 1.0])  # what began there taught nothing
    assert (sim.memory.skill[100:] == 0.0).all()
