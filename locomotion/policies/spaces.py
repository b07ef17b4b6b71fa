"""Spaces as data: what a policy's card says of observations and actions, as JSON values."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from gymnasium import spaces

from agents.network import PRIVILEGED

DTYPE = re.compile("(bool|u?int|float)[0-9]*")  # numpy evaluates some other strings
KINDS = "Box, Discrete, MultiDiscrete, MultiBinary or a Dict of these"


def space_as_data(space: spaces.Space) -> dict[str, Any]:
    """Return a space as JSON values: bounds are one number where all are equal, infinite ones are words.

    Raises:
        ValueError: for a space of another kind than `KINDS`.
    """
    if isinstance(space, spaces.Box):
        bounds = {"low": _bounds(space.low), "high": _bounds(space.high)}
        return {"kind": "Box", "shape": list(space.shape), **bounds, "dtype": str(space.dtype)}
    if isinstance(space, spaces.Discrete):
        return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return {"kind": "MultiDiscrete", "nvec": space.nvec.tolist(), "start": space.start.tolist()}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": "MultiBinary", "shape": list(space.shape)}
    if isinstance(space, spaces.Dict):
        return {"kind": "Dict", "parts": {name: space_as_data(part) for name, part in space.spaces.items()}}
    raise ValueError(f"only {KINDS} can be written to a card, got {space}")


def space_of_actor(space: spaces.Space) -> spaces.Space:
    """Return the space of what an actor sees: a Dict without the critic's part, or the only part of our tasks."""
    if not (isinstance(space, spaces.Dict) and PRIVILEGED in space.spaces):
        return space
    from envs.observation import SEEN  # here, for policies that act without MuJoCo

    seen = {name: part for name, part in space.spaces.items() if name != PRIVILEGED}
    return seen[SEEN] if seen.keys() == {SEEN} else spaces.Dict(seen)


def size_of(data: dict[str, Any]) -> int:
    """Return how many numbers a space that `space_as_data` described has, with one for each choice.

    Raises:
        KeyError, TypeError, ValueError: where it describes none.
    """
    kind = data["kind"]
    if kind in ("Box", "MultiBinary"):
        return math.prod(_whole("each number of shape", one) for one in _listed("shape", data["shape"]))
    if kind == "Discrete":
        return _whole("n", data["n"])
    if kind == "MultiDiscrete":
        return sum(_whole("each number of nvec", one) for one in _listed("nvec", data["nvec"]))
    if kind == "Dict":
        return sum(size_of(part) for part in parts_of(data).values())
    raise ValueError(f"kind must be {KINDS}, got {kind!r}")


def parts_of(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parts of a Dict that `space_as_data` described.

    Raises:
        KeyError, TypeError, ValueError: where it describes none.
    """
    parts = data["parts"]
    if not isinstance(parts, dict) or any(part["kind"] == "Dict" for part in parts.values()):
        raise ValueError(f"parts must be spaces by name, none of them a Dict, got {parts!r}")
    return parts


def space_from_data(data: dict[str, Any]) -> spaces.Space:
    """Return the space that `space_as_data` described. It takes as much memory as its `size_of` asks for.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: where it describes none.
    """
    size_of(data)
    kind = data["kind"]
    if kind == "Discrete":
        return spaces.Discrete(data["n"], start=_whole("start", data["start"], -(2**31)))
    if kind == "MultiDiscrete":
        starts = [_whole("each number of start", one, -(2**31)) for one in _listed("start", data["start"])]
        return spaces.MultiDiscrete(data["nvec"], start=starts)
    if kind == "MultiBinary":
        shape = tuple(data["shape"])
        return spaces.MultiBinary(shape[0] if len(shape) == 1 else shape)
    if kind == "Dict":
        return spaces.Dict({name: space_from_data(part) for name, part in parts_of(data).items()})
    if not DTYPE.fullmatch(str(data["dtype"])):
        raise ValueError(f"dtype must be that of numbers, such as float32, got {data['dtype']!r}")
    dtype = np.dtype(data["dtype"])
    low, high = (np.broadcast_to(np.array(data[side], dtype), data["shape"]) for side in ("low", "high"))
    if not (low <= high).all():  # nor where one is NaN
        raise ValueError("low must not lie above high")
    return spaces.Box(low, high, tuple(data["shape"]), dtype.type)


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list, got {value!r}")
    return value


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
