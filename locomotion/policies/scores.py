"""Scores as JSON values, on a policy's card and in evaluation.json: what a reader may rely on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from envs.arguments import check_fields
from locomotion.checksums import COPY
from locomotion.errors import UsageError
from locomotion.files import read_json

MOST_EPISODES = 100_000  # that a card may ask for: all of them are simulated at once
Finite = Annotated[float, Interval(ge=-sys.float_info.max, le=sys.float_info.max)]
FIELDS: dict[str, Any] = {
    "episodes": Annotated[int, Interval(ge=1, le=MOST_EPISODES)],
    "seed": Annotated[int, Interval(ge=0, lt=2**32)],
    "return_mean": Finite,
    "return_std_error": Finite,
    "return_ci95": tuple[Finite, Finite],
    "length_mean": Finite,
    "seconds_mean": Finite | None,
    "metrics": dict[str, Any],
}


def check_scores(scores: Mapping[str, Any], *needed: str) -> None:
    """Check the scores that are read again.

    Args:
        scores: by their names; others than these are only shown.
        *needed: names that must be there.

    Raises:
        KeyError: naming one that is not.
        TypeError, ValueError: naming one of another type, or out of its range.
    """
    for name in needed:
        if name not in scores:
            raise KeyError(f"evaluation.{name}")
    told = {name: tuple(one) if isinstance(one, list) else one for name, one in scores.items() if name in FIELDS}
    check_fields(FIELDS, told)
    metrics = scores.get("metrics", {})
    check_fields(dict.fromkeys(metrics, Finite), metrics)


def read_scores(path: Path, remedy: str = COPY) -> dict[str, Any]:
    """Return what an evaluation.json holds.

    Args:
        path: of the file.
        remedy: in words, for a damaged file.

    Raises:
        UsageError: where it is missing or damaged.
    """
    values = read_json(path, "return_mean", "metrics", remedy=remedy)
    try:
        check_scores(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged ({error}); {remedy}") from error
    return values
