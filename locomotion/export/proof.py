"""What counts as equal: how far actions and observations of an exported policy may be from the trained one's."""

from __future__ import annotations

import numpy as np

LARGEST = 1e-5  # difference between the actions of the exported and the trained policy
EPISODES = 2


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the greatest difference of two arrays, in units of their numbers where these are above 1."""
    ours, theirs = (np.asarray(one, float).ravel() for one in (ours, theirs))
    return float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())
