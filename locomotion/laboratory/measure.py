"""The estimator laboratory: every gradient estimator of the lecture, measured against the gradient itself.

All estimators see the same paths. An estimate of M paths is the mean of what each path says, so that the paths one by
one tell the bias with an interval, the variance, and how well the direction is known after so many paths.
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
from locomotion.laboratory.commands import check_sizes
from locomotion.laboratory.estimators import Estimator, laboratory
from locomotion.laboratory.worlds import LaboratoryWorld, QuadraticWorld
from locomotion.tables import markdown_table

CONFIDENCE = 0.99
FITTING_PATHS = 4096  # for all that is learned
CHUNK = 8192  # paths in memory at a time

# Where the gradient is not known exactly, one of the unbiased estimators tells it, from so many times as many paths.
REFERENCE, REFERENCE_SIZE = "reward-to-go - linear features", 4

# The lecture's fixes in their order, each on top of the one before.
STORY = {
    "path return": "path return",
    "baseline": "path return - mean",
    "reward-to-go": "reward-to-go - time means",
    "discount": "reward-to-go - time means, gamma 0.95",
    "critic": "GAE(1), critic, gamma 0.95",
    "GAE": "GAE(0.95), critic, gamma 0.95",
}


@dataclass(frozen=True, eq=False)
class Row:
    """What was measured of one estimator; P components."""

    estimator: Estimator
    bias: np.ndarray  # mean estimate less the gradient (P,)
    error: np.ndarray  # its standard error, the reference's own included (P,)
    variance: np.ndarray  # of an estimate from one path (P,); if it takes `cost` paths, `cost` times its variance
    cosine: dict[int, float]  # mean cosine to the gradient, by the number of paths there are for one estimate
    seconds: float  # to estimate from all paths: sampling counts only for those that sample for themselves


@dataclass(frozen=True, eq=False)
class Report:
    """What was measured in one world."""

    world: str
    parameters: tuple[str, ...]
    gradient: np.ndarray  # exact, or the reference (P,)
    gradient_error: np.ndarray  # standard error of the reference, 0 where it is exact (P,)
    paths: int
    sampling_seconds: float  # of the paths that all estimators share
    rows: list[Row]

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.rows if row.estimator.name == name)

    @cached_property
    def wide(self) -> float:
        """Half-width, in standard errors, of intervals that all hold together with 99 % (Bonferroni)."""
        return normal_quantile(len(self.rows) * len(self.parameters))

    @property
    def sizes(self) -> list[int]:
        """Numbers of paths at which cosines were measured."""
        return list(self.rows[0].cosine)

    def consistent(self, row: Row) -> bool:
        """Whether 0 lies within the simultaneous interval of each component of the bias."""
        return bool((np.abs(row.bias) <= self.wide * row.error).all())

    def relative_bias(self, row: Row) -> tuple[float, float]:
        """Return the bias's length, and what chance alone would make of it, both over the gradient's length."""
        length = np.linalg.norm(self.gradient)
        return float(np.linalg.norm(row.bias) / length), float(np.linalg.norm(row.error) / length)


def normal_quantile(comparisons: int) -> float:
    """Return how many standard errors a two-sided 99 % interval spans to each side, for so many at once."""
    return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / comparisons)


def measure(world: LaboratoryWorld, trajectories: int = 256, repetitions: int = 400, seed: int = 0) -> Report:
    """Measure all estimators on the same paths.

    Args:
        world: where.
        trajectories: N, the most paths that one estimate is made of: cosines are measured at 1, 4, 16 ... up to N.
        repetitions: R, how many estimates of N paths there are; bias and variance are measured on all R N paths.
        seed: of all chance.

    Raises:
        UsageError: where these are too few.
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
            Row(
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
    """Return each estimator's estimates from the same `total` paths, its seconds, and those of sampling."""
    estimates: dict[str, list[np.ndarray]] = {rule.name: [] for rule in rules}
    seconds = dict.fromkeys(estimates, 0.0)
    sampling = 0.0
    for part in np.array_split(np.arange(total), -(-total // CHUNK)):
        start = time.perf_counter()
        paths = world.sample(len(part), rng)
        sampling += time.perf_counter() - start
        for rule in rules:
            start = time.perf_counter()
            estimates[rule.name].append(rule.estimate(paths))
            seconds[rule.name] += time.perf_counter() - start
    return {name: np.concatenate(parts) for name, parts in estimates.items()}, seconds, sampling


def standard_error(estimates: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean of independent estimates (M, P)."""
    return estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))


def cosines(estimates: np.ndarray, gradient: np.ndarray, most: int, cost: int) -> dict[int, float]:
    """Return the mean cosine to the gradient of means of estimates, by how many paths each mean may cost.

    Where one of the means is 0 and so has no direction, as of finite differences that changed no return, there is none.

    Args:
        estimates: independent ones (M, P).
        gradient: the truth (P,).
        most: the largest number of paths; the others are powers of 4, from 1 or the first that pays one estimate.
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
    """Write one row for each estimator and component; intervals are of the bias, alone and simultaneous, at 99 %."""
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


def table(report: Report) -> str:
    """Return what was measured as a Markdown table, and below it what each fix of the lecture's brought."""
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
    """Return how the table is to be read."""
    count = len(report.rows) * len(report.parameters)
    gradient = ", ".join(
        f"{name} {value:.4g}" + (f" +- {error:.2g}" if error else "")
        for name, value, error in zip(report.parameters, report.gradient, report.gradient_error, strict=True)
    )
    source = "measured by a larger sample" if report.gradient_error.any() else "exact"
    return (
        f"World {report.world}: {report.paths:,} paths, sampled in {report.sampling_seconds:.2f} s; the gradient"
        f" ({source}): {gradient}.\nBias is a length over the gradient's; by chance: about as long as an unbiased"
        " estimator's would be, from so many paths.\nVariance is the trace, for one path; for what takes several paths,"
        f" times as many.\nThe {count} intervals all"
        f" hold together with {CONFIDENCE:.0%} (Bonferroni: {report.wide:.2f} standard errors). Baselines and critics"
        f" were fitted to {FITTING_PATHS:,} other paths;\nthe critic is not told the time, V is. Seconds are on top of"
        " sampling; finite differences and importance sampling step the world within them."
    )
