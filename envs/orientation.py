"""Orientations of many bodies at once, from MuJoCo's quaternions (w, x, y, z)."""

import numpy as np


def body_frame(quaternions: np.ndarray, velocities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the world's up and velocities in the bodies' own frames.

    Args:
        quaternions: of the bodies (N, 4).
        velocities: in the world's frame (N, 3).

    Returns:
        up, velocities: both (N, 3).
    """
    w, x, y, z = quaternions.T
    rotations = np.array(  # whose rows are the body's axes
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
            [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return np.ascontiguousarray(rotations[:, 2].T), (rotations * velocities.T).sum(axis=1).T


def to_world(quaternions: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return in the world's frame (N, 3) a vector (3,) that is fixed to bodies of the orientations (N, 4)."""
    real, imaginary = quaternions[:, :1], quaternions[:, 1:]
    twice = 2 * np.cross(imaginary, vector)
    return vector + real * twice + np.cross(imaginary, twice)


def quaternion_about_z(angles: np.ndarray) -> np.ndarray:
    """Return the quaternions (N, 4) of turns to the left by `angles` (N,), in rad."""
    zero = np.zeros_like(angles)
    return np.stack([np.cos(angles / 2), zero, zero, np.sin(angles / 2)], axis=1)
