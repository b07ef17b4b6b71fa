import json

import pytest

from locomotion.benchmarks import scores
from locomotion.benchmarks.scores import SeedScores, finished, measure_scores, scores_table
from locomotion.errors import UsageError
from locomotion.runs.folder import Run
from locomotion.runs.recipes import RECIPES


def test_what_is_done_is_not_done_again_and_what_was_broken_off_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, ("Locomotion/CartPole-v0", "trpo"), {"num_envs": 4, "n_steps": 32})
    (first,) = measure_scores(["CartPole"], "trpo", [0], 256, threads=1, folder=tmp_path)
    trained = []
    monkeypatch.setattr(
        scores, "train", lambda settings, train=scores.train: trained.append(settings) or train(settings)
    )
    capsys.readouterr()
    (second,) = measure_scores(["CartPole"], "trpo", [0, 1], 256, threads=1, folder=tmp_path)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("training")]
    assert told == [f"training trpo, in Locomotion/CartPole-v0 from seed 1: {tmp_path}/CartPole/trpo-256-steps-seed1"]
    assert [settings.seed for settings in trained] == [1]
    assert second.returns[0] == first.returns[0]

    run = tmp_path / "CartPole" / "trpo-256-steps-seed1"
    (run / "evaluation.json").unlink()  # as if broken off before its end
    (third,) = measure_scores(["CartPole"], "trpo", [1], 256, threads=1, folder=tmp_path)
    assert trained[-1].run.resume == run
    assert third.returns[1] == second.returns[1]
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == third.evaluations[1]["episodes"] == 100


def test_scores_of_other_settings_are_not_taken_for_these(small):
    settings = small(evaluations=0, steps=128)
    run = Run(settings.run.out)
    scored = finished(run, settings)
    assert finished(run, settings) == scored
    for damage in ("{", "[]", '{"return_mean": 1.0}'):
        (run.folder / "evaluation.json").write_text(damage)
        with pytest.raises(UsageError, match=r"evaluation.json is damaged \(.*\); delete it to have it made again"):
            finished(run, settings)
    (run.folder / "evaluation.json").unlink()
    assert finished(run, settings) == scored
    with pytest.raises(UsageError, match="was run with another --gamma: move it away"):
        finished(run, settings.changed(gamma=0.9))


def test_what_was_broken_off_before_its_first_checkpoint_begins_anew(small):
    settings = small(evaluations=0, steps=128)
    run = Run.create(settings)
    assert finished(run, settings)["episodes"] == settings.run.final_episodes


def test_a_training_that_is_told_to_stop_ends_the_measurement(small, monkeypatch):
    settings = small()
    run = Run(settings.run.out)

    def stop(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(scores, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        finished(run, settings)


def row_of(*returns):
    return SeedScores(
        "Hopper-v5", "trpo", 10, {i: {"return_mean": r, "metrics": {"speed": r}} for i, r in enumerate(returns)}
    )


def test_mean_standard_error_and_interval_are_over_seeds():
    row = row_of(1001.0, 1002.0, 1003.0)
    assert row.mean == 1002.0
    assert row.std_error == pytest.approx(1 / 3**0.5)
    # Student's t of two degrees of freedom: 4.30 standard errors.
    assert "| Hopper-v5 | trpo | 10 | 1002 +- 1 | 1000 to 1004 | 1001, 1002, 1003 |" in scores_table([row])
    assert "| Hopper-v5 | trpo | speed | 1e+03, 1e+03, 1e+03 |" in scores_table([row])


def test_small_returns_keep_a_decimal():
    assert "| -4.9 +- 0.1 | -6.2 to -3.6 | -4.8, -5.0 |" in scores_table([row_of(-4.8, -5.0)])


def test_a_single_seed_has_no_spread():
    assert row_of(7.0).std_error == 0.0
    assert "| 7.0 |  | 7.0 |" in scores_table([row_of(7.0)])
