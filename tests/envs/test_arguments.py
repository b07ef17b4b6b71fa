import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen

from envs.arguments import as_python, at_least_one, check_fields, require_types, without_ranges


@dataclass
class Inner:
    share: Annotated[float, Interval(ge=0, le=1)] = 0.5


@dataclass
class Fields:
    gamma: Annotated[float, Interval(ge=0, le=1)] = 1.0
    half_open: Annotated[float, Interval(ge=0, lt=10)] = 1.0
    other_half: Annotated[float, Interval(gt=0, le=10)] = 1.0
    open_range: Annotated[float, Gt(0), Lt(1)] = 0.5
    rounds: Annotated[int, Ge(1)] = 1
    noise: Annotated[float, Ge(0)] = 0.0
    rate: Annotated[float, Gt(0)] = 1.0
    finite: Annotated[float, Interval(gt=0, lt=math.inf)] = 1.0
    finite_or_0: Annotated[float, Interval(ge=0, lt=math.inf)] = 1.0
    above: Annotated[float, Gt(2)] = 3.0
    below: Annotated[float, Lt(1)] = 0.0
    at_most: Annotated[float, Le(1)] = 0.0
    bound: Annotated[float, Gt(0)] | None = None
    chosen: Annotated[int, Ge(1)] | Literal["auto"] = "auto"
    hidden: tuple[Annotated[int, Ge(1)], ...] = ()
    filled: Annotated[tuple[int, ...], MinLen(1)] = (1,)
    load: tuple[float, float] = (0.0, 1.0)
    weight: float = 1.0
    friction: tuple[Annotated[float, Ge(0)], Annotated[float, Ge(0)]] | None = None
    inner: Inner | None = None


HINTS = get_type_hints(Fields, include_extras=True)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gamma", 2, "gamma must lie in [0, 1], got 2"),
        ("gamma", math.nan, "gamma must lie in [0, 1], got nan"),
        ("half_open", 10.0, "half_open must lie in [0, 10), got 10.0"),
        ("other_half", 0.0, "other_half must lie in (0, 10], got 0.0"),
        ("open_range", 1.0, "open_range must lie between 0 and 1, got 1.0"),
        ("rounds", 0, "rounds must be at least 1, got 0"),
        ("noise", -0.1, "noise must not be negative, got -0.1"),
        ("rate", 0.0, "rate must be positive, got 0.0"),
        ("rate", math.nan, "rate must be positive, got nan"),
        ("finite", math.inf, "finite must be finite, got inf"),
        ("finite_or_0", -1.0, "finite_or_0 must not be negative, got -1.0"),
        ("above", 2.0, "above must be above 2, got 2.0"),
        ("below", 1.0, "below must be below 1, got 1.0"),
        ("at_most", 1.5, "at_most must be at most 1, got 1.5"),
        ("at_most", math.nan, "at_most must be at most 1, got nan"),
        ("bound", 0.0, "bound must be positive, got 0.0"),
        ("chosen", 0, "chosen must be at least 1, got 0"),
        ("hidden", (64, 0), "each number of hidden must be at least 1, got (64, 0)"),
        ("filled", (), "filled must not be empty, got ()"),
        ("load", (1.0, 0.5), "load must run from low to high, got (1.0, 0.5)"),
        ("load", (math.nan, 0.5), "each number of load must be finite, got (nan, 0.5)"),
        ("weight", math.nan, "weight must be finite, got nan"),
        ("weight", -math.inf, "weight must be finite, got -inf"),
        ("friction", (-1.0, 0.5), "each number of friction must not be negative, got (-1.0, 0.5)"),
        ("friction", (1.0, 0.5), "friction must run from low to high, got (1.0, 0.5)"),
    ],
)
def test_a_value_out_of_its_range_is_named(field, value, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        check_fields(HINTS, {field: value})
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rate", "fast", "rate must be of type float, got 'fast'"),
        ("bound", "far", "bound must be of type float | None, got 'far'"),
        ("hidden", (0.5,), "hidden must be of type tuple[int, ...], got (0.5,)"),
        ("friction", 0.5, "friction must be of type tuple[float, float] | None, got 0.5"),
    ],
)
def test_a_value_of_another_type_is_named_without_its_range(field, value, message):
    with pytest.raises(TypeError) as error:
        check_fields(HINTS, {field: value})
    assert str(error.value) == message


@pytest.mark.parametrize(
    "values",
    [
        {"gamma": 0, "rate": math.inf, "finite_or_0": 0.0, "bound": None, "chosen": "auto", "hidden": ()},
        {"gamma": 1, "bound": 2, "chosen": 3, "hidden": (64, 32), "filled": (0,), "load": (1, 1), "friction": (0, 0)},
        {"inner": Inner(share=7.0)},  # it looks after itself
        vars(Fields()),
    ],
)
def test_values_within_their_ranges_pass(values):
    check_fields(HINTS, values)


def test_the_caller_writes_the_names():
    with pytest.raises(ValueError, match=r"^--half-open must lie in"):
        check_fields(HINTS, {"half_open": -1.0}, lambda field: "--" + field.replace("_", "-"))


def test_types_are_compared_before_ranges():
    with pytest.raises(TypeError, match="rounds"):
        check_fields(HINTS, {"rate": -1.0, "rounds": "many"})


def test_hints_without_ranges():
    assert without_ranges(HINTS["friction"]) == tuple[float, float] | None
    assert without_ranges(HINTS["chosen"]) == int | Literal["auto"]
    assert without_ranges(float) is float


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (np.int64(5), Annotated[int, Ge(1)], 5),
        (np.uint8(5), int | None, 5),
        (np.array(5), int, 5),
        (np.float32(0.5), float, 0.5),
        (np.array(0.5), Annotated[float, Gt(0)] | None, 0.5),
        (np.bool_(True), bool, True),
        (np.array(False), bool, False),
        (np.str_("tanh"), Literal["tanh", "relu"], "tanh"),
        (np.array([1, 2]), tuple[int, ...], (1, 2)),
        (np.array([[0.0, 1.0]]), tuple[tuple[float, float], ...], ((0.0, 1.0),)),
        ([0.3, 1], tuple[float, float], (0.3, 1)),
        ((np.float32(0.5), np.int64(1)), tuple[float, float], (0.5, 1)),
        ({"distance": np.float32(2.5), "lookat": np.zeros(2)}, Mapping[str, Any], {"distance": 2.5, "lookat": (0, 0)}),
        (Path("a/b.xml"), str, "a/b.xml"),
        (Path("a/b.xml"), str | None, "a/b.xml"),
        ("a/b.xml", Path | None, Path("a/b.xml")),
        (["a", Path("b")], tuple[Path, ...], (Path("a"), Path("b"))),
        ([1, 2], list[int], [1, 2]),
        (None, int | None, None),
    ],
)
def test_numpys_numbers_and_paths_are_taken_as_pythons(value, hint, expected):
    taken = as_python(value, hint)
    assert taken == expected
    assert type(taken) is type(expected)
    if isinstance(taken, tuple):
        assert list(map(type, taken)) == list(map(type, expected))
    check_fields({"field": hint}, {"field": taken})


@pytest.mark.parametrize(
    ("value", "hint"),
    [(np.float64(5.0), int), (np.int64(1), bool), (np.array([5]), int), (np.array([1.0, 2.0]), tuple[int, ...])],
)
def test_a_number_of_another_kind_is_still_refused(value, hint):
    with pytest.raises(TypeError, match="field must be of type"):
        check_fields({"field": hint}, {"field": as_python(value, hint)})


def test_a_count_is_any_librarys_integer():
    assert [at_least_one(count, "the width") for count in (3, np.int64(3), np.array(3))] == [3, 3, 3]
    with pytest.raises(TypeError, match=r"the width must be a whole number, got 2.5"):
        at_least_one(2.5, "the width")
    with pytest.raises(ValueError, match="the width must be at least 1, got 0"):
        at_least_one(np.int64(0), "the width")


def test_a_range_may_have_no_end():
    check_fields(HINTS, {"load": (-math.inf, math.inf)})


def test_a_word_that_is_not_among_the_accepted_ones_is_named_with_them():
    with pytest.raises(TypeError, match=r"^sight must be one of rays, camera, got 'sonar'$"):
        require_types({"sight": "sonar"}, {"sight": Literal["rays", "camera"]})
