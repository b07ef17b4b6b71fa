"""Observations of every kind as one array: what rollouts keep and update rules learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from torch import Tensor

from agents.network import PRIVILEGED

Observations = np.ndarray | Mapping[str, np.ndarray]  # of N robots, as a VecEnv returns them: arrays (N, ...)


class Packing:
    """Observations of a Dict packed into vectors of float32, part after part; all others stay as they are.

    Args:
        space: of the observations.
    """

    def __init__(self, space: spaces.Space):
        inside = space.spaces if isinstance(space, spaces.Dict) else {}
        self.parts: dict[str, tuple[int, ...]] = {name: part.shape or () for name, part in inside.items()}
        self.sizes = [math.prod(shape) for shape in self.parts.values()]  # of the parts, in numbers
        self.shape: tuple[int, ...] = (
            (sum(self.sizes),) if self.parts else space.shape or ()
        )  # of one packed observation
        real = self.parts or (isinstance(space, spaces.Box) and space.dtype != np.uint8)
        self.dtype = np.dtype(np.float32 if real else space.dtype)  # of its numbers

    def pack(self, observations: Observations) -> np.ndarray:
        """Return observations as one array (N, ...); one that is packed already is returned as it is."""
        if not isinstance(observations, Mapping):
            return observations
        parts = [np.asarray(observations[name], np.float32) for name in self.parts]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    def completed(self, observations: Observations) -> Observations:
        """Return observations (...) or (N, ...) with zeros for the privileged part, where they lack it.

        One of another size counts as lacking: in a larger world there may be more to know.
        """
        if PRIVILEGED not in self.parts or not isinstance(observations, Mapping):
            return observations
        if PRIVILEGED in observations and np.shape(observations[PRIVILEGED])[-1:] == self.parts[PRIVILEGED]:
            return observations
        (name, one), *_ = ((name, part) for name, part in observations.items() if name != PRIVILEGED)
        robots = np.shape(one)[: np.ndim(one) - len(self.parts[name])]
        return {**observations, PRIVILEGED: np.zeros((*robots, *self.parts[PRIVILEGED]), np.float32)}

    def one(self, observation: Observations) -> np.ndarray:
        """Return one robot's observation as an array (...)."""
        if not isinstance(observation, Mapping):
            return np.asarray(observation)
        return np.concatenate([np.asarray(observation[name], np.float32).ravel() for name in self.parts])

    def unpack(self, packed: Tensor) -> Tensor | dict[str, Tensor]:
        """Return the observations (B, ...) of which an array (B, ...) is made."""
        if not self.parts:
            return packed
        columns = zip(self.parts.items(), packed.split(self.sizes, dim=1), strict=True)
        return {name: column.reshape(len(packed), *shape) for (name, shape), column in columns}


def arrays_of(observations: Observations) -> list[np.ndarray]:
    """Return the arrays (N, ...) that hold observations."""
    return list(observations.values()) if isinstance(observations, Mapping) else [observations]


def copied(observations: Any) -> Observations:
    """Return a copy of a VecEnv's observations."""
    if isinstance(observations, Mapping):
        return {name: np.array(part) for name, part in observations.items()}
    return np.array(observations)


def observation_of(observations: Observations, robot: int) -> Observations:
    """Return one robot's observation."""
    if isinstance(observations, Mapping):
        return {name: part[robot] for name, part in observations.items()}
    return observations[robot]


def replace_observation(observations: Observations, robot: int, one: Observations) -> None:
    """Write an observation into those of all robots, as one robot's."""
    if isinstance(observations, Mapping):
        for name, part in observations.items():
            part[robot] = one[name]  # type: ignore[call-overload]
    else:
        observations[robot] = one


def finite_rows(observations: Observations) -> np.ndarray:
    """Return which robots' observations are finite (N,); whole numbers always are."""
    finite = [np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in arrays_of(observations)]
    return np.logical_and.reduce(finite)
