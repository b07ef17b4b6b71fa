import itertools

import numpy as np
import pytest

from locomotion.seed_statistics import by_chance, probability_better, t_interval


def test_of_a_hundred_intervals_95_hold_the_mean():
    draws = np.random.default_rng(0).normal(7.0, 3.0, (2000, 5))
    held = np.mean([low < 7.0 < high for low, high in map(t_interval, draws)])
    assert held == pytest.approx(0.95, abs=0.015)


def test_one_seed_has_no_interval():
    assert t_interval([3.0]) is None


def test_two_equal_seeds_have_an_interval_without_width():
    assert t_interval([3.0, 3.0]) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([3.0, 4.0, 5.0], [1.0, 2.0]),
        ([3.0, 1.0, 5.0, 2.5], [2.0, 4.0, 6.0]),
        ([1000.0, 1000.0, 900.0], [1000.0, 800.0, 900.0, 1000.0]),  # as pendulums score
        ([2.0], [2.0]),
        (list(range(5)), list(range(10, 15))),
    ],
)
def test_chance_is_counted_over_all_ways_of_dealing_the_scores(ours, theirs):
    pairs = [(a > b) + 0.5 * (a == b) for a in ours for b in theirs]
    better = sum(pairs) / len(pairs)
    assert probability_better(ours, theirs) == pytest.approx(better)
    scores = [*ours, *theirs]
    dealt = []
    for chosen in itertools.combinations(range(len(scores)), len(ours)):
        others = [scores[i] for i in range(len(scores)) if i not in chosen]
        dealt.append(probability_better([scores[i] for i in chosen], others))
    extreme = np.mean([abs(share - 0.5) >= abs(better - 0.5) - 1e-12 for share in dealt])
    assert by_chance(ours, theirs) == pytest.approx(extreme)
