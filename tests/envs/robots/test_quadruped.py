import mujoco
import numpy as np
import pytest

import envs
from envs.robots.quadruped import Quadruped


def test_the_papers_numbers():
    env = envs.make_vec("Quadruped", 1)
    assert env.observation_space.shape == (29,)
    assert env.action_space.shape == (8,)
    assert (env.world.dt, env.task.episode_steps) == (0.01, 2000)
    assert (Quadruped().forward_weight, Quadruped().min_height) == (1.0, 0.2)


def test_it_weighs_and_pulls_like_a_dog():
    model = envs.make_vec("Quadruped", 1).world.model
    assert model.body_mass.sum() == pytest.approx(18.0)
    assert (model.actuator_ctrlrange == [-45.0, 45.0]).all()


def test_observes_height_orientation_joints_velocities_and_feet():
    env = envs.make_vec("Quadruped", 1, reset_noise=0.0)
    env.reset()
    sim = env.world.sim
    sim.qvel[0, 0], sim.qpos[0, 2] = 2.0, 1.5
    flying = env.step(np.zeros((1, 8), np.float32))[0][0]
    assert flying[0] == pytest.approx(1.5, abs=0.01)
    assert flying[1:5] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=0.01)
    assert flying[13] == pytest.approx(2.0, abs=0.01)
    np.testing.assert_array_equal(flying, [*sim.qpos[0, 2:], *sim.qvel[0], 0.0, 0.0])


@pytest.mark.parametrize(("pitch", "contacts"), [(0.1, [0.0, 2.0]), (-0.1, [2.0, 0.0])])
def test_counts_the_feet_on_the_floor_in_front_and_behind(pitch, contacts):
    env = envs.make_vec("Quadruped", 1, reset_noise=0.0)
    env.reset()
    env.world.sim.qpos[0, 3:7] = [np.cos(pitch / 2), 0.0, -np.sin(pitch / 2), 0.0]  # nose up, or down
    observation = env.step(np.zeros((1, 8), np.float32))[0][0]
    assert observation[27:].tolist() == contacts


@pytest.mark.parametrize(("height", "fallen"), [(0.205, False), (0.195, True)])
def test_has_fallen_where_its_centre_of_mass_is_low(height, fallen):
    env = envs.make_vec("Quadruped", 1, reset_noise=0.0)
    env.reset()
    sim = env.world.sim
    sim.qpos[0, 7:] = 4 * (-0.8, 0.9)  # the legs drawn in
    data = mujoco.MjData(env.world.model)
    data.qpos = sim.qpos[0]
    mujoco.mj_forward(env.world.model, data)
    sim.qpos[0, 2] += height - data.subtree_com[1, 2]
    sim.qvel[0] = 0.0
    _, _, dones, infos = env.step(np.zeros((1, 8), np.float32))
    assert dones[0] == fallen
    assert "physics_error" not in infos[0]


@pytest.mark.parametrize(("pitch", "fallen"), [(0.45, False), (-0.45, False), (0.6, True), (-0.6, True)])  # rad
def test_has_fallen_where_its_trunk_tilts_too_far(pitch, fallen):
    env = envs.make_vec("Quadruped", 1, reset_noise=0.0)
    env.reset()
    env.world.sim.qpos[0, 2] += 0.3  # m: in the air
    env.world.sim.qpos[0, 3:7] = np.cos(pitch / 2), 0.0, np.sin(pitch / 2), 0.0
    assert env.step(np.zeros((1, 8), np.float32))[2][0] == fallen
