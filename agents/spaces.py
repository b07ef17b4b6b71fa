"""The spaces that a learner takes: each is refused in one sentence before Stable-Baselines3 looks at it."""

from __future__ import annotations

from gymnasium import spaces

from agents.cannot_learn import CannotLearn

FLATTENED = (spaces.Dict, spaces.Tuple, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def require_observations(space: spaces.Space) -> None:
    """Refuse observations other than arrays of numbers, which a learner flattens to vectors.

    Raises:
        CannotLearn: naming the space and what is accepted.
    """
    if isinstance(space, spaces.Box) and len(space.shape) >= 1 and 0 not in space.shape:
        return
    remedy = "; gymnasium.wrappers.FlattenObservation makes vectors of them" if isinstance(space, FLATTENED) else ""
    raise CannotLearn(f"observations must be vectors (a Box), got {space}{remedy}")


def require_actions(space: spaces.Space) -> None:
    """Refuse actions other than vectors of real numbers and one choice of several.

    Raises:
        CannotLearn: naming the space and what is accepted.
    """
    if not isinstance(space, spaces.Box | spaces.Discrete):
        raise CannotLearn(f"actions must be a Box or Discrete, got {space}")
    if isinstance(space, spaces.Discrete):
        return
    if len(space.shape) != 1 or 0 in space.shape:
        raise CannotLearn(f"actions must be vectors, got {space}")
    if space.dtype is None or space.dtype.kind != "f":
        raise CannotLearn(f"actions must be real numbers or one Discrete choice, got {space}")
