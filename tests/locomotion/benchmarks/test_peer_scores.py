import json
from importlib.metadata import version

import gymnasium
import numpy as np
import pytest

from locomotion.benchmarks import peer_scores
from locomotion.benchmarks.peer_scores import Comparison, compare, comparison_table, finished, peers_of
from locomotion.benchmarks.peers import Peer
from locomotion.benchmarks.scores import SeedScores
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED
from locomotion.runs.folder import Run
from scripts.benchmark import main

SHORT = Peer("sb3", {"n_envs": 2, "n_steps": 32, "batch_size": 64, "n_epochs": 1, "gamma": 0.99}, tuned=False)


def row(*returns, learner="trpo", env="InvertedPendulum-v5"):
    return SeedScores(
        env, learner, 128, {seed: {"return_mean": value, "metrics": {}} for seed, value in enumerate(returns)}
    )


def test_trust_regions_are_compared_twice_and_clipped_ratios_once():
    pytest.importorskip("sb3_contrib")
    found = peers_of(["Hopper-v5"], ["sb3-contrib", "sb3"], "trpo")["Hopper-v5"]
    assert [peer.name for peer in found] == ["sb3-contrib TRPO, zoo", "sb3-contrib TRPO, equal KL", "sb3 PPO, zoo"]
    assert found[1].summed_kl == (0.02, 0.002)
    found = peers_of(["Hopper-v5"], ["sb3-contrib"], "ppo")["Hopper-v5"]
    assert [peer.name for peer in found] == ["sb3-contrib TRPO, zoo"]


def test_a_peers_scores_are_those_of_its_final_policy_with_frozen_statistics(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(
        peer_scores, "build", lambda *given, build=peer_scores.build: kept.append(build(*given)) or kept[-1]
    )
    scores = finished(tmp_path / "run", SHORT, "InvertedPendulum-v5", 128, seed=0, threads=1)
    assert scores["episodes"] == 100
    ((model, robots),) = kept
    assert model.num_timesteps == 128
    count = robots.obs_rms.count
    env = gymnasium.make("InvertedPendulum-v5")
    returns = []
    for i in range(5):
        observation, _ = env.reset(seed=EVALUATION_SEED + i)
        total, over = 0.0, False
        while not over:
            action, _ = model.predict(robots.normalize_obs(observation[None]), deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(action[0])
            total, over = total + reward, terminated or truncated
        returns.append(total)
    assert robots.obs_rms.count == count
    monkeypatch.setattr(peer_scores, "EPISODES", 5)
    again = finished(tmp_path / "again", SHORT, "InvertedPendulum-v5", 128, seed=0, threads=1)
    assert again["return_mean"] == np.mean(returns)  # of the same seed, and so of an equal policy


def test_what_is_finished_is_not_run_again_unless_its_settings_are_others(tmp_path, monkeypatch):
    first, second = (
        list(compare([row(1.0, 2.0)], {"InvertedPendulum-v5": [SHORT]}, threads=1, folder=tmp_path)) for _ in range(2)
    )
    assert first == second
    out = tmp_path / "InvertedPendulum-v5" / "sb3-ppo-zoo-128-steps-seed1"
    written = json.loads((out / "config.json").read_text())
    assert written["settings"]["settings"]["n_steps"] == 32
    assert written["versions"]["sb3"] == version("stable-baselines3")
    other = Peer("sb3", SHORT.settings | {"gamma": 0.9}, tuned=False)
    with pytest.raises(UsageError, match="was run with other settings"):
        finished(out, other, "InvertedPendulum-v5", 128, seed=1)
    (out / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config.json is damaged .*; delete it to have it made again"):
        finished(out, SHORT, "InvertedPendulum-v5", 128, seed=1, threads=1)
    (out / "config.json").unlink()
    assert finished(out, SHORT, "InvertedPendulum-v5", 128, seed=1, threads=1) == first[0].theirs.evaluations[1]
    (out / "evaluation.json").unlink()  # as if broken off: it begins anew
    with Run(out).locked(), pytest.raises(UsageError, match="another process is training"):
        finished(out, other, "InvertedPendulum-v5", 128, seed=1)
    monkeypatch.setattr(peer_scores, "EPISODES", 2)
    assert finished(out, other, "InvertedPendulum-v5", 128, seed=1, threads=1)["episodes"] == 2


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ((5.0, 6.0, 7.0, 8.0), (1.0, 2.0, 3.0, 4.0), "win"),  # by chance: 2 of 70
        ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0), "loss"),
        ((5.0, 6.0, 7.0), (1.0, 2.0, 3.0), "open"),  # 2 of 20
        ((5.0, 6.0, 7.0, 3.5), (1.0, 2.0, 3.0, 4.0), "open"),
    ],
)
def test_a_win_is_more_than_chance(ours, theirs, verdict):
    assert Comparison(row(*ours), row(*theirs, learner="sb3 PPO, zoo")).verdict == verdict


def test_the_table_shows_both_with_intervals_and_what_chance_makes_of_them():
    text = comparison_table([Comparison(row(500.0, 600.0), row(100.0, 300.0, learner="sb3 PPO, zoo"))])
    assert "| InvertedPendulum-v5 | trpo 550 +- 50 | -85 to 1185 | sb3 PPO, zoo | 200 +- 100 | -1071 to 1471 |" in text
    assert "| 1.00 | 0.333 | open |" in text
    single = comparison_table([Comparison(row(500.0), row(1.5, learner="sb3 PPO, zoo"))])
    assert "| InvertedPendulum-v5 | trpo 500 |  | sb3 PPO, zoo | 1.5 |  |" in single


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--peers", "rllib"], "unknown peer 'rllib'"),
        (["--envs", "Ant-v5", "Ant-v5"], "--envs names a robot twice: Ant-v5 Ant-v5"),
        (["--first-seed", "4294967292"], "--first-seed and the --seeds from it on must lie below"),
        (["--envs"], "--envs must name at least one robot, got none"),
        (["--peers", "sb3", "--envs", "Biped"], "there are peers for Gymnasium's robots only"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=sentence):
        main(["scores", *arguments])
    assert list(tmp_path.iterdir()) == []


def test_the_command_compares_in_one_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(peer_scores, "zoo_peer", lambda package, env: SHORT)
    short = ["--envs", "InvertedPendulum-v5", "--seeds", "2", "--steps", "128", "--threads", "1"]
    main(["scores", *short, "--peers", "sb3"])
    printed = capsys.readouterr().out
    assert printed.count("| InvertedPendulum-v5 | trpo ") >= 2
    assert "| sb3 PPO, zoo (not tuned for this robot) |" in printed
