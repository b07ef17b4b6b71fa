"""Results of a sweep, from its rows: each point's returns, seed by seed, and the best point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from locomotion.command_line import quoted
from locomotion.errors import UsageError
from locomotion.evaluation.statistics import (
    Interval,
    bootstrap,
    difference,
    interquartile_mean,
    probability_of_improvement,
)
from locomotion.progress import each
from locomotion.sweeps.rows import decided_by

FEW = 5  # with fewer seeds a bootstrap's intervals are much too narrow
NO_VALUE_FUNCTION = "no value function"


@dataclass(frozen=True, eq=False)
class Curve:
    """One point's learning curves: the mean return of each iteration's episodes, for each seed."""

    gamma: float
    gae_lambda: float
    baseline: str
    returns: np.ndarray  # (seeds, iterations); without an ended episode the previous value; NaN before the first

    @property
    def iterations(self) -> int:
        """Number of iterations of each seed."""
        return self.returns.shape[1]

    @property
    def label(self) -> str:
        """The point in words."""
        where = f"γ {self.gamma:g}"
        if self.baseline == "time" and self.gae_lambda == 1.0:
            return f"{where}, {NO_VALUE_FUNCTION}"
        return f"{where}, λ {self.gae_lambda:g}" + ("" if self.baseline == "value" else f", baseline {self.baseline}")

    def scores(self, iteration: int) -> np.ndarray:
        """Return each seed's score (seeds,): the mean over the tenth of the iterations that ends with this one.

        Raises:
            UsageError: where a seed has ended no episode by then.
        """
        tenth = max(1, iteration // 10)
        last = self.returns[:, iteration - tenth : iteration]
        if np.isnan(last[:, -1]).any():
            raise UsageError(
                f"{self.label}: no episode has ended after {iteration} iterations; it takes more of them,"
                " in another folder"
            )
        return np.nanmean(last, axis=1)


@dataclass(frozen=True)
class Score:
    """One point's final score."""

    curve: Curve
    score: Interval  # interquartile mean over the seeds
    improvement: Interval  # probability that a seed of the best point beats one of this
    best: bool
    tied: bool  # with the best one: the interval of the difference of their scores contains 0


@dataclass(frozen=True)
class Results:
    """The curves of a sweep.

    Args:
        curves: by gamma and lambda, those of the most frequent baseline first.
        settings: of one of the cells.
        task: its fields that differ from the task's own.
        preset: the sweep's preset, or empty.
        scale: of the preset.
        versions: all versions in the rows.
    """

    curves: tuple[Curve, ...]
    settings: dict[str, Any]
    task: dict[str, Any]
    preset: str
    scale: float
    versions: tuple[str, ...]

    @property
    def env(self) -> str:
        """The robot."""
        return self.settings["env"]

    @cached_property
    def seeds(self) -> int:
        """The largest number of seeds of a point."""
        return max(len(curve.returns) for curve in self.curves)

    @cached_property
    def fewest_seeds(self) -> int:
        """The smallest number of seeds of a point."""
        return min(len(curve.returns) for curve in self.curves)

    @cached_property
    def longest(self) -> tuple[Curve, ...]:
        """The curves with the largest number of iterations."""
        most = max(curve.iterations for curve in self.curves)
        return tuple(curve for curve in self.curves if curve.iterations == most)

    @cached_property
    def final(self) -> list[Score]:
        """The scores of the longest curves at their end."""
        return scored(self.longest, self.longest[0].iterations)

    @cached_property
    def shortest(self) -> int:
        """The number of iterations that all curves have."""
        return min(curve.iterations for curve in self.curves)

    @cached_property
    def grid(self) -> list[Score]:
        """The scores of all curves of the most frequent baseline after the `shortest` number of iterations."""
        return scored([curve for curve in self.curves if self.is_main(curve)], self.shortest)

    def is_main(self, curve: Curve) -> bool:
        """Return whether a curve has the most frequent baseline, with which the others are compared."""
        return curve.baseline == self.curves[0].baseline

    def command(self) -> str:
        """Return the command line that makes these rows, or several lines where they are not one grid."""
        start = "python scripts/benchmark.py gamma-lambda"
        if self.preset:
            scale = "" if self.scale == 1.0 else f" --scale {self.scale:g}"
            return f"{start} --preset {self.preset}{scale} --seeds {self.seeds}"
        lambdas: dict[tuple[str, int, float], list[float]] = {}  # by baseline, number of seeds and gamma
        for curve in self.curves:
            lambdas.setdefault((curve.baseline, len(curve.returns), curve.gamma), []).append(curve.gae_lambda)
        gammas: dict[tuple[str, int, tuple[float, ...]], list[float]] = {}
        for (baseline, seeds, gamma), values in lambdas.items():
            gammas.setdefault((baseline, seeds, tuple(values)), []).append(gamma)
        return "\n".join(
            f"{start} --env {quoted(self.env)} --algo {quoted(self.settings['algo'])} --gammas {listed(tried)}"
            f" --lambdas {listed(values)} --baseline {baseline} --seeds {seeds}"
            f" --iterations {self.longest[0].iterations}"
            for (baseline, seeds, values), tried in gammas.items()
        )


def listed(values: Sequence[float]) -> str:
    """Return numbers in the form of a command line."""
    return " ".join(f"{value:.15g}" for value in values)


def results(rows: pa.Table) -> Results:
    """Return the results of one sweep's rows."""
    runs: dict[tuple[float, float, str], dict[int, np.ndarray]] = {}
    for (gamma, gae_lambda, baseline, seed), returns in by_run(rows).items():
        seeds = runs.setdefault((gamma, gae_lambda, baseline), {})
        seeds[seed] = returns
    curves = []
    for point, seeds in runs.items():
        length = max(map(len, seeds.values()))
        curves.append(Curve(*point, np.array([filled(run) for run in seeds.values() if len(run) == length])))
    names = [curve.baseline for curve in curves]
    decided = decided_by(rows["settings"][0].as_py())
    return Results(
        tuple(sorted(curves, key=lambda curve: (-names.count(curve.baseline), curve.gamma, curve.gae_lambda))),
        decided["settings"],
        decided["task"],
        rows["preset"][0].as_py(),
        rows["scale"][0].as_py(),
        tuple(sorted(set(rows["versions"].to_pylist()))),
    )


def by_run(rows: pa.Table) -> dict[tuple[float, float, str, int], np.ndarray]:
    """Return the mean returns (iterations,) of each training; of several with one seed, the longest."""
    columns = ("gamma", "lambda", "baseline", "seed", "settings", "return_mean")
    runs: dict[tuple, list[float]] = {}
    for *run, value in zip(*(rows[name].to_pylist() for name in columns), strict=True):
        runs.setdefault(tuple(run), []).append(np.nan if value is None else value)
    longest: dict[tuple[float, float, str, int], np.ndarray] = {}
    for (*key, _), values in runs.items():
        if len(values) > len(longest.get(tuple(key), ())):
            longest[tuple(key)] = np.array(values)
    return longest


def filled(run: np.ndarray) -> np.ndarray:
    """Return a run (iterations,) with each NaN replaced by the last number before it, if any."""
    known = np.where(np.isnan(run), 0, np.arange(len(run)))
    return run[np.maximum.accumulate(known)]


def scored(curves: Sequence[Curve], iteration: int) -> list[Score]:
    """Return the scores of some curves at an iteration, in their order."""
    scores = [curve.scores(iteration) for curve in curves]
    # Interquartile means can be equal: for example of seeds that reach the maximal return.
    best = max(scores, key=lambda score: (float(interquartile_mean(score)), float(np.mean(score))))
    found = []
    for curve, score in each(list(zip(curves, scores, strict=True)), "comparing points", len(curves)):
        gap = bootstrap(difference, best, score)
        found.append(
            Score(
                curve,
                bootstrap(interquartile_mean, score),
                bootstrap(probability_of_improvement, best, score),
                score is best,
                bool(score is not best and gap.low <= 0.0),
            )
        )
    return found
