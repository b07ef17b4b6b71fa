"""What a few seeds tell: how good a learner is, whether it is better than another one, and how sure that is.

Scores are arrays whose first axis is the seed; what follows it is kept. Interquartile means, probabilities of
improvement and stratified bootstraps are those of Agarwal, Schwarzer, Castro, Courville and Bellemare 2021, "Deep
Reinforcement Learning at the Edge of the Statistical Precipice".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

DEALINGS = 20_000  # ways of dealing scores to two sides, up to which all are counted: those of eight seeds each
REPETITIONS = 2000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A statistic, a number or an array, and the bounds between which it lies with a confidence of 95 %."""

    value: Any
    low: Any
    high: Any


def interquartile_mean(scores: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the mean of the middle half: a quarter of the scores, rounded down, is left out at either end."""
    ordered = np.sort(scores, axis=axis)
    cut = scores.shape[axis] // 4
    return ordered.take(np.arange(cut, scores.shape[axis] - cut), axis=axis).mean(axis=axis)


def probability_of_improvement(scores: np.ndarray, others: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return how likely a score is higher than one of the others; equal ones count half (Mann and Whitney's U).

    Args:
        scores: (seeds,), or with more axes before the seeds' one, the same for both.
        others: likewise, of as many seeds as there are.
        axis: the seeds'.
    """
    pairs = np.expand_dims(np.moveaxis(scores, axis, -1), -1) - np.expand_dims(np.moveaxis(others, axis, -1), -2)
    return (np.sign(pairs).mean(axis=(-2, -1)) + 1) / 2


def bootstrap(statistic: Callable[..., np.ndarray], *groups: np.ndarray, repetitions: int = REPETITIONS) -> Interval:
    """Return a statistic of one or more groups of scores, and its percentile interval by the stratified bootstrap.

    Seeds are drawn with replacement from each group for itself; a seed is drawn whole, with all that follows it. The
    draws are the same at each call.

    Args:
        statistic: takes arrays (..., seeds, ...) and `axis`, the seeds'.
        groups: scores (seeds, ...).
        repetitions: how often seeds are drawn.
    """
    rng = np.random.default_rng(0)
    drawn = [group[rng.integers(len(group), size=(repetitions, len(group)))] for group in groups]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(statistic(*drawn, axis=1), [tail, 1 - tail], axis=0)
    return Interval(statistic(*groups, axis=0), low, high)


def difference(scores: np.ndarray, others: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return by how much the interquartile mean is higher than the others'."""
    return interquartile_mean(scores, axis) - interquartile_mean(others, axis)


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of the mean, or None for a single value.

    Not a bootstrap interval, which of five values is a third too narrow.
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # a quarter of a second, which an evaluation need not spend

    margin = stdtrit(len(values) - 1, (1 + level) / 2) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values) - margin), float(np.mean(values) + margin)


def by_chance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return how probable a `probability_of_improvement` as far from 1/2 is where the two are alike (two-sided).

    The share of all ways of dealing these scores to the two sides; of many seeds, of `DEALINGS` random ones. A single
    score on a side tells nothing: 1.
    """
    if min(len(ours), len(theirs)) < 2:
        return 1.0
    from scipy import stats  # it takes a second, which most commands need not spend

    def decided(ours: np.ndarray, theirs: np.ndarray, axis: int = 0) -> np.ndarray:
        return np.abs(probability_of_improvement(ours, theirs, axis) - 0.5)

    dealt = stats.permutation_test(
        (ours, theirs), decided, n_resamples=DEALINGS, alternative="greater", rng=np.random.default_rng(0)
    )
    return float(dealt.pvalue)
