"""Whether the values that a dataclass is to be made of are of the kinds it names."""

from collections.abc import Collection, Mapping
from typing import Any

from typeguard import TypeCheckError, check_type


def require_types(values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Compare values with the types that are expected of them.

    Raises:
        TypeError: naming the first that is of another type.
    """
    for name, value in values.items():
        hint = hints[name]
        try:
            check_type(value, hint)
        except TypeCheckError as error:
            kind = hint.__name__ if isinstance(hint, type) else hint
            raise TypeError(f"{name} must be of type {kind}, got {value!r}") from error


def require_sense(values: Mapping[str, Any], hints: Mapping[str, Any], positive: Collection[str]) -> None:
    """Refuse ranges that run down, empty tuples, and what must be `positive` and is not.

    Raises:
        ValueError: naming the first.
    """
    for name, value in values.items():
        if value == ():
            raise ValueError(f"{name} must not be empty")
        if hints[name] == tuple[float, float] and not value[0] <= value[1]:
            raise ValueError(f"{name} must run from low to high, got {value}")
        if name in positive and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
