"""The arm's inverse kinematics by the geometry of its two links, and actions that follow it."""

import numpy as np

LINK, SHOULDER, HAND = 0.25, 0.2, 0.135  # m: each of the two links, the shoulder's height, from the wrist to the grip
SHUT, OPEN = 0.0, 0.035  # m, targets of the fingers


def joint_angles(place: np.ndarray, roll: np.ndarray | float, tilt: np.ndarray | float = 0.0) -> np.ndarray:
    """Return yaw, shoulder, elbow, wrist and roll (N, 5) that bring the grip to `place` (N, 3).

    The hand points down, or by `tilt` (N,) outwards; it is turned about its own axis by `roll` (N,).
    """
    x, y, z = place.T
    radius, height = np.hypot(x, y) - HAND * np.sin(tilt), z + HAND * np.cos(tilt) - SHOULDER
    elevation, half = np.arctan2(height, radius), np.arccos(np.hypot(radius, height) / (2 * LINK))
    shoulder, forearm = np.pi / 2 - elevation - half, half - elevation
    return np.stack(
        [np.arctan2(y, x), shoulder, forearm - shoulder, -tilt - forearm, np.broadcast_to(roll, x.shape)], axis=1
    )


def step_towards(env, angles: np.ndarray, opening: float) -> tuple:
    """Have the arms of a VecEnv step with targets as near as can be to these joint angles and this opening."""
    task, sim = env.task, env.world.sim
    target = np.column_stack([angles, np.full(len(angles), opening)])
    action = (target - sim.ctrl) / [*[task.joint_step] * 5, task.finger_step]
    return env.step(np.clip(action, -1, 1).astype(np.float32))
