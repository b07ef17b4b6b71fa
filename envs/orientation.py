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
    wx, wy, wz, xx, xy, xz, yy, yz, zz = w * x, w * y, w * z, x * x, x * y, x * z, y * y, y * z, z * z
    # Rows are the body's axes. Filled one by one: np.array takes twice as long to put them together.
    rotations = np.empty((3, 3, len(quaternions)))
    rotations[0, 0], rotations[0, 1], rotations[0, 2] = 1 - 2 * (yy + zz), 2 * (xy + wz), 2 * (xz - wy)
    rotations[1, 0], rotations[1, 1], rotations[1, 2] = 2 * (xy - wz), 1 - 2 * (xx + zz), 2 * (yz + wx)
    rotations[2, 0], rotations[2, 1], rotations[2, 2] = 2 * (xz + wy), 2 * (yz - wx), 1 - 2 * (xx + yy)
    return np.ascontiguousarray(rotations[:, 2].T), (rotations * velocities.T).sum(axis=1).T


def to_world(quaternions: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return in the world's frame (N, 3) a vector (3,) that is fixed to bodies of the orientations (N, 4)."""
    real, imaginary = quaternions[:, :1], quaternions[:, 1:]
    twice = 2 * cross(imaginary, vector)
    return vector + real * twice + cross(imaginary, twice)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products (N, 3) of vectors (N, 3) and others (N, 3) or (3,), four times as fast as np.cross."""
    ax, ay, az = a.T
    bx, by, bz = b.T
    products = np.empty(a.shape)
    products[:, 0], products[:, 1], products[:, 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return products


def quaternion_about_z(angles: np.ndarray) -> np.ndarray:
    """Return the quaternions (N, 4) of turns to the left by `angles` (N,), in rad."""
    zero = np.zeros_like(angles)
    return np.stack([np.cos(angles / 2), zero, zero, np.sin(angles / 2)], axis=1)


def cosine_of_tilt(quaternions: np.ndarray) -> np.ndarray:
    """Return the cosines (N,) of the tilts of bodies with these orientations (N, 4) from the vertical."""
    return 1.0 - 2.0 * np.square(quaternions[:, 1:3]).sum(axis=1)


def heading_of(quaternions: np.ndarray) -> np.ndarray:
    """Return the headings (N,) of bodies with these orientations (N, 4): the turn of their x to the left, in rad."""
    w, x, y, z = quaternions.T
    return np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
