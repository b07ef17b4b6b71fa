"""Any settings within their fields' ranges come back from config.json."""

import functools
import json
import math
import types
import typing
from pathlib import Path

import pytest
from annotated_types import BaseMetadata, GroupedMetadata
from hypothesis import given
from hypothesis import strategies as st

from envs.arguments import Bounds
from locomotion.files import parse_json
from locomotion.runs.rules import RULES
from locomotion.runs.settings import MOST_SAMPLES, Settings, field_types, from_json, groups_of

TASK_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.text() | st.none()

EVERYTHING = Bounds()


def values(hint, bounds=EVERYTHING):
    """A strategy for all values of a field's type, within the range that its annotation gives."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        markers = [one for one in arguments[1:] if isinstance(one, BaseMetadata | GroupedMetadata)]
        return values(arguments[0], functools.reduce(Bounds.within, markers, bounds))
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(one, bounds) for one in arguments])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if hint is int:
        return st.integers(bounds.low, None if bounds.high == math.inf else bounds.high - bounds.below_high)
    if hint is float:
        low, high = (None if math.isinf(one) else float(one) for one in (bounds.low, bounds.high))
        return st.floats(
            low,
            high,
            exclude_min=bounds.above_low,
            exclude_max=bounds.below_high and high is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    if hint is Path:
        return st.text(min_size=1).map(Path)
    return {bool: st.booleans(), str: st.text(), type(None): st.none()}[hint]


@st.composite
def settings(draw, algo):
    """Settings of a rule, each of its fields anywhere in its range, none at odds with another."""
    hints = {name: hint for cls in groups_of(algo).values() for name, hint in field_types(cls).items()}
    special = {
        "algo": st.just(algo),
        "task": st.dictionaries(st.text(), TASK_NUMBERS | st.lists(TASK_NUMBERS, max_size=2).map(tuple), max_size=3),
    }
    chosen = {name: draw(special[name] if name in special else values(hint)) for name, hint in hints.items()}
    least = 1 + (chosen["num_envs"] == 1)  # one step alone has no advantage
    chosen["n_steps"] = max(least, min(chosen["n_steps"], MOST_SAMPLES // chosen["num_envs"]))
    chosen["stagger"] &= not chosen["episodic"]
    if chosen["memory_steps"] is not None:  # a divisor of all steps
        chosen["memory_steps"] = None if chosen["episodic"] else math.gcd(chosen["memory_steps"], chosen["n_steps"])
    if chosen["memory"] != "none" and chosen["baseline"] == "optimal-constant":
        chosen["baseline"] = "value"
    if chosen["memory"] != "none" and "reuse" in chosen:
        chosen["reuse"] = 0
    if chosen.get("final_std") is not None:  # at most the first one
        chosen["final_std"] = math.exp(chosen["log_std_init"]) * draw(st.floats(0.01, 1.0))
    return Settings.of(**chosen)


@pytest.mark.parametrize("algo", RULES)
@given(st.data())
def test_any_settings_come_back_from_json(algo, data):
    chosen = data.draw(settings(algo))
    text = json.dumps(chosen.as_json())
    assert from_json(parse_json(text)) == chosen
