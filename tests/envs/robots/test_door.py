import math

import mujoco
import numpy as np
import pytest

import envs
from envs.contract import compiled
from envs.robots.arm_kinematics import joint_angles
from envs.robots.door import DOOR, HANDLE, HANDLE_TO_HINGES, HOLD_AHEAD, TO_TIP
from tests.envs.robots.arm_geometry import OPEN, SHUT, step_towards

TILT = 1.5  # rad of the hand from the vertical: it points ahead


def facing(env):
    """Return the directions (N,) in which the doors open away from the arm, in rad."""
    quaternion = env.world.sim.mocap_quat[:, 0]
    return 2 * np.arctan2(quaternion[:, 3], quaternion[:, 0])


def hold(env, pressed, opened, back):
    """Return the places (N, 3) by `back` before the holds of the levers, by the geometry of door and handle."""
    sim = env.world.sim
    hinges, reach, angle = sim.mocap_pos[:, 0], sim.memory.length - TO_TIP, facing(env) - opened
    x, y = -HOLD_AHEAD - back + 0 * reach, -HANDLE_TO_HINGES + reach * np.cos(pressed)
    east, north = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return hinges + np.column_stack([east, north, -reach * np.sin(pressed)])


def open_door(env, steps):
    """Have every arm pinch its lever, press it and pull the door open; return the last step's infos."""
    sim = env.world.sim
    for step in range(steps):
        pressed = np.clip(0.04 * (step - 33), 0.0, 0.6)
        opened = np.minimum(sim.qpos[:, DOOR] + 0.12, 1.25) * (step >= 52)
        place = hold(env, pressed, opened, 0.006 * opened + 0.06 * (step < 18))
        angles = joint_angles(place, -np.pi / 2 + pressed, TILT)
        *_, infos = step_towards(env, angles, OPEN if step < 28 else SHUT)
    return infos


def test_doors_stand_in_the_stated_area_and_face_the_arm():
    env = envs.make_vec("Door", 2000, seed=1)
    env.reset()
    task, sim = env.task, env.world.sim
    place = hold(env, 0.0, 0.0, 0.0)
    azimuth = np.arctan2(place[:, 1], place[:, 0])
    drawn = {
        "hold_radius": np.hypot(place[:, 0], place[:, 1]),
        "hold_height": place[:, 2],
        "lever_length": sim.memory.length,
        "friction": sim.memory.friction,
    }
    for name, values in drawn.items():
        low, high = getattr(task, name)
        edge = 0.01 * (high - low)
        assert low <= values.min() + 1e-9 < low + edge < high - edge < values.max() <= high + 1e-9, name
    assert task.hold_azimuth - 0.01 < np.abs(azimuth).max() <= task.hold_azimuth
    np.testing.assert_allclose(facing(env), azimuth, atol=1e-9)
    angles, limits = joint_angles(place, -np.pi / 2, TILT), sim.model.jnt_range[:5]
    assert ((limits[:, 0] < angles) & (angles < limits[:, 1])).all()


def test_handles_are_as_long_as_they_are_said_to_be():
    env = envs.make_vec("Door", 8, seed=1)
    env.reset()
    env.step(np.zeros((8, 6), np.float32))
    sim = env.world.sim
    lever = env.world.model.geom("lever").id
    size, hold_body = env.world.batch.expand("geom_size")[:, lever], sim.xpos[:, sim.body("hold")]
    middle, handle = sim.geom_xpos[:, lever], sim.xpos[:, sim.body("handle")]
    env.step(np.zeros((8, 6), np.float32))
    np.testing.assert_allclose(2 * size[:, 1], sim.memory.length)
    assert np.unique(sim.memory.length).size == 8
    np.testing.assert_allclose(np.linalg.norm(middle - handle, axis=1), np.hypot(size[:, 1], 0.014), atol=1e-6)
    reach = np.hypot(sim.memory.length - TO_TIP, HOLD_AHEAD)
    np.testing.assert_allclose(np.linalg.norm(hold_body - handle, axis=1), reach, atol=1e-6)


@pytest.mark.parametrize(("handle", "opens"), [(0.0, False), (0.25, False), (0.5, True), (0.8, True)])
def test_a_door_opens_only_while_its_handle_is_pressed(handle, opens):
    env = envs.make_vec("Door", 8, seed=1)
    env.reset()
    sim = env.world.sim
    sim.qfrc_applied[:, DOOR] = 2.0  # N m, ten times the friction
    for _ in range(20):
        sim.qpos[:, HANDLE], sim.qvel[:, HANDLE] = handle, 0.0
        env.step(np.zeros((8, 6), np.float32))
    assert (sim.qpos[:, DOOR] > 0.5).all() if opens else (sim.qpos[:, DOOR] < 0.02).all()


def test_a_handle_springs_back():
    env = envs.make_vec("Door", 2, seed=1)
    env.reset()
    sim = env.world.sim
    sim.qpos[:, HANDLE] = 0.7
    for _ in range(10):
        env.step(np.zeros((2, 6), np.float32))
    assert (np.abs(sim.qpos[:, HANDLE]) < 0.02).all()


def test_a_scripted_grip_opens_doors_and_slips_where_the_pads_are_slippery():
    env = envs.make_vec("Door", 32, seed=132)
    env.reset()
    infos = open_door(env, 150)
    tracked = [info["episode"]["tracked"] for info in infos]
    metrics = env.task.metrics({key: np.array([each[key] for each in tracked]) for key in tracked[0]})
    assert metrics["success_rate"] > 0.9
    assert metrics["both_pads_share"] > 0.9
    assert metrics["success_rate"] == np.mean([info["is_success"] for info in infos])
    (trial,) = env.task.trials.values()
    env = envs.make_vec("Door", 32, seed=132, **trial.fields)
    env.reset()
    open_door(env, 149)
    assert (env.world.sim.qpos[:, DOOR] < 0.05).all()


def test_observations_are_what_they_are_said_to_be():
    env = envs.make_vec("Door", 3, seed=132)
    env.reset()
    open_door(env, 50)
    env.world.sim.qvel[:] = 0.0
    observations = env.step(np.full((3, 6), 0.25, np.float32))[0]
    sim = env.world.sim
    for i in range(3):
        model = compiled(env.task)
        model.body_pos[model.body("hold").id, 1] = sim.memory.length[i] - TO_TIP
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = sim.qpos[i], sim.qvel[i]
        data.mocap_pos[:], data.mocap_quat[:] = sim.mocap_pos[i], sim.mocap_quat[i]
        mujoco.mj_forward(model, data)
        grip = data.body("grip")
        hand = grip.xmat.reshape(3, 3)
        expected = [
            *data.qpos[:7],
            *data.qvel[:7],
            *(sim.ctrl[i] - [*data.qpos[:5], data.qpos[5:7].mean()]),
            *(hand.T @ (data.body("hold").xpos - grip.xpos)),
            *grip.xpos,
            *hand[:, 2],
            *data.body("handle").xmat[1::3],
            *sim.mocap_pos[i, 0],
            *data.qpos[7:],
            *data.qvel[7:],
            *[1.0, 1.0],
            *[0.25] * 6,
        ]
        np.testing.assert_allclose(observations[i], expected, atol=0.02)  # poses are a substep old


def test_reward_terms():
    env = envs.make_vec("Door", 1, seed=132)
    env.reset()
    world, sim = env.world, env.world.sim
    open_door(env, 47)
    before = sim.memory.action[0].copy()
    action = np.array([[0.5, -0.25, 0.0, 1.0, -1.0, -1.0]], np.float32)

    def paid():
        return {term: value.item() for term, value in world.step(action).terms.items()}

    terms = paid()
    pressed = sim.qpos[0, HANDLE]
    assert 0.1 < pressed < 0.5
    expected = {
        "reach": 1 - math.tanh(5 * math.dist(sim.xpos[0, sim.body("grip")], sim.xpos[0, sim.body("hold")])),
        "grasp": 0.5,
        "press": pressed / 0.5,
        "ajar": 2.0 * sim.qpos[0, DOOR] / 0.05,
        "open": 4.0 * max(sim.qpos[0, DOOR], 0.0) / (np.pi / 3),
        "goal": 0.0,
        "effort": -0.005 * float(np.square(action).sum()),
        "jerk": -0.005 * float(np.square(action - before).sum()),
    }
    assert terms == pytest.approx(expected, rel=1e-6)
    for opened, wide in ((0.3, 0.0), (1.3, 2.0)):
        sim.qpos[0, [DOOR, HANDLE]], sim.qvel[:] = [opened, 0.0], 0.0
        terms = paid()
        assert (terms["press"], terms["ajar"], terms["goal"]) == (1.0, 2.0, wide)  # the bolt no longer matters
        assert terms["open"] == pytest.approx(4.0 * min(sim.qpos[0, DOOR] / (np.pi / 3), 1.0))


@pytest.mark.parametrize(("degrees", "success"), [(61, True), (59, False)])
def test_success_is_a_door_wide_open_at_the_end(degrees, success):
    env = envs.make_vec("Door", 4, seed=0, episode_steps=3)
    env.reset()
    for _ in range(3):
        env.world.sim.qpos[:, DOOR] = np.radians(degrees)
        *_, infos = env.step(np.zeros((4, 6), np.float32))
    assert [info["is_success"] for info in infos] == [success] * 4


def test_metrics():
    episodes = {
        "success": np.array([1.0, 0.0, 1.0, 1.0]),
        "until_wide": np.array([3.0, 6.0, 4.0, 2.0]),
        "moving": np.array([50.0, 0.0, 25.0, 25.0]),
        "both_pads": np.array([50.0, 0.0, 20.0, 25.0]),
    }
    assert envs.make_vec("Door", 1).task.metrics(episodes) == pytest.approx(
        {"success_rate": 0.75, "open_seconds_median": 3.5, "both_pads_share": 0.95}
    )
