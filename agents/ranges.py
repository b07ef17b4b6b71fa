"""The ranges of learners' numbers, checked whenever such a number is set."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

Check = Callable[[str, float], None]


def positive(name: str, value: float) -> None:
    """Raise ValueError unless the value is above 0."""
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value}")


def not_negative(name: str, value: float) -> None:
    """Raise ValueError if the value is below 0."""
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def at_least_one(name: str, value: float) -> None:
    """Raise ValueError if the value is below 1, TypeError unless it is whole."""
    if not value >= 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")


def in_unit_interval(name: str, value: float) -> None:
    """Raise ValueError unless the value lies in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


def between_zero_and_one(name: str, value: float) -> None:
    """Raise ValueError unless the value lies in (0, 1)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")


def require(check: Check, name: str, value: Any) -> None:
    """Refuse a value that is no number, or not in its range.

    Args:
        check: raises ValueError, given name and value.
        name: of the number.
        value: that was given.

    Raises:
        TypeError: where it is no number.
        ValueError: where it is out of its range.
    """
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    check(name, value)  # type: ignore[arg-type]


class Checked:
    """An attribute of a learner whose every assignment is checked.

    Args:
        check: raises ValueError, given the attribute's name and value.
        schedule: whether the attribute may also be a function of the remaining share of training, which passes.
        optional: whether it may be None.
    """

    def __init__(self, check: Check, schedule: bool = False, optional: bool = False):
        self.check = check
        self.schedule = schedule
        self.optional = optional

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        try:
            return vars(instance)[self.name]
        except KeyError:
            raise AttributeError(f"{type(instance).__name__} has no {self.name} yet") from None

    def __set__(self, instance: Any, value: Any) -> None:
        if not ((self.schedule and callable(value)) or (self.optional and value is None)):
            require(self.check, self.name, value)
        vars(instance)[self.name] = value  # where SB3's save and load look for it
