"""Learning curves over time: a policy's scores, asked every so many steps, against seconds of wall clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Ge

from envs.arguments import check_fields
from locomotion.benchmarks.goals import Goal
from locomotion.checksums import DELETE
from locomotion.errors import UsageError
from locomotion.files import read_json, write_json
from locomotion.policies.scores import Finite, check_scores
from locomotion.runs.settings import field_types

CURVE = "curve.json"  # in a contender's folder


@dataclass(frozen=True)
class Point:
    """The scores of the policy of one moment."""

    step: Annotated[int, Ge(0)]
    seconds: Annotated[Finite, Ge(0)]  # from the command to this policy, without what the asking took
    return_mean: Finite
    metrics: dict[str, Any]  # the task's own quantities

    @property
    def figures(self) -> dict[str, float]:
        """The scores by their names."""
        return {"return": self.return_mean, **self.metrics}


@dataclass(frozen=True)
class Curve:
    """One training's points, the untrained policy's first and the final one's last."""

    points: tuple[Point, ...]

    @property
    def seconds(self) -> float:
        """Seconds of the whole training."""
        return self.points[-1].seconds

    def seconds_to(self, goal: Goal) -> float:
        """Return the seconds to the first point that reaches a goal; infinity where none does."""
        return next((point.seconds for point in self.points if goal.reached(point.figures)), float("inf"))

    def write(self, path: Path, settings: dict[str, Any], versions: dict[str, str]) -> None:
        """Write the curve with the settings it was trained by."""
        points = [dataclasses.asdict(point) for point in self.points]
        write_json(path, {"settings": settings, "versions": versions, "points": points}, alone=True)

    @classmethod
    def read(cls, path: Path, settings: dict[str, Any]) -> Self:
        """Return the curve of a file.

        Args:
            path: of the file.
            settings: JSON values that it must have been trained by.

        Raises:
            UsageError: where the file is damaged, or of other settings.
        """
        values = read_json(path, "settings", "points", remedy=DELETE)
        if values["settings"] != settings:
            raise UsageError(f"{path.parent} was raced with other settings: move it away to race it anew")
        try:
            for point in values["points"]:
                check_fields(field_types(Point), point)
                check_scores(point)
            curve = cls(tuple(Point(**point) for point in values["points"]))
            if not curve.points:
                raise ValueError("it has no points")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is damaged ({error}); {DELETE}") from error
        return curve


def median_curve(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Return the medians over the seeds of the seconds (points,) and returns (points,), point by point."""
    shared = min(len(curve.points) for curve in curves)
    seconds = np.array([[point.seconds for point in curve.points[:shared]] for curve in curves])
    returns = np.array([[point.return_mean for point in curve.points[:shared]] for curve in curves])
    return np.median(seconds, axis=0), np.median(returns, axis=0)
