import json

from locomotion import scores
from locomotion.scores import Row, measure, table


def test_what_is_done_is_not_done_again_and_what_was_broken_off_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(
        scores.recipe.__globals__["RECIPES"], ("Locomotion/CartPole-v0", "trpo"), {"num_envs": 4, "n_steps": 32}
    )
    (first,) = measure(["CartPole"], "trpo", [0], 256, threads=1, folder=tmp_path)
    trained = []
    monkeypatch.setattr(
        scores, "train", lambda settings, train=scores.train: trained.append(settings) or train(settings)
    )
    (second,) = measure(["CartPole"], "trpo", [0, 1], 256, threads=1, folder=tmp_path)
    assert [settings.seed for settings in trained] == [1]
    assert second.returns[0] == first.returns[0]

    run = tmp_path / "CartPole" / "trpo-256-steps-seed1"
    (run / "evaluation.json").unlink()  # as if broken off before its end
    (third,) = measure(["CartPole"], "trpo", [1], 256, threads=1, folder=tmp_path)
    assert trained[-1].resume == run
    assert third.returns[1] == second.returns[1]
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == third.evaluations[1]["episodes"] == 100


def test_mean_and_standard_error_are_over_seeds():
    row = Row("Hopper-v5", "trpo", 10, {i: {"return_mean": i + 1.0, "metrics": {"speed": 0.1 * i}} for i in range(3)})
    assert row.mean == 2.0
    assert abs(row.std_error - 1 / 3**0.5) < 1e-12
    assert "| Hopper-v5 | trpo | 10 | 2 +- 1 | 1, 2, 3 |" in table([row])
    assert "| Hopper-v5 | speed | 0, 0.1, 0.2 |" in table([row])
    assert Row("Hopper-v5", "trpo", 10, {0: row.evaluations[0]}).std_error == 0.0
