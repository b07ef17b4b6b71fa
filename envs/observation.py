"""Observations as vectors of named parts, or as pictures: their layout and their names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    from envs.simulation import Fields
    from envs.task import Measured, Task

Observations = np.ndarray | dict[str, np.ndarray]  # (...), or apart what a robot sees and what its critic alone does
SEEN, PRIVILEGED = "observation", "privileged"  # the parts of the Dict


def all_parts(task: Task, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
    """Return all parts of the observations: what the robots see, then what is privileged."""
    return {**task.observe(sim, now), **task.privileged(sim, now)}


def space_of(seen: spaces.Box, numbers: int) -> spaces.Box | spaces.Dict:
    """Return the space of observations, given that of what a robot sees, and how many numbers there are in all."""
    hidden = numbers - math.prod(seen.shape)
    if not hidden:
        return seen
    return spaces.Dict({SEEN: seen, PRIVILEGED: spaces.Box(-mujoco.mjMAXVAL, mujoco.mjMAXVAL, (hidden,), np.float64)})


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


def apart(rows: np.ndarray, seen: int) -> Observations:
    """Return vectors (..., numbers) as a Dict's parts, what a robot sees and what is privileged; alone without that.

    Args:
        rows: all numbers.
        seen: how many of them the robot sees.
    """
    if rows.ndim > 2 or rows.shape[-1] == seen:
        return rows
    return {SEEN: rows[..., :seen], PRIVILEGED: rows[..., seen:]}


def observation_of(observations: Observations, robot: int) -> Observations:
    """Return one robot's observation of those of all."""
    if isinstance(observations, dict):
        return {name: part[robot] for name, part in observations.items()}
    return observations[robot]
