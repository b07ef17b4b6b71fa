"""Spaces as data: what a policy's card says of observations and actions, as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


def space_as_data(space: spaces.Space) -> dict[str, Any]:
    """Return a space as JSON values: bounds are one number where all are equal, infinite ones are words.

    Raises:
        ValueError: for a space that is neither a Box nor Discrete.
    """
    if isinstance(space, spaces.Box):
        bounds = {"low": _bounds(space.low), "high": _bounds(space.high)}
        return {"kind": "Box", "shape": list(space.shape), **bounds, "dtype": str(space.dtype)}
    if isinstance(space, spaces.Discrete):
        return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
    raise ValueError(f"only Box and Discrete spaces can be written to a card, got {space}")


def space_from_data(data: dict[str, Any]) -> spaces.Space:
    """Return the space that `space_as_data` described.

    Raises:
        KeyError, TypeError, ValueError: where it describes none.
    """
    if data["kind"] == "Discrete":
        return spaces.Discrete(int(data["n"]), start=int(data["start"]))
    if data["kind"] != "Box":
        raise ValueError(f"kind must be Box or Discrete, got {data['kind']!r}")
    shape, dtype = tuple(map(int, data["shape"])), np.dtype(data["dtype"])
    low, high = (np.broadcast_to(np.array(data[side], dtype), shape) for side in ("low", "high"))
    return spaces.Box(low, high, shape, dtype.type)


def _bounds(values: np.ndarray) -> Any:
    numbers = [_number(value) for value in values.ravel().tolist()]
    if len(set(numbers)) == 1:
        return numbers[0]
    return np.array(numbers, object).reshape(values.shape).tolist()


def _number(value: float) -> float | int | str:
    return value if np.isfinite(value) else str(value)
