"""Observations as vectors of named parts, or as pictures: their layout and their names."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


def joined(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the observations (N, ...): a new array.

    Args:
        parts: (N, k) or (N,) each, which make vectors; or pictures (N, height, width, channels) alone.
    """
    pictures = next(iter(parts.values()))
    if pictures.ndim > 2:
        return pictures.copy()
    return np.concatenate([part if part.ndim == 2 else part[:, None] for part in parts.values()], axis=1)


def layout_of(parts: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return how many numbers of an observation each of its parts has, in their order."""
    return {name: math.prod(values.shape[1:]) for name, values in parts.items()}


def names_of(layout: Mapping[str, int]) -> list[str]:
    """Return the name of each number: `height` of a part of one number, `velocity[0]` of one of several."""
    return [part if size == 1 else f"{part}[{i}]" for part, size in layout.items() for i in range(size)]
