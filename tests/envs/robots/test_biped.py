import mujoco
import numpy as np
import pytest

import envs
from envs.robots.biped import Biped


def test_the_papers_numbers():
    env = envs.make_vec("Biped", 1, **Biped.evaluation)
    assert env.observation_space.shape == (33,)
    assert env.action_space.shape == (10,)
    assert (env.world.dt, env.task.episode_steps) == (0.01, 2000)
    assert (Biped().effort_weight, Biped().min_height) == (1e-5, 0.8)


def test_it_weighs_and_pulls_like_a_person():
    model = envs.make_vec("Biped", 1).world.model
    assert model.body_mass.sum() == pytest.approx(54.0)
    limits = dict(zip((model.actuator(i).name for i in range(model.nu)), model.actuator_ctrlrange[:, 1], strict=True))
    expected = {"hip_abduction": 80.0, "hip_rotation": 50.0, "hip_flexion": 150.0, "knee": 120.0, "ankle": 60.0}
    assert limits == {f"{side}_{joint}": limit for side in ("left", "right") for joint, limit in expected.items()}


def test_observes_height_orientation_joints_velocities_and_feet():
    env = envs.make_vec("Biped", 1, reset_noise=0.0)
    env.reset()
    sim = env.world.sim
    sim.qvel[0, 0], sim.qpos[0, 2] = 2.0, 1.5
    flying = env.step(np.zeros((1, 10), np.float32))[0][0]
    assert flying[0] == pytest.approx(1.5, abs=0.01)
    assert flying[1:5] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=0.01)
    assert flying[15] == pytest.approx(2.0, abs=0.01)
    np.testing.assert_array_equal(flying, [*sim.qpos[0, 2:], *sim.qvel[0], 0.0, 0.0])
    env.reset()
    for _ in range(5):
        standing = env.step(np.zeros((1, 10), np.float32))[0][0]
    assert standing[31:].tolist() == [1.0, 1.0]


def test_begins_at_speeds_up_to_the_first_one_in_training_and_at_rest_in_evaluation():
    def first_velocities(**fields: float) -> np.ndarray:
        env = envs.make_vec("Biped", 200, reset_noise=0.0, **fields)
        env.reset()
        return env.world.sim.qvel

    ahead, *others = first_velocities(start_speed=3.0).T
    assert np.quantile(ahead, [0.0, 0.25, 0.5, 0.75, 1.0]) == pytest.approx([0.0, 0.75, 1.5, 2.25, 3.0], abs=0.3)
    assert not np.any(others)
    assert not first_velocities(**Biped.evaluation).any()


def test_begins_at_rest_after_an_episode_that_was_whole():
    env = envs.make_vec("Biped", 2, reset_noise=0.0, episode_steps=5)
    env.reset()
    sim = env.world.sim
    for step in range(5):
        if step == 3:
            sim.qpos[1, 2] = 0.3  # the second robot falls
        env.step(np.zeros((2, 10), np.float32))
        if step == 3:
            assert sim.qvel[1, 0] > 0.0
    assert not sim.qvel[0].any()
    env.reset()
    assert (sim.qvel[:, 0] > 0.0).all()


@pytest.mark.parametrize(("height", "fallen"), [(0.81, False), (0.79, True)])
def test_has_fallen_where_its_centre_of_mass_is_low(height, fallen):
    env = envs.make_vec("Biped", 1)
    env.reset()
    sim = env.world.sim
    data = mujoco.MjData(env.world.model)
    data.qpos = sim.qpos[0]
    mujoco.mj_forward(env.world.model, data)
    sim.qpos[0, 2] += height - data.subtree_com[1, 2]
    sim.qvel[0] = 0.0
    _, _, dones, infos = env.step(np.zeros((1, 10), np.float32))
    assert dones[0] == fallen
    assert "physics_error" not in infos[0]


def test_pushes_change_the_trunk_s_velocity_at_their_times():
    env = envs.make_vec("Biped", 50, seed=1, **Biped.evaluation | Biped.trials["pushed"].fields)
    env.reset()
    sim = env.world.sim
    times, velocities = sim.memory.push_times.copy(), sim.memory.push_velocities.reshape(50, 5, 2).copy()
    np.testing.assert_allclose(np.linalg.norm(velocities, axis=2), 1.0)
    assert (np.floor(times / 4.0) == np.arange(5)).all()
    assert (np.mod(times, 4.0) >= 2.0).all()
    assert np.abs(velocities.mean(axis=(0, 1))).max() < 0.15  # from all sides
    gained = np.zeros((50, 2))
    for _ in range(400):
        before = sim.qvel[:, :2].copy()
        env.task.apply(sim, np.zeros((50, 10)))
        gained += sim.qvel[:, :2] - before
        sim.time[:] += env.world.dt
    np.testing.assert_allclose(gained, velocities[:, 0], atol=1e-12)


def test_nothing_pushes_unless_asked():
    for fields in ({}, Biped.evaluation):
        env = envs.make_vec("Biped", 3, **fields)
        env.reset()
        assert not env.world.sim.memory.push_velocities.any()
