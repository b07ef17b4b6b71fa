import os
import sys
from types import SimpleNamespace

import pytest

from locomotion.benchmarks import judge as judging
from locomotion.benchmarks.contender import Contender
from locomotion.benchmarks.judge import Judge
from locomotion.evaluation import episodes

ASKING = 100.0  # s


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves, and the asking."""
    now = SimpleNamespace(seconds=5000.0)
    monkeypatch.setattr(judging.time, "time", lambda: now.seconds)

    def asked(actor, env, count, seed):
        now.seconds += ASKING
        assert (env, count, seed) == ("Hopper-v5", 20, 1_000_000)
        return SimpleNamespace(return_mean=float(actor), metrics={})

    monkeypatch.setattr(episodes, "evaluate_actor", asked)
    return now


def judge_of(model, clock):
    judge = Judge(Contender("Hopper-v5", None, 2500, 0, every=1000), clock.seconds, lambda: model.num_timesteps)
    judge.init_callback(model)
    return judge


def test_a_policy_is_scored_at_each_multiple_and_at_the_end_with_the_clock_stopped(clock):
    model = SimpleNamespace(num_timesteps=0, logger=None, get_env=lambda: None)
    judge = judge_of(model, clock)
    clock.seconds += 4.0  # to start
    for _ in range(5):
        judge.on_rollout_start()
        clock.seconds += 2.0
        model.num_timesteps += 600
    judge.on_training_end()
    points = [(point.step, point.seconds, point.return_mean) for point in judge.curve.points]
    assert points == [(0, 4.0, 0.0), (1200, 8.0, 1200.0), (2400, 12.0, 2400.0), (3000, 14.0, 3000.0)]


def test_the_final_policy_is_scored_once(clock):
    model = SimpleNamespace(num_timesteps=0, logger=None, get_env=lambda: None)
    judge = judge_of(model, clock)
    judge.on_rollout_start()
    judge.on_training_end()
    assert [point.step for point in judge.curve.points] == [0]


def test_a_contender_ends_when_its_race_has_been_killed(clock, monkeypatch):
    model = SimpleNamespace(num_timesteps=0, logger=None, get_env=lambda: None)
    judge = judge_of(model, clock)
    judge.on_rollout_start()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit, match="1"):
        judge.on_rollout_start()
