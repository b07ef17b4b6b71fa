"""Observations as vectors of named parts: their layout and their names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def joined(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the observations (N, observations) that consist of these parts, (N, k) or (N,) each: a new array."""
    return np.concatenate([part if part.ndim == 2 else part[:, None] for part in parts.values()], axis=1)


def layout_of(parts: Mapping[str, np.ndarray], num_robots: int, task: str) -> dict[str, int]:
    """Return how many numbers of an observation each of its parts has, in their order.

    Args:
        parts: what `Task.observe` returned.
        num_robots: N.
        task: the name of the task, for messages.

    Raises:
        TypeError: for an array in place of named parts.
        ValueError: for a part that is not one row or one number for each robot.
    """
    if not isinstance(parts, Mapping):
        raise TypeError(f"{task}.observe must return a dict of named parts, got {type(parts).__name__}")
    for name, values in parts.items():
        if not (np.ndim(values) in (1, 2) and len(values) == num_robots):
            raise ValueError(
                f"{task}.observe: {name} must be one row or one number for each of {num_robots} robots,"
                f" got shape {np.shape(values)}"
            )
    return {name: 1 if values.ndim == 1 else values.shape[1] for name, values in parts.items()}


def names_of(layout: Mapping[str, int]) -> list[str]:
    """Return the name of each number: `height` of a part of one number, `velocity[0]` of one of several."""
    return [part if size == 1 else f"{part}[{i}]" for part, size in layout.items() for i in range(size)]
