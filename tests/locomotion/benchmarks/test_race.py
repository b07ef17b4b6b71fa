import subprocess
import sys
from pathlib import Path

import pytest
from stable_baselines3.common.callbacks import BaseCallback

from locomotion.benchmarks import race as racing
from locomotion.benchmarks.contender import EPISODES, Contender
from locomotion.benchmarks.curves import Curve, Point
from locomotion.benchmarks.peers import actor_of, build
from locomotion.benchmarks.race import Race, line_up, race_table, raced
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, evaluate_actor, evaluate_folder
from locomotion.runs.folder import Run
from locomotion.training.train import train
from scripts.benchmark import main

PENDULUM = "InvertedPendulum-v5"
OURS, PEER = (Contender(PENDULUM, package, steps=64, seed=3, every=32) for package in (None, "sb3"))


def curve(*points):
    return Curve(tuple(Point(1000 * i, seconds, score, {}) for i, (seconds, score) in enumerate(points)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, and in it that of the races."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "race"


def test_contenders_take_turns_seed_by_seed_and_peers_race_where_the_zoo_has_tuned_them(capsys):
    pytest.importorskip("sb3_contrib")
    found = line_up(["HalfCheetah-v5", "Humanoid-v5", "Go1"], ["sb3", "sb3-contrib"], [7, 8], every=500)
    turns = {env: [(one.package, one.seed) for one in contenders] for env, contenders in found.items()}
    assert turns["HalfCheetah-v5"] == [(name, seed) for seed in (7, 8) for name in (None, "sb3", "sb3-contrib")]
    assert turns["Humanoid-v5"] == [(None, 7), ("sb3", 7), (None, 8), ("sb3", 8)]
    assert turns["Locomotion/Go1-v0"] == [(None, 7), (None, 8)]
    assert {one.steps for one in found["HalfCheetah-v5"]} == {1_000_000}
    assert {one.steps for one in found["Locomotion/Go1-v0"]} == {3_000_000}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert told[0] == (
        "sb3-contrib does not race in Humanoid-v5: the zoo has tuned its TRPO for"
        " Ant-v5, HalfCheetah-v5, Hopper-v5, Swimmer-v5, Walker2d-v5 only"
    )


def test_the_table_has_medians_ratios_and_bounds_where_a_score_was_not_reached():
    ours = (curve((1.0, 0.0), (2.0, 1500.0), (4.0, 3100.0)), curve((1.0, 0.0), (3.0, 2500.0), (5.0, 2800.0)))
    slow = (curve((2.0, 0.0), (30.0, 1100.0), (80.0, 1900.0)), curve((2.0, 0.0), (20.0, 900.0), (40.0, 2000.0)))
    lines = race_table([Race("Hopper-v5", 2000, {"ours TRPO": ours, "sb3 PPO, zoo": slow})]).splitlines()
    assert lines[0] == "| robot | score | learner | seconds | each seed | times ours |"
    assert lines[2:10] == [
        "| Hopper-v5 | 1,000 | ours TRPO | 2.5 | 2.0, 3.0 | 1.0 |",
        "| Hopper-v5 | 1,000 | sb3 PPO, zoo | 35.0 | 30.0, 40.0 | 14.0 |",
        "| Hopper-v5 | 2,000 | ours TRPO | 3.5 | 4.0, 3.0 | 1.0 |",
        "| Hopper-v5 | 2,000 | sb3 PPO, zoo | not reached | not reached, 40.0 | > 17.1 |",  # 60 / 3.5
        "| Hopper-v5 | 3,000 | ours TRPO | not reached | 4.0, not reached |  |",
        "| Hopper-v5 | 3,000 | sb3 PPO, zoo | not reached | not reached, not reached |  |",
        "| Hopper-v5 | (all 2,000 steps) | ours TRPO | 4.5 | 4.0, 5.0 | 1.0 |",
        "| Hopper-v5 | (all 2,000 steps) | sb3 PPO, zoo | 60.0 | 80.0, 40.0 | 13.3 |",
    ]


def test_goals_that_are_not_named_are_shares_of_the_median_way_of_ours():
    ours = (curve((1.0, -40.0), (2.0, 0.0)), curve((1.0, -20.0), (2.0, -10.0), (3.0, -15.0)))
    assert [goal.least["return"] for goal in Race("Reacher-v5", 1, {"ours": ours}).goals] == [-17.5, -11.25, -7.5]


def test_a_race_from_the_command_to_the_figure_which_continues(folder, capsys, monkeypatch):
    words = ["race", "--robots", PENDULUM, "--steps", "64", "--every", "32", "--peers", "sb3", "--first-seed", "3"]
    main(words)
    table = capsys.readouterr().out
    assert f"| {PENDULUM} | (all 64 steps) | ours TRPO |" in table
    assert f"| {PENDULUM} | (all 64 steps) | sb3 PPO, zoo |" in table
    assert (folder / PENDULUM / "race.png").read_bytes().startswith(b"\x89PNG")

    ours, peer = (
        Curve.read(folder / PENDULUM / one.folder_name / "curve.json", one.settings()) for one in (OURS, PEER)
    )
    for found in (ours, peer):
        seconds = [point.seconds for point in found.points]
        assert seconds == sorted(seconds)
        assert seconds[0] > 0.0
    assert [point.step for point in peer.points] == [0, 32, 64]
    # The scores are those of a training without a race.
    train(OURS.ours(Path("alone")))
    assert ours.points[-1].return_mean == evaluate_folder("alone", EPISODES).return_mean
    model, robots = build(PEER.peer(), PENDULUM, 3)
    model.learn(64)
    alone = evaluate_actor(actor_of(model, robots), PENDULUM, EPISODES, EVALUATION_SEED)
    assert peer.points[-1].return_mean == alone.return_mean

    monkeypatch.setattr(racing.subprocess, "Popen", None)  # nothing is started any more
    main(words)
    assert capsys.readouterr().out == table
    with pytest.raises(UsageError, match="seed3 was raced with other settings"):
        main([*words, "--every", "33"])


def test_a_contender_that_is_stopped_is_ended_and_begins_anew(tmp_path, monkeypatch):
    started = []

    class Stopped(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__([sys.executable, "-c", "import time; time.sleep(100)"], **options)
            started.append(self)

        def wait(self, timeout=None):
            if self.poll() is None and not self.killed:
                raise KeyboardInterrupt
            return super().wait(timeout)

        killed = False

        def kill(self):
            self.killed = True
            super().kill()

    monkeypatch.setattr(racing.subprocess, "Popen", Stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            raced(OURS, tmp_path / "run")
    assert [process.poll() for process in started] == [-9, -9]
    with Run(tmp_path / "run").locked(), pytest.raises(UsageError, match="another process is training into it"):
        raced(OURS, tmp_path / "run")


def test_a_contender_that_fails_is_told(tmp_path, monkeypatch):
    genuine = subprocess.Popen
    failing = [sys.executable, "-c", "raise SystemExit(2)"]
    monkeypatch.setattr(racing.subprocess, "Popen", lambda command, **options: genuine(failing, **options))
    with pytest.raises(UsageError, match=f"sb3 PPO, zoo failed in {PENDULUM} with seed 3, exit code 2"):
        raced(PEER, tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--peers", "rllib"], "unknown peer 'rllib'"),
        (["--robots", "Ant-v5", "Ant-v5"], "--robots names a robot twice: Ant-v5 Ant-v5"),
        (["--robots", "Flea-v5", "--peers", ""], "Flea-v5"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--every", "0"], "--every must be at least 1, got 0"),
        (["--steps", "0"], "--steps must be at least 1, got 0"),
        (["--peer-threads", "0"], "--peer-threads must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(arguments, sentence, folder):
    with pytest.raises(UsageError, match=sentence):
        main(["race", *arguments])
    assert not folder.exists()


def test_who_watches_a_training_sees_it_before_its_other_processes_go_on(small):
    seen = []

    class Watcher(BaseCallback):
        def _on_rollout_start(self):
            seen.append((self.model.num_timesteps, Run(settings.run.out).steps()[-1]))

        def _on_step(self):
            return True

    settings = small(steps=384, evaluations=0)  # with a checkpoint after each iteration
    train(settings, [Watcher()])
    assert seen == [(0, 0), (128, 0), (256, 128)]
