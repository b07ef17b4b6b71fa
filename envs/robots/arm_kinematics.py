"""The arm's inverse kinematics."""

import numpy as np

LINK, SHOULDER, HAND = 0.25, 0.2, 0.135  # m: each of the two links, the shoulder's height, from the wrist to the grip


def joint_angles(place: np.ndarray, roll: np.ndarray | float, tilt: np.ndarray | float = 0.0) -> np.ndarray:
    """Return yaw, shoulder, elbow, wrist and roll (N, 5), in rad, that bring the grip to `place` (N, 3), in m.

    The hand points down, or by `tilt` (N,) outwards; it is turned about its own axis by `roll` (N,), both in rad. The
    result is not a number where a place is out of reach.
    """
    x, y, z = place.T
    radius, height = np.hypot(x, y) - HAND * np.sin(tilt), z + HAND * np.cos(tilt) - SHOULDER
    elevation, half = np.arctan2(height, radius), np.arccos(np.hypot(radius, height) / (2 * LINK))
    shoulder, forearm = np.pi / 2 - elevation - half, half - elevation
    return np.stack(
        [np.arctan2(y, x), shoulder, forearm - shoulder, -tilt - forearm, np.broadcast_to(roll, x.shape)], axis=1
    )
