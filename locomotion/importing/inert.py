"""Pickles read without running anything in them: every object in one becomes an inert record of what it asked for."""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

import numpy as np

from locomotion.errors import UsageError
from locomotion.streams import on_one_line

# Modules whose classes may stand in a pickle of SB3's statistics; none of them is imported for it.
MODULES = ("numpy", "gymnasium.spaces", "gym.spaces", "stable_baselines3.common", "collections")
TYPE = re.compile("[biuf][0-9]{1,2}")  # numpy's codes of numbers


class Inert:
    """An object of a pickle: what it was to be, the arguments it was to be made with, its state and its items."""

    name: str  # of the class or function, with its module
    arguments: tuple[Any, ...]
    state: Any
    items: list[Any]

    def __new__(cls, *arguments: Any, **_: Any) -> Inert:
        made = super().__new__(cls)
        made.arguments, made.state, made.items = arguments, {}, []
        return made

    def __init__(self, *_: Any, **__: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """Keep an item of a list."""
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))


class InertUnpickler(pickle.Unpickler):
    """An unpickler that imports nothing: names become classes of `Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for a class or function of `MODULES`.

        Raises:
            UnpicklingError: for any other, naming it.
        """
        if not any(module == known or module.startswith(known + ".") for known in MODULES):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return type(name, (Inert,), {"name": f"{module}.{name}"})


def read_inert(content: bytes, what: str) -> Any:
    """Return the object of a pickle, in which all but plain values is inert.

    Args:
        content: the pickle.
        what: its name, for messages.

    Raises:
        UsageError: where it is damaged, or asks for anything but numbers and SB3's statistics, naming that.
    """
    try:
        return InertUnpickler(io.BytesIO(content)).load()
    except RecursionError as error:
        raise UsageError(f"{what} is refused: it is nested too deeply") from error
    except Exception as error:  # of what the bytes of a stranger lead to
        raise UsageError(f"{what} is refused, and nothing in it was run: {on_one_line(str(error))}") from error


def array_of(record: Any, what: str) -> np.ndarray:
    """Return the array or number of numpy that a record stands for, in float64.

    Raises:
        UsageError: where it stands for none.
    """
    try:
        if isinstance(record, int | float):
            return np.array(float(record))
        if record.name.endswith(".scalar"):  # numpy's own numbers
            kind, content = record.arguments
            return np.frombuffer(content, _dtype(kind)).astype(float).reshape(())
        if record.name.endswith("._frombuffer"):  # arrays, of pickles that keep their content apart
            content, kind, shape, order = record.arguments
            return np.frombuffer(bytes(content), _dtype(kind)).astype(float).reshape(shape, order=order)
        _, shape, kind, by_columns, content = record.state
        return np.frombuffer(content, _dtype(kind)).astype(float).reshape(shape, order="F" if by_columns else "C")
    except (AttributeError, TypeError, ValueError, IndexError, KeyError) as error:
        raise UsageError(f"{what} is not an array of numbers") from error


def _dtype(record: Any) -> np.dtype:
    code, order = record.arguments[0], record.state[1] if record.state else "="
    if not (isinstance(code, str) and TYPE.fullmatch(code) and order in ("<", ">", "=", "|")):
        raise ValueError(f"no type of numbers: {order}{code}")
    return np.dtype(order + code)
