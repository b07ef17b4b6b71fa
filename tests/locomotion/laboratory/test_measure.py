import csv
import math

import numpy as np
import pytest

from locomotion.errors import UsageError
from locomotion.laboratory import measure as estimators
from locomotion.laboratory.estimators import laboratory
from locomotion.laboratory.measure import (
    STORY,
    cosines,
    estimators_table,
    measure_estimators,
    normal_quantile,
    standard_error,
    write_csv,
)
from locomotion.laboratory.worlds import CartPoleWorld, QuadraticWorld
from scripts.benchmark import main


@pytest.fixture(scope="module")
def report():
    return measure_estimators(QuadraticWorld.make(), trajectories=64, repetitions=300, seed=0)


@pytest.fixture(scope="module")
def rules():
    world = QuadraticWorld.make()
    return {rule.name: rule for rule in laboratory(world, world.sample(500, np.random.default_rng(0)))}


@pytest.fixture(scope="module")
def paths():
    return QuadraticWorld.make().sample(60, np.random.default_rng(1))


def test_what_is_unbiased_in_theory_has_the_gradient_in_its_simultaneous_intervals(report):
    unbiased = [row for row in report.rows if row.estimator.unbiased]
    assert len(unbiased) == 24
    assert [row.estimator.name for row in unbiased if not report.consistent(row)] == []


@pytest.mark.parametrize(
    "name",
    [
        "reward-to-go - time means, gamma 0.9",
        "GAE(0), critic",
        "GAE(0.95), critic",
        "5-step, critic",
        "GAE(0.95), critic, gamma 0.95",
        "importance, single actions, - V",
    ],
)
def test_what_is_biased_is_found_out(report, name):
    assert not report[name].estimator.unbiased
    assert not report.consistent(report[name])


def test_each_fix_lowers_the_variance(report):
    variances = [report[name].variance.sum() for name in STORY.values()]
    assert variances == sorted(variances, reverse=True)
    names = ["path return", "path return - mean", "reward-to-go - time means", "reward-to-go - V", "GAE(0), V"]
    variances = [report[name].variance.sum() for name in names]
    assert (np.array(variances[:-1]) > 1.5 * np.array(variances[1:])).all()


def test_the_optimal_constant_is_better_than_the_mean(report):
    for kind in ("path return", "reward-to-go"):
        assert report[f"{kind} - optimal constant"].variance.sum() < report[f"{kind} - mean"].variance.sum()


def test_gamma_and_lambda_buy_variance_with_bias(report):
    gammas = [report[f"reward-to-go - time means{gamma}"] for gamma in ("", ", gamma 0.95", ", gamma 0.9")]
    lambdas = [report[f"GAE({k}), critic"] for k in ("1", "0.9", "0.5", "0")]
    for rows in (gammas, lambdas):
        variances, biases = [row.variance.sum() for row in rows], [report.relative_bias(row)[0] for row in rows]
        assert variances == sorted(variances, reverse=True)
        assert biases == sorted(biases)


def test_at_lambda_1_and_0_gae_is_the_reward_to_go_less_v_and_the_one_step_estimate(rules, paths):
    for one, other in (
        ("GAE(1), V", "reward-to-go - V"),
        ("GAE(0), V", "1-step, V"),
        ("GAE(0), critic", "1-step, critic"),
    ):
        np.testing.assert_allclose(rules[one].estimate(paths), rules[other].estimate(paths), rtol=1e-10, atol=1e-10)


def test_an_estimate_of_finite_differences_costs_two_paths_for_each_parameter(report, rules, paths):
    rule = rules["finite differences"]
    estimates = rule.estimate(paths)
    assert rule.cost == 6
    assert estimates.shape == (10, 3)
    np.testing.assert_allclose(estimates, rules["pathwise"].estimate(paths)[:10], rtol=1e-4, atol=1e-4)
    assert list(report["finite differences"].cosine) == [16, 64]
    ratio = report["finite differences"].variance / report["pathwise"].variance
    np.testing.assert_allclose(ratio, 6, rtol=0.1)  # the same differences, at six times the cost


def test_exact_values_are_the_problems_own(paths):
    world = QuadraticWorld.make()
    flat = world.values(paths.observations.reshape(-1, 2), paths.times.ravel())
    expected = world.problem.values(world.theta, paths.observations)
    np.testing.assert_allclose(flat.reshape(expected.shape), expected, rtol=1e-10, atol=1e-12)


def test_cosines_are_of_means_that_cost_no_more_than_they_may():
    estimates = np.array([[1.0, 0.0], [0.0, 1.0]] * 8)
    found = cosines(estimates, np.array([2.0, 2.0]), most=20, cost=1)
    assert found == pytest.approx({1: 0.5**0.5, 4: 1.0, 16: 1.0})
    assert list(cosines(estimates, np.array([1.0, 1.0]), most=20, cost=6)) == [16]


def test_an_estimate_of_0_has_no_cosine():
    estimates = np.array([[1.0, 0.0], [0.0, 0.0]] * 8)
    assert cosines(estimates, np.array([2.0, 0.0]), most=4, cost=1) == {4: 1.0}


@pytest.mark.parametrize("comparisons", [1, 100])
def test_intervals_hold_together_with_99_percent(comparisons):
    missed = 1 - math.erf(normal_quantile(comparisons) / math.sqrt(2))
    assert comparisons * missed == pytest.approx(0.01, rel=1e-6)


def test_one_seed_is_one_result():
    one, other, third = (measure_estimators(QuadraticWorld.make(), 50, 2, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one["pathwise"].bias, other["pathwise"].bias)
    assert (one["pathwise"].bias != third["pathwise"].bias).all()


def test_cart_poles_paths_end_where_the_pole_fell():
    paths = CartPoleWorld().sample(64, np.random.default_rng(0))
    lengths = paths.lived.sum(axis=0)
    fallen = lengths < 50
    assert 0 < fallen.sum() < 64
    np.testing.assert_array_equal(paths.rewards.sum(axis=0)[fallen], lengths[fallen] - 1)  # the last step pays nothing
    assert (np.abs(paths.observations[lengths[fallen], np.flatnonzero(fallen), 2]) > 0.2094).all()
    assert not paths.scores[~paths.lived].any()
    assert paths.scores[paths.lived].all()


def test_cart_poles_paths_are_lived_through_again_by_other_parameters():
    world = CartPoleWorld()
    paths = world.sample(16, np.random.default_rng(0))
    again, other = (world.live(world.theta + move, paths.seeds, paths.noise) for move in (0.0, 0.2))
    np.testing.assert_array_equal(again.observations, paths.observations)
    np.testing.assert_array_equal(other.observations[0], paths.observations[0])
    moved = paths.actions[0, :, 0] + paths.observations[0] @ np.full(4, 0.2) + (np.exp(0.2) - 1) * 0.5 * paths.noise[0]
    np.testing.assert_allclose(other.actions[0, :, 0], moved, rtol=1e-12)


def test_cart_poles_finite_differences_agree_with_the_likelihood_ratio():
    world = CartPoleWorld()
    fitting, paths = (world.sample(count, np.random.default_rng(count)) for count in (500, 4000))
    rules = {rule.name: rule for rule in laboratory(world, fitting)}
    estimates = [rules[name].estimate(paths) for name in ("finite differences", "reward-to-go - linear features")]
    assert [len(each) for each in estimates] == [400, 4000]
    errors = np.array([standard_error(each) for each in estimates])
    assert (errors < 0.25 * np.linalg.norm(estimates[1].mean(axis=0))).all()
    difference = estimates[0].mean(axis=0) - estimates[1].mean(axis=0)
    assert (np.abs(difference) < 4 * np.hypot(*errors)).all()


def test_cart_poles_gradient_is_measured_and_its_uncertainty_counts(monkeypatch):
    monkeypatch.setattr(estimators, "FITTING_PATHS", 100)
    report = measure_estimators(CartPoleWorld(), trajectories=10, repetitions=12)
    assert (report.gradient_error > 0).all()
    assert all((row.error >= report.gradient_error).all() for row in report.rows)
    assert all(report.consistent(row) for row in report.rows if row.estimator.unbiased)
    assert "+-" in estimators.remarks(report)


def test_files_hold_a_row_for_each_estimator_and_component(report, tmp_path):
    write_csv(report, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(report.rows)
    first = rows[0]
    assert (first["estimator"], first["component"]) == ("path return", "gain on place")
    ends = [float(first[name]) for name in ("simultaneous low", "low", "bias", "high", "simultaneous high")]
    assert ends == sorted(ends)
    assert float(first["variance trace"]) == pytest.approx(report["path return"].variance.sum())


def test_the_table_says_what_each_fix_brought(report):
    lines = estimators_table(report).splitlines()
    assert len(lines) == 2 + len(report.rows) + 1 + 2 + len(STORY)
    assert lines[2].startswith("| path return | unbiased |")
    assert lines[-1].startswith("| GAE | GAE(0.95), critic, gamma 0.95 |")


def test_the_command_prints_the_table_and_leaves_its_files(tmp_path, capsys):
    arguments = ["--trajectories", "16", "--repetitions", "20", "--threads", "1", "--out", str(tmp_path / "new")]
    main(["estimators", *arguments])
    assert "| pathwise | unbiased |" in capsys.readouterr().out
    assert len((tmp_path / "new" / "estimators-lq.csv").read_text().splitlines()) > 100
    assert (tmp_path / "new" / "estimators-lq.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "new" / "estimators-lq.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--trajectories", "0"], "--trajectories must be at least 1, got 0"),
        (["--repetitions", "1"], "--repetitions must be at least 2, got 1"),
        (
            ["--trajectories", "4", "--repetitions", "5"],
            "--trajectories times --repetitions must be at least 100, got 20",
        ),
        (["--out", "taken/folder"], "cannot write to taken/folder: Not a directory"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UsageError) as caught:
        main(["estimators", "--threads", "1", "--out", "new", *arguments])
    assert str(caught.value) == sentence
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
