"""What a few seeds tell: an interval of the mean, and whether one learner's scores are better than another's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of the mean, or None for a single value.

    Not a bootstrap interval, which of five values is a third too narrow.
    """
    if len(values) < 2:
        return None
    mean, error = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    margin = t_quantile(level, len(values) - 1) * error
    return float(mean - margin), float(mean + margin)


def t_quantile(level: float, degrees: int) -> float:
    """Return the t that Student's |T| of so many degrees of freedom stays below with probability `level`."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, degrees) < level else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def t_probability(angle: float, degrees: int) -> float:
    """Return P(|T| < sqrt(degrees) tan(angle)) (Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    total, term = 0.0, cosine if odd else 1.0
    for k in range(2 + odd, degrees + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def probability_better(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the share of pairs, one of ours and one of theirs, in which ours is higher; of equals, half.

    Mann and Whitney's U over the number of pairs (the probability of improvement of Agarwal et al. 2021).
    """
    differences = np.subtract.outer(np.asarray(ours, float), np.asarray(theirs, float))
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def by_chance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how probable a `probability_better` as far from 1/2 is where the two are alike (two-sided, exact).

    The share of all ways of dealing these scores to the two sides, by the distribution of the rank sum; equal scores
    share their ranks.
    """
    scores = np.concatenate([ours, theirs])
    twice_ranks = [int(2 * (scores < score).sum() + (scores == score).sum() + 1) for score in scores]
    dealt: Counter[tuple[int, int]] = Counter({(0, 0): 1})  # (how many were dealt to us, their sum) -> in how many ways
    for rank in twice_ranks:
        dealt.update({(count + 1, total + rank): ways for (count, total), ways in dealt.items()})
    sums = {total: ways for (count, total), ways in dealt.items() if count == len(ours)}
    expected = len(ours) * (len(scores) + 1)
    found = abs(sum(twice_ranks[: len(ours)]) - expected)
    extreme = sum(ways for total, ways in sums.items() if abs(total - expected) >= found)
    return extreme / sum(sums.values())
