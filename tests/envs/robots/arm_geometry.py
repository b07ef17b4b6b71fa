"""What moves the arm in tests: actions that follow given angles, and its mirror image."""

import mujoco
import numpy as np

SHUT, OPEN = 0.0, 0.035  # m, targets of the fingers


def quarter(angle: np.ndarray) -> np.ndarray:
    """Return the angle nearest to zero that differs from `angle` by quarter turns."""
    return (angle + np.pi / 4) % (np.pi / 2) - np.pi / 4


def step_towards(env, angles: np.ndarray, opening: float) -> tuple:
    """Have the arms of a VecEnv step with targets as near as can be to these joint angles and this opening."""
    task, sim = env.task, env.world.sim
    target = np.column_stack([angles, np.full(len(angles), opening)])
    action = (target - sim.ctrl) / [*[task.joint_step] * 5, task.finger_step]
    return env.step(np.clip(action, -1, 1).astype(np.float32))


def reflect(sim, one: slice, two: slice) -> None:
    """Put the arms `two`, with free and mocap bodies, into the mirror images of the arms `one`."""
    turn = np.array([1, -1, 1, -1])  # of a quaternion, x and z turn round
    flip, place = np.array([-1, 1, 1, 1, -1, 1, 1]), np.array([1, -1, 1])
    sim.qpos[two, :7] = (sim.qpos[one, :7] * flip)[:, [0, 1, 2, 3, 4, 6, 5]]
    sim.ctrl[two] = sim.ctrl[one] * flip[:6]
    sim.mocap_pos[two], sim.mocap_quat[two] = sim.mocap_pos[one] * place, sim.mocap_quat[one] * turn
    for start in sim.model.jnt_qposadr[sim.model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]:
        sim.qpos[two, start : start + 7] = sim.qpos[one, start : start + 7] * [*place, *turn]


def assert_mirrored_lives(env, one: slice, two: slice, steps: int, tolerance: float = 1e-6) -> None:
    """Have the arms `one` act at random and `two` as their mirror images; compare observations and rewards."""
    observation, action = env.world.mirror
    rng = np.random.default_rng(0)
    for _ in range(steps):
        mine = rng.uniform(-1, 1, (one.stop - one.start, 6)).astype(np.float32)
        observations, rewards, *_ = env.step(np.concatenate([mine, action.sign * mine[:, action.order]]))
        mirrored = observation.sign * observations[one][:, observation.order]
        np.testing.assert_allclose(observations[two], mirrored, atol=tolerance)
        np.testing.assert_allclose(rewards[one], rewards[two], atol=tolerance)
