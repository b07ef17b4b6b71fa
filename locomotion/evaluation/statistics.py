"""Statistics over a few seeds: a learner's score, its comparison with another learner, and their uncertainty.

Scores are arrays whose first axis is the seed; further axes are kept. Interquartile means, probabilities of
improvement and stratified bootstraps are those of Agarwal, Schwarzer, Castro, Courville and Bellemare 2021, "Deep
Reinforcement Learning at the Edge of the Statistical Precipice".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

PERMUTATIONS = 20_000  # permutations that are all counted: those of eight seeds on each side
REPETITIONS = 2000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A statistic, a number or an array, and its 95 % confidence bounds."""

    value: Any
    low: Any
    high: Any


def interquartile_mean(scores: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the mean of the middle half: a quarter of the scores, rounded down, is left out at either end."""
    ordered = np.sort(scores, axis=axis)
    cut = scores.shape[axis] // 4
    return ordered.take(np.arange(cut, scores.shape[axis] - cut), axis=axis).mean(axis=axis)


def probability_of_improvement(scores: np.ndarray, others: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the probability that a score exceeds one of the others; ties count half (Mann and Whitney's U).

    Args:
        scores: (seeds,), or with more axes before the seeds' one, the same for both.
        others: likewise, of as many seeds as there are.
        axis: the seeds'.
    """
    pairs = np.expand_dims(np.moveaxis(scores, axis, -1), -1) - np.expand_dims(np.moveaxis(others, axis, -1), -2)
    return (np.sign(pairs).mean(axis=(-2, -1)) + 1) / 2


def bootstrap(statistic: Callable[..., np.ndarray], *groups: np.ndarray, repetitions: int = REPETITIONS) -> Interval:
    """Return a statistic of one or more groups of scores, and its percentile interval by the stratified bootstrap.

    Seeds are drawn with replacement within each group; a drawn seed keeps all its further axes. The draws are the same
    at each call.

    Args:
        statistic: takes arrays (..., seeds, ...) and `axis`, the seeds'.
        groups: scores (seeds, ...).
        repetitions: number of draws.
    """
    rng = np.random.default_rng(0)
    drawn = [group[rng.integers(len(group), size=(repetitions, len(group)))] for group in groups]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(statistic(*drawn, axis=1), [tail, 1 - tail], axis=0)
    return Interval(statistic(*groups, axis=0), low, high)


def difference(scores: np.ndarray, others: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the difference of the two interquartile means."""
    return interquartile_mean(scores, axis) - interquartile_mean(others, axis)


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of the mean, or None for a single value.

    A bootstrap interval of five values would be a third too narrow.
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # it takes a quarter of a second, which an evaluation saves

    margin = stdtrit(len(values) - 1, (1 + level) / 2) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values) - margin), float(np.mean(values) + margin)


def by_chance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the two-sided p-value of `probability_of_improvement` under the hypothesis that both sides are alike.

    A permutation test: all permutations of the scores, or `PERMUTATIONS` random ones if there are more. With a single
    score on a side it is 1.
    """
    if min(len(ours), len(theirs)) < 2:
        return 1.0
    from scipy import stats  # it takes a second, which most commands save

    def decided(ours: np.ndarray, theirs: np.ndarray, axis: int = 0) -> np.ndarray:
        return np.abs(probability_of_improvement(ours, theirs, axis) - 0.5)

    tested = stats.permutation_test(
        (ours, theirs), decided, n_resamples=PERMUTATIONS, alternative="greater", rng=np.random.default_rng(0)
    )
    return float(tested.pvalue)
