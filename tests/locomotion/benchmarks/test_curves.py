import math

import pytest

from locomotion.benchmarks.curves import Curve, Point, median_curve
from locomotion.benchmarks.goals import GOALS, Goal, goals_of, return_of
from locomotion.errors import UsageError
from locomotion.policies.card import read_card
from locomotion.policies.shipped import FOLDER


def curve(*points):
    return Curve(tuple(Point(1000 * i, seconds, score, {"falls": 0.0}) for i, (seconds, score) in enumerate(points)))


def test_the_seconds_to_a_score_are_those_of_the_first_policy_that_has_it():
    risen = curve((2.0, 5.0), (3.5, 100.0), (5.0, 40.0), (6.5, 120.0))
    assert [risen.seconds_to(return_of(score)) for score in (5, 6, 100, 101)] == [2.0, 3.5, 3.5, 6.5]
    assert risen.seconds_to(return_of(121)) == math.inf
    assert risen.seconds == 6.5


def test_a_goal_has_bounds_on_both_sides_and_is_not_reached_by_a_figure_that_is_missing():
    goal = Goal("fast and safe", {"speed": 2.0}, {"falls": 0.05})
    assert goal.reached({"return": -1.0, "speed": 2.0, "falls": 0.05})
    assert not goal.reached({"speed": 1.9, "falls": 0.0})
    assert not goal.reached({"speed": 3.0, "falls": 0.1})
    assert not goal.reached({"speed": 3.0})
    assert not goal.reached({"falls": 0.0})


@pytest.mark.parametrize("env", GOALS)
def test_goals_are_of_figures_that_the_robot_has(env):
    folder = FOLDER / env.removeprefix("Locomotion/").rpartition("-")[0]
    figures = {"return", *read_card(folder).evaluation["metrics"]}
    for goal in GOALS[env]:
        assert {*goal.least, *goal.most} <= figures


def test_a_robot_without_named_goals_has_shares_of_the_way_to_our_best():
    goals = goals_of("Reacher-v5", untrained=-45.0, best=-5.0)
    assert [goal.least["return"] for goal in goals] == [-25.0, -15.0, -9.0]
    assert [goal.name for goal in goals] == ["50% of ours: -25.0", "75% of ours: -15.0", "90% of ours: -9.0"]
    assert goals_of("Hopper-v5", 0.0, 10.0)[-1].name == "3,000"


def test_a_curve_is_kept_with_its_settings_and_no_other_is_taken_for_it(tmp_path):
    path, kept = tmp_path / "run" / "curve.json", curve((2.0, 5.0), (3.5, 100.0))
    path.parent.mkdir()
    kept.write(path, {"steps": 1000}, {"numpy": "2"})
    assert Curve.read(path, {"steps": 1000}) == kept
    with pytest.raises(UsageError, match=r"run was raced with other settings: move it away to race it anew"):
        Curve.read(path, {"steps": 2000})


@pytest.mark.parametrize(
    "points",
    [
        "[]",
        "[1]",
        "7",
        '[{"step": 0, "seconds": 1.0, "return_mean": 1.0}]',
        '[{"step": 0, "seconds": -1.0, "return_mean": 1.0, "metrics": {}}]',
        '[{"step": 0, "seconds": 1.0, "return_mean": NaN, "metrics": {}}]',
        '[{"step": 0, "seconds": 1.0, "return_mean": 1.0, "metrics": {"speed": "fast"}}]',
        '[{"step": 0, "seconds": 1.0, "return_mean": 1.0, "metrics": {}, "more": 1}]',
    ],
)
def test_a_damaged_curve_is_told(points, tmp_path):
    path = tmp_path / "curve.json"
    path.write_text(f'{{"settings": {{}}, "points": {points}}}')
    with pytest.raises(UsageError, match=r"curve.json is damaged .*; delete it to have it made again"):
        Curve.read(path, {})


def test_a_curve_of_several_seeds_is_the_median_of_each_asking():
    seconds, returns = median_curve(
        [curve((1.0, 0.0), (2.0, 9.0), (4.0, 9.0)), curve((3.0, 3.0), (8.0, 5.0)), curve((2.0, 1.0), (9.0, 6.0))]
    )
    assert seconds.tolist() == [2.0, 8.0]
    assert returns.tolist() == [1.0, 6.0]
