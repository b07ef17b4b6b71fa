"""What a few seeds tell: an interval of the mean, and whether one learner's scores are better than another's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

DEALINGS = 20_000  # ways of dealing scores to two sides, up to which all are counted: those of eight seeds each


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of the mean, or None for a single value.

    Not a bootstrap interval, which of five values is a third too narrow.
    """
    if len(values) < 2:
        return None
    margin = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return float(np.mean(values) - margin), float(np.mean(values) + margin)


def probability_better(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the share of pairs, one of ours and one of theirs, in which ours is higher; of equals, half.

    Mann and Whitney's U over the number of pairs (the probability of improvement of Agarwal et al. 2021).
    """
    signs = np.sign(np.subtract.outer(np.asarray(ours, float), np.asarray(theirs, float)))
    return float((1 + signs.mean()) / 2)


def by_chance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how probable a `probability_better` as far from 1/2 is where the two are alike (two-sided).

    The share of all ways of dealing these scores to the two sides; of many seeds, of `DEALINGS` random ones. A single
    score on a side tells nothing: 1.
    """
    if min(len(ours), len(theirs)) < 2:
        return 1.0

    def decided(ours: Sequence[float], theirs: Sequence[float]) -> float:
        return abs(probability_better(ours, theirs) - 0.5)

    scores = np.asarray(ours, float), np.asarray(theirs, float)
    dealt = stats.permutation_test(
        scores, decided, n_resamples=DEALINGS, alternative="greater", rng=np.random.default_rng(0)
    )
    return float(dealt.pvalue)
