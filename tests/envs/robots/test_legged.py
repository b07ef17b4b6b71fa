"""What holds for all our robots on legs."""

import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.registry import canonical_id, require_task

ROBOTS = ["Biped", "Quadruped", "StandUp"]
robots = pytest.mark.parametrize("name", ROBOTS)


def model_of(name: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(require_task(canonical_id(name)).model_path()))


def sensed(model: mujoco.MjModel, i: int) -> str:
    """Return the name of the foot (a body or a geom) whose contact force sensor i measures."""
    return mujoco.mj_id2name(model, model.sensor_objtype[i], model.sensor_objid[i])


def forces_on_feet(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Add up the contact forces (feet, 3) on each foot, in N, contact by contact."""
    forces, wrench = np.zeros((model.nsensor, 3)), np.zeros(6)
    for i, contact in enumerate(data.contact):
        mujoco.mj_contactForce(model, data, i, wrench)
        touching = max(contact.geom)  # the floor is geom 0
        names = {model.geom(touching).name, model.body(model.geom_bodyid[touching]).name}
        for foot, force in enumerate(forces):
            if sensed(model, foot) in names:
                force += contact.frame.reshape(3, 3).T @ wrench[:3]
    return forces


@robots
def test_gymnasiums_checker_has_nothing_to_say(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(f"envs:Locomotion/{name}-v0").unwrapped, skip_render_check=True)


@robots
def test_the_single_door_agrees_to_the_last_bit(name):
    batch = envs.make_vec(name, 3, seed=4)
    single = gymnasium.make(f"envs:Locomotion/{name}-v0")
    np.testing.assert_array_equal(single.reset(seed=5)[0], batch.reset()[1])
    rng = np.random.default_rng(0)
    ended = False
    while not ended and batch.world.sim.time[1] < 2.0:
        actions = rng.uniform(-1, 1, (3, *batch.action_space.shape)).astype(np.float32)
        observations, rewards, dones, infos = batch.step(actions)
        observation, reward, terminated, truncated, _ = single.step(actions[1])
        ended = terminated or truncated
        assert np.float32(reward) == rewards[1]
        assert ended == dones[1]
        np.testing.assert_array_equal(observation, infos[1]["terminal_observation"] if ended else observations[1])
    assert ended == (name != "StandUp")


@robots
def test_every_motor_turns_the_joint_of_its_name_by_a_torque(name):
    model = model_of(name)
    assert model.nu == model.njnt - 1 == model.nv - 6
    for i in range(model.nu):
        assert model.actuator(i).trnid[0] == i + 1
        assert model.actuator(i).name == model.joint(i + 1).name
        assert model.actuator(i).gear[0] == 1
        assert model.actuator(i).gainprm[0] == 1
        assert model.actuator(i).ctrlrange[0] == -model.actuator(i).ctrlrange[1]


@robots
def test_begins_lightly_touching_the_floor_and_at_rest(name):
    env = envs.make_vec(name, 50, seed=1, **require_task(canonical_id(name)).evaluation)
    env.reset()
    sim, model = env.world.sim, env.world.model
    data = mujoco.MjData(model)
    for qpos in sim.qpos:
        data.qpos = qpos
        mujoco.mj_forward(model, data)
        depths = [contact.dist for contact in data.contact] or [0.0]
        assert min(depths) > -1e-9
        data.qpos[2] -= 1e-3
        mujoco.mj_forward(model, data)
        assert min(contact.dist for contact in data.contact) == pytest.approx(-1e-3, abs=1e-9)
    spread = sim.qpos[:, 7:] - np.array(env.task.start_angles)
    noise = env.task.reset_noise
    assert 0.8 * noise < np.abs(spread).max(axis=0).min() <= np.abs(spread).max() <= noise
    assert np.abs(sim.qvel).max() <= noise
    low, high = model.jnt_range[1:].T
    assert ((low <= sim.qpos[:, 7:]) & (sim.qpos[:, 7:] <= high)).all()


@robots
def test_the_mirror_image_of_a_robot_lives_the_mirror_image_of_its_life(name):
    env = envs.make_vec(name, 2, reset_noise=0.1)
    observation, action = env.world.mirror
    first = env.reset()[0]
    image = observation.sign * first[observation.order]
    sim, size = env.world.sim, env.world.model.nq - 2
    sim.qpos[1] = [sim.qpos[0, 0], -sim.qpos[0, 1], *image[:size]]
    sim.qvel[1] = image[size : size + env.world.model.nv]
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = rng.uniform(-0.5, 0.5, env.action_space.shape).astype(np.float32)
        (left, right), rewards, dones, _ = env.step(np.stack([actions, action.sign * actions[action.order]]))
        np.testing.assert_allclose(right, observation.sign * left[observation.order], atol=1e-4)
        assert rewards[0] == pytest.approx(rewards[1], abs=1e-4)
        assert not dones.any()


@robots
def test_the_way_already_gone_is_not_observed(name):
    env = envs.make_vec(name, 2, reset_noise=0.0, **require_task(canonical_id(name)).evaluation)
    env.reset()
    env.world.sim.qpos[1, :2] += 100.0
    first, second = env.step(np.zeros((2, *env.action_space.shape), np.float32))[0]
    np.testing.assert_allclose(first, second, atol=1e-9)


@pytest.mark.parametrize("name", ["Biped", "Quadruped"])
def test_runners_are_paid_by_the_papers_four_terms(name):
    env = envs.make_vec(name, 1, forward_weight=3.0, effort_weight=1e-4, impact_weight=1e-5, alive_bonus=0.7)
    env.reset()
    model = model_of(name)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(2)
    struck = 0.0
    for _ in range(8):
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        start = env.world.sim.qpos[0, 0]
        data.qpos, data.qvel = env.world.sim.qpos[0], env.world.sim.qvel[0]
        data.qacc_warmstart = env.world.sim.qacc_warmstart[0]
        torques = data.ctrl[:] = model.actuator_ctrlrange[:, 1] * action
        mujoco.mj_step(model, data, nstep=2)
        force = forces_on_feet(model, data)
        struck = max(struck, np.abs(force).max())
        step = env.world.step(action[None])
        expected = {
            "forward": 3.0 * (data.qpos[0] - start) / 0.01,
            "effort": -1e-4 * torques @ torques,
            "impact": -1e-5 * (force**2).sum(),
            "alive": 0.7,
        }
        assert {term: value[0] for term, value in step.terms.items()} == pytest.approx(expected, rel=1e-6, abs=1e-9)
        assert step.rewards[0] == pytest.approx(sum(expected.values()), rel=1e-6)
    assert struck > 100.0  # N


@pytest.mark.parametrize("name", ["Biped", "Quadruped"])
def test_metrics_of_runners(name):
    episodes = {
        "seconds": np.array([20.0, 2.0]),
        "terminated": np.array([False, True]),
        "distance": np.array([60.0, 4.0]),
        "work": np.array([12.0, 4.0]),
    }
    metrics = require_task(canonical_id(name)).metrics(episodes)
    expected = {"fall_rate": 0.5, "speed_mean": 2.5, "distance_mean": 32.0, "cost_of_transport": 0.25}
    assert metrics == pytest.approx(expected)


@pytest.mark.parametrize("name", ["Biped", "Quadruped"])
def test_work_is_torque_times_turning_rate(name):
    env = envs.make_vec(name, 1)
    env.reset()
    model, sim = model_of(name), env.world.sim
    action = np.random.default_rng(0).uniform(-1, 1, env.action_space.shape).astype(np.float32)
    env.world.step(action[None])
    power = np.abs(model.actuator_ctrlrange[:, 1] * action * sim.qvel[0, 6:]).sum()  # W
    tracked = env.world.get_state()["tracked.work"][0]
    assert tracked == pytest.approx(power * 0.01 / (9.81 * model.body_mass.sum()))
    assert env.world.get_state()["tracked.distance"][0] == pytest.approx(sim.qpos[0, 0])
