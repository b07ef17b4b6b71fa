"""Spaces as data: what a policy's card says of observations and actions, as JSON values."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from gymnasium import spaces

DTYPE = re.compile("(bool|u?int|float)[0-9]*")  # numpy evaluates some other strings


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


def size_of(data: dict[str, Any]) -> int:
    """Return how many numbers a network sees, or chooses from, in the space that `space_as_data` described.

    Raises:
        KeyError, TypeError, ValueError: where it describes none.
    """
    if data["kind"] == "Discrete":
        return _whole("n", data["n"])
    if data["kind"] != "Box":
        raise ValueError(f"kind must be Box or Discrete, got {data['kind']!r}")
    if not isinstance(data["shape"], list):
        raise TypeError(f"shape must be a list, got {data['shape']!r}")
    return math.prod(_whole("each number of shape", one) for one in data["shape"])


def space_from_data(data: dict[str, Any]) -> spaces.Space:
    """Return the space that `space_as_data` described. It takes as much memory as its `size_of` asks for.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: where it describes none.
    """
    size_of(data)
    if data["kind"] == "Discrete":
        return spaces.Discrete(data["n"], start=_whole("start", data["start"], -(2**31)))
    if not DTYPE.fullmatch(str(data["dtype"])):
        raise ValueError(f"dtype must be that of numbers, such as float32, got {data['dtype']!r}")
    dtype = np.dtype(data["dtype"])
    low, high = (np.broadcast_to(np.array(data[side], dtype), data["shape"]) for side in ("low", "high"))
    if not (low <= high).all():  # nor where one is NaN
        raise ValueError("low must not lie above high")
    return spaces.Box(low, high, tuple(data["shape"]), dtype.type)


def _whole(name: str, value: Any, least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return value


def _bounds(values: np.ndarray) -> Any:
    numbers = [_number(value) for value in values.ravel().tolist()]
    if len(set(numbers)) == 1:
        return numbers[0]
    return np.array(numbers, object).reshape(values.shape).tolist()


def _number(value: float) -> float | int | str:
    return value if np.isfinite(value) else str(value)
