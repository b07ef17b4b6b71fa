"""The spaces that a learner takes: each is refused in one sentence before Stable-Baselines3 looks at it."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from agents.cannot_learn import CannotLearn

CHOICES = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def require_observations(space: spaces.Space) -> None:
    """Refuse observations of which Stable-Baselines3 makes no features.

    Raises:
        CannotLearn: naming the space and what is accepted.
    """
    parts = list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]
    for part in parts:
        if isinstance(part, spaces.Box) and len(part.shape) >= 1 and 0 not in part.shape:
            continue
        if isinstance(part, CHOICES) and not np.any(getattr(part, "start", 0)):
            continue
        raise CannotLearn(
            "observations must be a Box of at least one number, Discrete or MultiDiscrete from 0 on, MultiBinary, or a"
            f" Dict of these, got {space}"
        )


def require_actions(space: spaces.Space) -> None:
    """Refuse actions that no action distribution of ours gives.

    Raises:
        CannotLearn: naming the space and what is accepted.
    """
    if isinstance(space, spaces.Box) and space.dtype is not None and space.dtype.kind == "f" and 0 not in space.shape:
        return
    if isinstance(space, CHOICES) and len(space.shape or ()) <= 1:
        return
    raise CannotLearn(
        f"actions must be real numbers (a Box), Discrete, or one row of a MultiDiscrete or MultiBinary, got {space}"
    )
