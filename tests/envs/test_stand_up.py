import mujoco
import numpy as np
import pytest

import envs
from envs.stand_up import LEVEL, NOTCHES, ON_THE_BACK, StandUp


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
def test_begins_on_its_back(seed):
    data = posture("StandUp", seed, **StandUp.evaluation)
    front, _, up = data.body("trunk").xmat.reshape(3, 3).T
    assert front[2] > 0.95  # the chest looks up
    assert up[0] < -0.95  # the head lies towards -x
    assert data.site("head").xpos[2] < 0.4  # m


@pytest.mark.parametrize("level", range(ON_THE_BACK - NOTCHES))
def test_the_way_up_is_on_flat_feet_from_lying_with_the_knees_up(level):
    data = posture("StandUp", level, first_level=level, reset_noise=0.0)
    heel, ball = (data.geom(f"left_{part}").xpos for part in ("heel", "inner_ball"))
    assert heel[2] == pytest.approx(ball[2], abs=1e-9)
    assert heel[2] < 0.06  # m


def test_the_way_up_leads_from_the_back_to_standing():
    heads = [posture("StandUp", 0, first_level=level).site("head").xpos[2] for level in range(ON_THE_BACK + 1)]
    assert heads[0] > 1.4
    assert heads[-2] < 0.4
    assert heads[-1] < 0.4


def test_begins_further_down_after_standing_at_the_end_and_further_up_after_lying():
    env = envs.make_vec("StandUp", 2, episode_steps=120)
    env.reset()
    sim = env.world.sim
    levels = []
    for standing in (True, True, True, False):
        levels.append(sim.userdata[:, LEVEL].tolist())
        for _ in range(120):
            sim.qpos[0, 2:7] = 0.96 if standing else 0.3, 1.0, 0.0, 0.0, 0.0
            sim.qpos[1, 2:7] = 0.3, 1.0, 0.0, 0.0, 0.0
            sim.qvel[:] = 0.0
            env.step(np.zeros((2, 10), np.float32))
    levels.append(sim.userdata[:, LEVEL].tolist())
    assert levels == [[0, 0], [1, 0], [2, 0], [3, 0], [2.5, 0]]


def test_its_head_is_above_the_target_height_when_it_stands_straight():
    assert posture("Biped", 0).site("head").xpos[2] == pytest.approx(1.6, abs=0.05)  # m


def test_is_paid_for_the_height_of_its_head_and_for_staying_where_it_is():
    weights = {"head_weight": 2.0, "drift_weight": 0.5, "effort_weight": 1e-4}
    env = envs.make_vec("StandUp", 1, first_level=ON_THE_BACK, target_height=1.4, **weights)
    env.reset()
    action = np.random.default_rng(0).uniform(-1, 1, (1, 10)).astype(np.float32)
    step = env.world.step(action)
    torques = action[0] * env.world.model.actuator_ctrlrange[:, 1]
    head = env.world.sim.site_xpos[0, 0, 2]
    along = env.world.sim.qvel[0, :2]
    assert np.abs(along).min() > 1e-3
    expected = {
        "head_height": -2.0 * (head - 1.4) ** 2,
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


@pytest.mark.parametrize("level", [12, 18])
def test_begins_on_the_way_up_in_motion_with_resting_feet(level):
    data = posture("StandUp", 3, first_level=level, reset_noise=0.0)
    head, foot = np.zeros(6), np.zeros(6)
    mujoco.mj_objectVelocity(data.model, data, mujoco.mjtObj.mjOBJ_SITE, data.site("head").id, head, 0)
    mujoco.mj_objectVelocity(data.model, data, mujoco.mjtObj.mjOBJ_BODY, data.body("right_foot").id, foot, 0)
    assert head[3] > 0.5  # m/s ahead
    np.testing.assert_allclose(foot, 0.0, atol=1e-9)


@pytest.mark.parametrize(("level", "steps"), [(0, 15), (ON_THE_BACK - 1, 15), (ON_THE_BACK, 40)])
def test_episodes_on_the_back_are_longer(level, steps):
    env = envs.make_vec("StandUp", 1, first_level=level, early_steps=15, episode_steps=40)
    env.reset()
    for step in range(1, steps + 1):
        _, _, dones, infos = env.step(np.zeros((1, 10), np.float32))
        assert dones[0] == (step == steps)
    assert infos[0]["TimeLimit.truncated"]
