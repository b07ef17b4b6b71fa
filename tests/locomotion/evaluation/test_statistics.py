import itertools

import numpy as np
import pytest

from locomotion.evaluation.statistics import (
    bootstrap,
    by_chance,
    difference,
    interquartile_mean,
    probability_of_improvement,
    t_interval,
)


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
    ours, theirs = np.array(ours), np.array(theirs)
    pairs = [(a > b) + 0.5 * (a == b) for a in ours for b in theirs]
    better = sum(pairs) / len(pairs)
    assert probability_of_improvement(ours, theirs) == pytest.approx(better)
    scores = [*ours, *theirs]
    dealt = []
    for chosen in itertools.combinations(range(len(scores)), len(ours)):
        others = [scores[i] for i in range(len(scores)) if i not in chosen]
        dealt.append(probability_of_improvement(np.array([scores[i] for i in chosen]), np.array(others)))
    extreme = np.mean([abs(share - 0.5) >= abs(better - 0.5) - 1e-12 for share in dealt])
    assert by_chance(ours, theirs) == pytest.approx(extreme)


def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end():
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0])) == np.mean([2, 3, 4, 5])
    assert interquartile_mean(np.array([9.0, 1.0, 2.0])) == 4.0  # a quarter of three is less than one
    assert interquartile_mean(np.array([9.0, 1.0, 2.0, 3.0, 3.0])) == np.mean([2, 3, 3])
    many = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(interquartile_mean(many), many[1:3].mean(axis=0))
    np.testing.assert_array_equal(interquartile_mean(many, axis=2), many.mean(axis=2))


def test_the_probability_of_improvement_counts_pairs_and_equal_ones_half():
    scores, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])
    assert probability_of_improvement(scores, others) == (0.5 + 4) / 6
    assert probability_of_improvement(others, scores) == pytest.approx(1 - (0.5 + 4) / 6)
    stacked = probability_of_improvement(np.stack([scores, scores + 9]), np.stack([others, others]), axis=1)
    np.testing.assert_allclose(stacked, [0.75, 1.0])


def test_the_interval_is_that_of_all_ways_to_draw_the_seeds():
    scores = np.array([0.0, 1.0, 5.0, 10.0, 12.0])
    exact = [np.mean(sorted(drawn)[1:-1]) for drawn in itertools.product(scores, repeat=5)]
    bounds = np.quantile(exact, [0.025, 0.975], method="inverted_cdf")
    assert min(exact) < bounds[0] < bounds[1] < max(exact)
    found = bootstrap(interquartile_mean, scores, repetitions=40_000)
    assert found.value == 16 / 3
    np.testing.assert_allclose([found.low, found.high], bounds)
    assert bootstrap(interquartile_mean, scores) == bootstrap(interquartile_mean, scores)  # the same draws each time


def test_the_interval_of_a_normal_samples_mean_is_the_textbook_one():
    values = np.random.default_rng(1).normal(size=400)
    found = bootstrap(np.mean, values)
    margin = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - margin, abs=0.01)
    assert found.high == pytest.approx(values.mean() + margin, abs=0.01)


def test_groups_are_drawn_each_for_itself():
    scores, others = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 7.0])
    means = [np.mean(list(itertools.product(group, repeat=3)), axis=1) for group in (scores, others)]
    bounds = np.quantile(np.subtract.outer(*means), [0.025, 0.975], method="inverted_cdf")
    found = bootstrap(difference, scores, others, repetitions=40_000)
    assert found.value == 4 / 3 - 3
    np.testing.assert_allclose([found.low, found.high], bounds)


def test_a_seed_is_drawn_with_all_its_iterations():
    curves = np.stack([np.arange(5.0), np.arange(5.0) + 1])
    found = bootstrap(interquartile_mean, curves)
    np.testing.assert_array_equal(found.value, np.arange(5.0) + 0.5)
    np.testing.assert_array_equal(found.high - found.low, np.ones(5))


def test_a_single_seed_has_no_spread():
    found = bootstrap(interquartile_mean, np.array([3.0]))
    assert found == (3.0, 3.0, 3.0)
