"""The ranges of learners' numbers, checked whenever such a number is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[str, float], None]


def positive(name: str, value: float) -> None:
    """Raise ValueError unless the value is above 0."""
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value}")


def positive_if_given(name: str, value: float | None) -> None:
    """Raise ValueError unless the value is None or above 0."""
    if value is not None:
        positive(name, value)


def at_least_one_if_given(name: str, value: float | None) -> None:
    """Raise ValueError unless the value is None or at least 1."""
    if value is not None:
        at_least_one(name, value)


def not_negative(name: str, value: float) -> None:
    """Raise ValueError if the value is below 0."""
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def at_least_one(name: str, value: float) -> None:
    """Raise ValueError if the value is below 1."""
    if not value >= 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def in_unit_interval(name: str, value: float) -> None:
    """Raise ValueError unless the value lies in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


def between_zero_and_one(name: str, value: float) -> None:
    """Raise ValueError unless the value lies in (0, 1)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")


class Checked:
    """An attribute of a learner whose every assignment is checked.

    Args:
        check: raises ValueError, given the attribute's name and value.
        schedule: whether the attribute may also be a function of the remaining share of training, which passes.
    """

    def __init__(self, check: Check, schedule: bool = False):
        self.check = check
        self.schedule = schedule

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
        if not (self.schedule and callable(value)):
            self.check(self.name, value)
        vars(instance)[self.name] = value  # where SB3's save and load look for it
