"""The estimator laboratory: every gradient estimator of the lecture, measured against the gradient itself.

All estimators see the same paths. An estimate from M paths is the mean of M estimates from one path each. These give
the bias with an interval, the variance, and the accuracy of the direction for any number of paths.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist

import numpy as np

from locomotion.files import atomic_file
from locomotion.laboratory.estimators import Estimator, laboratory
from locomotion.laboratory.sample_sizes import check_sizes
from locomotion.laboratory.worlds import LaboratoryWorld, QuadraticWorld
from locomotion.progress import phase
from locomotion.tables import markdown_table

CONFIDENCE = 0.99
FITTING_PATHS = 4096  # for baselines and critics
CHUNK = 8192  # paths in memory at a time

# Where the gradient is not known exactly, it is estimated by this unbiased estimator, from this many times the paths.
REFERENCE, REFERENCE_SIZE = "reward-to-go - linear features", 4

# The lecture's fixes in their order, each added to the previous ones.
STORY = {
    "path return": "path return",
    "baseline": "path return - mean",
    "reward-to-go": "reward-to-go - time means",
    "discount": "reward-to-go - time means, gamma 0.95",
    "critic": "GAE(1), critic, gamma 0.95",
    "GAE": "GAE(0.95), critic, gamma 0.95",
}


@dataclass(frozen=True, eq=False)
class EstimatorRow:
    """One estimator's measurements; P components."""

    estimator: Estimator
    bias: np.ndarray  # mean estimate minus the gradient (P,)
    error: np.ndarray  # its standard error, the reference's own included (P,)
    variance: np.ndarray  # per path (P,): of an estimate that takes `cost` paths, `cost` times its variance
    cosine: dict[int, float]  # mean cosine to the gradient, by the number of paths of one estimate
    seconds: float  # for estimates from all paths; includes sampling only where an estimator samples its own paths


@dataclass(frozen=True, eq=False)
class Report:
    """All measurements in one world."""

    world: str
    parameters: tuple[str, ...]
    gradient: np.ndarray  # exact, or the reference (P,)
    gradient_error: np.ndarray  # standard error of the reference, 0 where it is exact (P,)
    paths: int
    sampling_seconds: float  # for the paths shared by all estimators
    rows: list[EstimatorRow]

    def __getitem__(self, name: str) -> EstimatorRow:
        return next(row for row in self.rows if row.estimator.name == name)

    @cached_property
    def wide(self) -> float:
        """Half-width, in standard errors, of simultaneous 99 % intervals (Bonferroni)."""
        return normal_quantile(len(self.rows) * len(self.parameters))

    @property
    def sizes(self) -> list[int]:
        """Numbers of paths at which cosines were measured."""
        return list(self.rows[0].cosine)

    def consistent(self, row: EstimatorRow) -> bool:
        """Return whether 0 lies within the simultaneous interval of each component of the bias."""
        return bool((np.abs(row.bias) <= self.wide * row.error).all())

    def relative_bias(self, row: EstimatorRow) -> tuple[float, float]:
        """Return the bias's length, and that expected by chance alone, both relative to the gradient's length."""
        length = np.linalg.norm(self.gradient)
        return float(np.linalg.norm(row.bias) / length), float(np.linalg.norm(row.error) / length)


def normal_quantile(comparisons: int) -> float:
    """Return the half-width, in standard errors, of two-sided 99 % intervals for this many comparisons at once."""
    return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / comparisons)


def measure_estimators(
    world: LaboratoryWorld, trajectories: int = 256, repetitions: int = 400, seed: int = 0
) -> Report:
    """Measure all estimators on the same paths.

    Args:
        world: the world and its policy.
        trajectories: N, the largest number of paths of one estimate; cosines are measured at 1, 4, 16 ... up to N.
        repetitions: R, the number of estimates from N paths; bias and variance are measured on all R N paths.
        seed: of all random numbers.

    Raises:
        UsageError: where there are too few paths.
    """
    check_sizes(trajectories, repetitions)
    total = trajectories * repetitions
    fitting, reference, measuring = (np.random.default_rng([seed, part]) for part in range(3))
    rules = laboratory(world, world.sample(FITTING_PATHS, fitting))
    if isinstance(world, QuadraticWorld):
        gradient, gradient_error = world.problem.gradient(world.theta), np.zeros(len(world.theta))
    else:
        best = [rule for rule in rules if rule.name == REFERENCE]
        estimates = sampled_estimates(world, best, REFERENCE_SIZE * total, reference)[0][REFERENCE]
        gradient, gradient_error = estimates.mean(axis=0), standard_error(estimates)
    estimates_of, seconds, sampling = sampled_estimates(world, rules, total, measuring)
    rows = []
    for rule in rules:
        estimates = estimates_of[rule.name]
        rows.append(
            EstimatorRow(
                estimator=rule,
                bias=estimates.mean(axis=0) - gradient,
                error=np.hypot(standard_error(estimates), gradient_error),
                variance=rule.cost * estimates.var(axis=0, ddof=1),
                cosine=cosines(estimates, gradient, trajectories, rule.cost),
                seconds=seconds[rule.name],
            )
        )
    return Report(world.name, world.parameters, gradient, gradient_error, total, sampling, rows)


def sampled_estimates(
    world: LaboratoryWorld, rules: Sequence[Estimator], total: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, float], float]:
    """Return the estimators' estimates from the same `total` paths, their seconds, and the seconds of sampling."""
    estimates: dict[str, list[np.ndarray]] = {rule.name: [] for rule in rules}
    seconds = dict.fromkeys(estimates, 0.0)
    sampling = 0.0
    parts = np.array_split(np.arange(total), -(-total // CHUNK))
    with phase(f"measuring {len(rules)} estimators, {world.name}", len(parts) * (1 + len(rules))) as shown:
        for part in parts:
            start = time.perf_counter()
            paths = world.sample(len(part), rng)
            sampling += time.perf_counter() - start
            shown.advance()
            for rule in rules:
                start = time.perf_counter()
                estimates[rule.name].append(rule.estimate(paths))
                seconds[rule.name] += time.perf_counter() - start
                shown.advance()
    return {name: np.concatenate(found) for name, found in estimates.items()}, seconds, sampling


def standard_error(estimates: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean of independent estimates (M, P)."""
    return estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))


def cosines(estimates: np.ndarray, gradient: np.ndarray, most: int, cost: int) -> dict[int, float]:
    """Return the mean cosine between the gradient and means of estimates, by the number of paths of each mean.

    A number of paths is left out where one of its means is 0 and has no direction, as of finite differences that
    changed no return.

    Args:
        estimates: independent estimates (M, P).
        gradient: the true one (P,).
        most: the largest number of paths; the others are powers of 4 that suffice for one estimate.
        cost: paths that one estimate takes.
    """
    means = {}
    size = 1
    while size <= most:
        if size >= cost:
            each = size // cost
            groups = estimates[: len(estimates) // each * each].reshape(-1, each, len(gradient)).mean(axis=1)
            lengths = np.linalg.norm(groups, axis=1) * np.linalg.norm(gradient)
            if lengths.all():
                means[size] = float(np.mean(groups @ gradient / lengths))
        size *= 4
    return means


def write_csv(report: Report, path: Path) -> None:
    """Write one row for each estimator and component, with 99 % intervals of the bias, single and simultaneous."""
    alone = normal_quantile(1)
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        columns = ["world", "estimator", "unbiased in theory", "component", "gradient", "gradient error", "bias"]
        columns += ["error", "low", "high", "simultaneous low", "simultaneous high", "variance", "variance trace"]
        sizes = report.sizes
        writer = csv.writer(file)
        writer.writerow([*columns, "paths per estimate", *(f"cosine at {size}" for size in sizes), "seconds"])
        for row in report.rows:
            rule = row.estimator
            cosine = [row.cosine.get(size, "") for size in sizes]
            for p, component in enumerate(report.parameters):
                bias, error = row.bias[p], row.error[p]
                ends = (bias + side * width * error for width in (alone, report.wide) for side in (-1, 1))
                truth = (report.gradient[p], report.gradient_error[p], bias, error)
                spread = (row.variance[p], row.variance.sum())
                what = (report.world, rule.name, rule.unbiased, component)
                writer.writerow([*what, *truth, *ends, *spread, rule.cost, *cosine, row.seconds])


def estimators_table(report: Report) -> str:
    """Return a Markdown table of the estimators, and below it one of the lecture's fixes."""
    first = report.rows[0].variance.sum()
    head = [
        "estimator",
        "in theory",
        "bias / gradient",
        "by chance",
        "0 in all intervals",
        "variance",
        "path return's /",
    ]
    head += [*(f"cosine at {size}" for size in report.sizes), "s"]
    lines = []
    for row in report.rows:
        bias, chance = report.relative_bias(row)
        trace = row.variance.sum()
        cosine = [f"{row.cosine[size]:.2f}" if size in row.cosine else "" for size in report.sizes]
        theory = "unbiased" if row.estimator.unbiased else "biased"
        found = [f"{bias:.1%}", f"{chance:.1%}", "yes" if report.consistent(row) else "no"]
        spread = [f"{trace:.4g}", f"{first / trace:.1f}"]
        lines.append([row.estimator.name, theory, *found, *spread, *cosine, f"{row.seconds:.2f}"])
    story = []
    before = first
    for fix, name in STORY.items():
        trace, (bias, chance) = report[name].variance.sum(), report.relative_bias(report[name])
        found = [f"{bias:.1%}", f"{chance:.1%}"]
        story.append([fix, name, f"{before / trace:.1f}", f"{first / trace:.1f}", *found])
        before = trace
    story_head = ["the lecture's fix", "estimator", "variance falls by", "in all by", "bias / gradient", "by chance"]
    return f"{markdown_table(head, lines)}\n\n{markdown_table(story_head, story)}"


def remarks(report: Report) -> str:
    """Return notes on how to read the table."""
    count = len(report.rows) * len(report.parameters)
    gradient = ", ".join(
        f"{name} {value:.4g}" + (f" +- {error:.2g}" if error else "")
        for name, value, error in zip(report.parameters, report.gradient, report.gradient_error, strict=True)
    )
    source = "measured by a larger sample" if report.gradient_error.any() else "exact"
    return "\n".join(
        [
            f"World {report.world}: {report.paths:,} paths, sampled in {report.sampling_seconds:.2f} s; the gradient"
            f" ({source}): {gradient}.",
            "Bias: its length relative to the gradient's; by chance: the expected length for an unbiased estimator,"
            " from the same paths.",
            "Variance: the trace, per path; an estimate that takes several paths has its variance multiplied by their"
            " number.",
            f"The {count} intervals hold simultaneously with {CONFIDENCE:.0%} (Bonferroni: {report.wide:.2f} standard"
            " errors).",
            f"Baselines and critics were fitted to {FITTING_PATHS:,} other paths; the critic is not given the time.",
            "Seconds exclude sampling, but finite differences and importance sampling include their own simulations.",
        ]
    )
