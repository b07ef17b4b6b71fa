import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import envs
from envs.robots.stand_up import FULL_WEIGHT, LONG, StandUp


def test_the_papers_numbers():
    env = envs.make_vec("StandUp", 1, **StandUp.evaluation)
    assert env.observation_space.shape == (33,)
    assert env.action_space.shape == (10,)
    assert (env.world.dt, env.task.episode_steps) == (0.01, 2000)
    assert (StandUp().target_height, StandUp().head_weight) == (1.5, 1.0)


def posture(name: str, seed: int, **fields: float) -> mujoco.MjData:
    """Return the first posture of an episode."""
    env = envs.make_vec(name, 1, seed=seed, **fields)
    env.reset()
    data = mujoco.MjData(env.world.model)
    data.qpos, data.qvel = env.world.sim.qpos[0], env.world.sim.qvel[0]
    mujoco.mj_forward(env.world.model, data)
    return data


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fields", [{"standing_share": 0.0}, StandUp.evaluation])
def test_begins_on_its_back(seed, fields):
    data = posture("StandUp", seed, **fields)
    front, _, up = data.body("trunk").xmat.reshape(3, 3).T
    assert front[2] > 0.95  # the chest looks up
    assert up[0] < -0.95  # the head lies towards -x
    assert data.site("head").xpos[2] < 0.4  # m


@pytest.mark.parametrize(
    ("trial", "down"),
    [("belly", {(0, -1)}), ("side", {(1, -1), (1, 1)})],  # which of the trunk's axes looks down, or up
)
def test_begins_on_its_belly_or_on_either_side_in_trials(trial, down):
    seen = set()
    for seed in range(8):
        data = posture("StandUp", seed, **StandUp.evaluation | StandUp.trials[trial].fields)
        upwards = data.body("trunk").xmat.reshape(3, 3)[2]
        axis = int(np.abs(upwards).argmax())
        assert abs(upwards[axis]) > 0.95
        assert data.site("head").xpos[2] < 0.4  # m
        seen.add((axis, round(upwards[axis])))
    assert seen == down


def test_begins_anywhere_between_its_least_and_its_greatest_turn_to_either_side():
    env = envs.make_vec("StandUp", 1000, standing_share=0.0, reset_noise=0.0, roll=(0.4, 1.5))
    env.reset()
    rotations = Rotation.from_quat(env.world.sim.qpos[:, 3:7], scalar_first=True)
    on_the_back = Rotation.from_euler("y", -np.pi / 2)
    turns = (on_the_back.inv() * rotations).as_rotvec()  # rad, about the trunk's own axes
    np.testing.assert_allclose(turns[:, :2], 0.0, atol=1e-9)  # about its long one alone
    sizes = np.abs(turns[:, 2])
    assert 0.4 <= sizes.min() < 0.42
    assert 1.48 < sizes.max() <= 1.5
    assert np.mean(turns[:, 2] > 0.0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("level", "gravity"), [(0, 0.2), (5, 0.4), (15, 0.8), (FULL_WEIGHT, 1.0), (LONG, 1.0)])
def test_moves_as_on_a_moon_that_grows_with_the_level(level, gravity):
    env = envs.make_vec("StandUp", 1, standing_share=0.0, first_level=level, lightness=0.8)
    env.reset()
    sim, model = env.world.sim, env.world.model
    moon = mujoco.MjData(model)
    sim.qpos[0, 2] += 2.0  # m: in the air, lest contacts hide it
    moon.qpos, moon.qvel = sim.qpos[0], sim.qvel[0]
    model.opt.gravity[2] *= gravity
    mujoco.mj_step(model, moon, env.world.substeps)
    model.opt.gravity[2] /= gravity
    env.step(np.zeros((1, 10), np.float32))
    np.testing.assert_allclose(sim.qpos[0], moon.qpos, atol=1e-9)
    assert moon.qvel[2] == pytest.approx(sim.qvel[0, 2], abs=1e-9)


def test_weighs_more_after_standing_at_the_end_and_less_after_lying():
    env = envs.make_vec("StandUp", 2, standing_share=0.0, trial_share=0.0, episode_steps=120)
    env.reset()
    sim = env.world.sim
    levels = []
    for standing in (True, True, True, False):
        levels.append(sim.memory.level.tolist())
        for _ in range(120):
            sim.qpos[0, 2:7] = 0.96 if standing else 0.3, 1.0, 0.0, 0.0, 0.0
            sim.qpos[1, 2:7] = 0.3, 1.0, 0.0, 0.0, 0.0
            sim.qvel[:] = 0.0
            env.step(np.zeros((2, 10), np.float32))
    levels.append(sim.memory.level.tolist())
    assert levels == [[0, 0], [1, 0], [2, 0], [3, 0], [2.5, 0]]


def test_who_flies_does_not_stand():
    env = envs.make_vec("StandUp", 2, standing_share=0.0, trial_share=0.0, early_steps=130)
    env.reset()
    sim = env.world.sim
    for _ in range(130):
        sim.qpos[:, 2:7] = 0.96, 1.0, 0.0, 0.0, 0.0
        sim.qpos[1, 2] += 0.2  # m
        sim.qvel[:] = 0.0
        env.step(np.zeros((2, 10), np.float32))
    assert sim.memory.level.tolist() == [1, 0]


def test_begins_some_episodes_by_standing_which_are_no_trials():
    env = envs.make_vec("StandUp", 400, standing_share=0.3, trial_share=0.0, early_steps=130)
    env.reset()
    sim = env.world.sim
    upright = sim.qpos[:, 3] > 0.9  # the quaternion's real part
    assert 80 < upright.sum() < 160
    for _ in range(130):
        sim.qpos[:, 2:7] = 0.96, 1.0, 0.0, 0.0, 0.0
        sim.qvel[:] = 0.0
        env.step(np.zeros((400, 10), np.float32))
    np.testing.assert_array_equal(sim.memory.level, np.where(upright, 0.0, 1.0))


def test_keeps_the_weight_of_a_trial_in_which_it_stood():
    env = envs.make_vec("StandUp", 400, standing_share=0.0, trial_share=0.3, first_level=4, early_steps=130)
    env.reset()
    sim = env.world.sim
    present = sim.memory.present.copy()
    trials = present > 4
    assert 80 < trials.sum() < 160
    assert present[trials].min() < 5
    assert present[trials].max() > 20
    stands = np.arange(400) % 2 == 0
    for _ in range(130):
        sim.qpos[:, 2:7] = 0.3, 1.0, 0.0, 0.0, 0.0
        sim.qpos[stands, 2] = 0.96
        sim.qvel[:] = 0.0
        env.step(np.zeros((400, 10), np.float32))
    np.testing.assert_array_equal(sim.memory.level[stands], np.minimum(present[stands] + 1, LONG))
    np.testing.assert_array_equal(sim.memory.level[~stands], 4)  # the least is where they are


def test_a_trial_that_failed_costs_nothing():
    env = envs.make_vec("StandUp", 400, standing_share=0.0, trial_share=0.3, first_level=0, early_steps=10)
    env.reset()
    sim = env.world.sim
    sim.memory.level = 5
    trials = sim.memory.present > 5
    for _ in range(10):
        env.step(np.zeros((400, 10), np.float32))
    np.testing.assert_array_equal(sim.memory.level, np.where(trials, 5, 4.5))


def test_its_head_is_above_the_target_height_when_it_stands_straight():
    assert posture("Biped", 0).site("head").xpos[2] == pytest.approx(1.6, abs=0.05)  # m


def test_is_paid_for_the_height_of_its_head_and_for_staying_where_it_is():
    weights = {"head_weight": 2.0, "drift_weight": 0.5, "effort_weight": 1e-4}
    bonus = {"target_height": 1.4, "standing_bonus": 3.0, "standing_width": 0.7}
    env = envs.make_vec("StandUp", 1, first_level=FULL_WEIGHT, **weights, **bonus)
    env.reset()
    action = np.random.default_rng(0).uniform(-1, 1, (1, 10)).astype(np.float32)
    step = env.world.step(action)
    torques = action[0] * env.world.model.actuator_ctrlrange[:, 1]
    head = env.world.sim.site_xpos[0, 0, 2]
    along = env.world.sim.qvel[0, :2]
    assert np.abs(along).min() > 1e-3
    expected = {
        "head_height": -2.0 * (head - 1.4) ** 2,
        "standing": 3.0 * np.exp(-(((head - 1.4) / 0.7) ** 2)),
        "drift": -0.5 * along @ along,
        "effort": -1e-4 * torques @ torques,
    }
    assert {name: term[0] for name, term in step.terms.items()} == pytest.approx(expected, rel=1e-5)
    assert 0.05 < head < 0.5


@pytest.mark.parametrize(("first", "last", "stood"), [(490, 2000, True), (0, 490, False), (490, 1990, False)])
def test_has_stood_up_where_the_head_is_up_within_five_seconds_and_to_the_end(first, last, stood):
    env = envs.make_vec("StandUp", 1, **StandUp.evaluation)
    env.reset()
    sim = env.world.sim
    lying, upright = sim.qpos[0].copy(), sim.qpos[0].copy()
    upright[2:7] = 0.96, 1.0, 0.0, 0.0, 0.0
    for step in range(2000):
        sim.qpos[0] = upright if first <= step < last else lying
        sim.qvel[0] = 0.0
        _, _, dones, infos = env.step(np.zeros((1, 10), np.float32))
        assert dones[0] == (step == 1999)
    assert infos[0]["is_success"] == stood


def test_metrics():
    episodes = {
        "seconds": np.array([20.0, 20.0, 20.0, 20.0, 4.0]),
        "terminated": np.array([False, False, True, False, False]),
        "seconds_down": np.array([0.0, 0.01, 0.0, 15.0, 0.0]),
    }
    assert StandUp().metrics(episodes) == {"stand_rate": 0.2}


@pytest.mark.parametrize(("level", "shortest", "longest"), [(0, 15, 15), (FULL_WEIGHT, 15, 15), (LONG, 30, 40)])
def test_the_last_levels_episodes_are_longer_and_some_are_whole_ones(level, shortest, longest):
    env = envs.make_vec(
        "StandUp", 60, first_level=level, early_steps=15, least_steps=30, episode_steps=40, long_share=1.0
    )
    env.reset()
    lasted = np.zeros(60, int)
    for step in range(1, longest + 1):
        _, _, dones, infos = env.step(np.zeros((60, 10), np.float32))
        for robot in np.flatnonzero(dones & (lasted == 0)):
            lasted[robot] = step
            assert infos[robot]["TimeLimit.truncated"]
    assert set(lasted) == set(range(shortest, longest + 1))


def test_a_share_of_the_last_level_s_episodes_is_long():
    env = envs.make_vec("StandUp", 400, first_level=LONG, early_steps=15, least_steps=30, long_share=0.25)
    env.reset()
    for _ in range(15):
        dones = env.step(np.zeros((400, 10), np.float32))[2]
    assert 260 < dones.sum() < 340
