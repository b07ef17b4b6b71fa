"""Layers in numpy, for rows (..., B, F): what they return, and how changes go forward and slopes come back."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

Step = Callable[[np.ndarray], np.ndarray]


class Layer(Protocol):
    """A layer without parameters."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs for inputs."""

    def linearised(self, x: np.ndarray, y: np.ndarray) -> tuple[Step, Step]:
        """Return the products with the Jacobian and with its transpose, at inputs x and outputs y."""


class Elementwise(NamedTuple):
    """A function of each number."""

    value: Step
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (inputs, outputs) -> slopes

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.value(x)

    def linearised(self, x: np.ndarray, y: np.ndarray) -> tuple[Step, Step]:
        slope = self.slope(x, y)
        return (times := lambda change: change * slope), times


class Rearrangement(NamedTuple):
    """A linear function without parameters, and its transpose."""

    value: Step
    transpose: Step

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.value(x)

    def linearised(self, x: np.ndarray, y: np.ndarray) -> tuple[Step, Step]:
        return self.value, self.transpose
