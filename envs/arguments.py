"""Types and ranges of a dataclass's fields, read from its annotations."""

import functools
import itertools
import math
import operator
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

Positive = Annotated[float, Interval(gt=0, lt=math.inf)]
NotNegative = Annotated[float, Interval(ge=0, lt=math.inf)]
Share = Annotated[float, Interval(ge=0, le=1)]  # a probability, or a part of a whole
Cosine = Annotated[float, Interval(ge=-1, le=1)]
Count = Annotated[int, Ge(1)]


def check_fields(hints: Mapping[str, Any], values: Mapping[str, Any], name: Callable[[str], str] = str) -> None:
    """Compare values with the types and the ranges of the fields they are for.

    Ranges are markers of `annotated_types` in the hints: `Annotated[float, Gt(0)]`, also of a union's members and of a
    tuple's items. A plain `float` must be finite, and a `tuple[float, float]` run from low to high. None has no range;
    fields of nested dataclasses are not looked at.

    Args:
        hints: of the fields, by `typing.get_type_hints(cls, include_extras=True)`.
        values: of some or all of the fields.
        name: writes a field's name in messages.

    Raises:
        TypeError: naming the first value of another type.
        ValueError: naming the first value out of its range; NaN is out of every range.
    """
    require_types(values, hints, name)
    for field, value in values.items():
        _check_range(hints[field], value, name(field), value)


def as_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as some fields of a dataclass take them, as Python writes them.

    Raises:
        TypeError, ValueError: as `check_fields` does.
    """
    hints = get_type_hints(cls, include_extras=True)
    taken = {name: as_python(value, hints[name]) for name, value in values.items()}
    check_fields(hints, taken)
    return taken


def as_python(value: Any, hint: Any) -> Any:
    """Return a value as Python writes it, where a field's type leaves no doubt.

    Numpy's numbers become Python's, arrays and lists tuples, and files what the field wants, a str or a Path.
    """
    kinds = _kinds(hint)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if isinstance(value, np.ndarray) and np.ndarray not in kinds:
        value = tuple(value.tolist())
    if isinstance(value, Mapping):
        return {name: as_python(one, Any) for name, one in value.items()}
    if isinstance(value, tuple | list):
        items = list(_items(kinds.get(tuple), len(value)))
        whole = tuple(as_python(one, item) for one, item in zip(value, items, strict=True))
        return list(whole) if isinstance(value, list) and list in kinds else whole
    if isinstance(value, os.PathLike) and str in kinds and Path not in kinds:
        return os.fspath(value)
    if isinstance(value, str) and Path in kinds and str not in kinds:
        return Path(value)
    return value


def whole_number(value: Any, name: str) -> int:
    """Return an integer of any library as Python's.

    Raises:
        TypeError: for anything else, naming it.
    """
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from error


def at_least_one(value: Any, name: str) -> int:
    """Return a count as Python's integer.

    Raises:
        TypeError: for anything but an integer, naming it.
        ValueError: for one below 1, naming it.
    """
    count = whole_number(value, name)
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")
    return count


def _kinds(hint: Any) -> dict[Any, Any]:
    """Return the types that a hint allows, each with the hint for it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kinds(arguments[0])
    if origin in (Union, UnionType):
        return {kind: one for member in arguments for kind, one in _kinds(member).items()}
    return {origin or hint: hint} if isinstance(origin or hint, Hashable) else {}


def _items(hint: Any, count: int) -> Iterator[Any]:
    """Return the hints for the items of a tuple of this length."""
    arguments = get_args(hint)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return itertools.repeat(arguments[0], count)
    return iter(arguments if len(arguments) == count else (Any,) * count)


def require_types(values: Mapping[str, Any], hints: Mapping[str, Any], name: Callable[[str], str] = str) -> None:
    """Compare values with the types of the fields they are for.

    Raises:
        TypeError: naming the first value of another type.
    """
    for field, value in values.items():
        try:
            check_type(value, hints[field], collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
        except TypeCheckError as error:
            kind = without_ranges(hints[field])
            if get_origin(kind) is Literal:
                accepted = ", ".join(map(str, get_args(kind)))
                raise TypeError(f"{name(field)} must be one of {accepted}, got {value!r}") from error
            kind = kind.__name__ if isinstance(kind, type) and not get_args(kind) else kind
            raise TypeError(f"{name(field)} must be of type {kind}, got {value!r}") from error


def without_ranges(hint: Any) -> Any:
    """Return a type hint without `Annotated`, as messages and help texts name it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return without_ranges(arguments[0])
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, map(without_ranges, arguments))
    if origin is tuple:
        return tuple[tuple(map(without_ranges, arguments))]  # type: ignore[misc]
    return hint


class Bounds(NamedTuple):
    """The range that several markers leave together."""

    low: Any = -math.inf
    high: Any = math.inf
    above_low: bool = False  # whether `low` itself is outside
    below_high: bool = False  # whether `high` itself is outside

    def within(self, marker: Any) -> "Bounds":
        """Return the range that one more marker leaves; markers of other kinds leave it as it is."""
        match marker:
            case Interval():
                return functools.reduce(Bounds.within, marker, self)
            case Gt():
                return self._replace(low=marker.gt, above_low=True)
            case Ge():
                return self._replace(low=marker.ge, above_low=False)
            case Lt():
                return self._replace(high=marker.lt, below_high=True)
            case Le():
                return self._replace(high=marker.le, below_high=False)
        return self

    def __contains__(self, value: Any) -> bool:
        above = operator.gt if self.above_low else operator.ge
        below = operator.lt if self.below_high else operator.le
        return above(value, self.low) and below(value, self.high)

    def __str__(self) -> str:
        # `typing` keeps one of two equal hints: whether 1 or 1.0 arrives here depends on which was made first.
        low, high = (int(bound) if float(bound).is_integer() else bound for bound in (self.low, self.high))
        if low == -math.inf:
            return f"must be {'below' if self.below_high else 'at most'} {high}"
        if high == math.inf:
            if low == 0:
                return "must be positive" if self.above_low else "must not be negative"
            return f"must be {'above' if self.above_low else 'at least'} {low}"
        if self.above_low and self.below_high:
            return f"must lie between {low} and {high}"
        return f"must lie in {'(' if self.above_low else '['}{low}, {high}{')' if self.below_high else ']'}"


def _check_range(hint: Any, value: Any, name: str, whole: Any) -> None:
    """Refuse a value, or an item of the value `whole`, that is out of the range that its hint gives."""
    origin, arguments = get_origin(hint), get_args(hint)
    if value is None:
        return
    if hint is float and (math.isnan(value) or (math.isinf(value) and value is whole)):  # a range may have no end
        raise ValueError(f"{name} must be finite, got {whole}")
    if origin is Annotated:
        if arguments[0] is not float:
            _check_range(arguments[0], value, name, whole)
        bounds = functools.reduce(Bounds.within, arguments[1:], Bounds())
        if bounds != Bounds() and value not in bounds:
            raise ValueError(f"{name} {'must be finite' if value == math.inf else bounds}, got {whole}")
        for marker in arguments[1:]:
            if isinstance(marker, MinLen) and len(value) < marker.min_length:
                least = "not be empty" if marker.min_length == 1 else f"have at least {marker.min_length} items"
                raise ValueError(f"{name} must {least}, got {whole}")
    elif origin in (Union, UnionType):
        for member in arguments:
            if _is_of(value, member):
                _check_range(member, value, name, whole)
                return
    elif origin is tuple:
        items = arguments if Ellipsis not in arguments else arguments[:1] * len(value)
        for item, item_hint in zip(value, items, strict=True):
            _check_range(item_hint, item, f"each number of {name}", whole)
        if without_ranges(hint) == tuple[float, float] and not value[0] <= value[1]:
            raise ValueError(f"{name} must run from low to high, got {whole}")


def _is_of(value: Any, hint: Any) -> bool:
    try:
        require_types({"": value}, {"": hint})
    except TypeError:
        return False
    return True
