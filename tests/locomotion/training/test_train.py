import csv
import json
import shutil
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import torch

from locomotion.checksums import write_sums
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.files import steps_in
from locomotion.policies.card import read_card
from locomotion.policies.stored import StoredPolicy, find_policy
from locomotion.runs.folder import Run
from locomotion.runs.schedules import constant_then_linear, linear_then_constant
from locomotion.runs.settings import Settings, read_config
from locomotion.training.checkpoints import load_checkpoint
from locomotion.training.learners import build_learner
from locomotion.training.train import train


def rows(run):
    """The metrics, less what depends on the clock."""
    with (run.folder / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in csv.DictReader(file)]


def policy_bytes(run):
    return (find_policy(run.folder) / "policy.safetensors").read_bytes()


def test_what_a_task_tracks_is_in_the_metrics(small):
    run = train(small(env="Locomotion/Biped-v0")).run
    distances = [float(row["episode/distance"]) for row in rows(run) if row["episode/distance"]]
    assert distances  # a biped that has learned nothing has fallen by now
    assert 0.0 < max(np.abs(distances)) < 5.0  # m


def test_a_run_leaves_what_it_should(small):
    outcome = train(small())
    run = outcome.run
    assert outcome.steps == 6 * 128
    assert run.steps() == [5 * 128, 6 * 128]  # the last two
    assert [int(row["global_step"]) for row in rows(run)] == [128 * i for i in range(1, 7)]
    assert rows(run)[-1]["reward/alive"] != ""
    assert json.loads((run.folder / "evaluation.json").read_text())["episodes"] == 3
    assert (run.best / "policy.safetensors").is_file()
    assert steps_in(run.snapshots) == [0, 3 * 128, 6 * 128]  # untrained, half-way, at the end
    assert StoredPolicy.find(run.snapshot(3 * 128)).load(make_env("CartPole", 1))
    assert list(run.folder.glob("tensorboard/events*"))
    assert not [path for path in run.folder.rglob("*.pkl")] + [path for path in run.folder.rglob("*.zip")]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"env": "Ant-v5"},
        {"algo": "npg", "baseline": "linear", "n_steps": 128, "steps": 6 * 512, "advantage": "reward-to-go"},
        {"algo": "ppo", "baseline": "time", "min_std": 0.5},
        {"algo": "vpg", "reuse": 2, "baseline": "optimal-constant"},
        {"algo": "a2c", "advantage": "k-step", "critic": "fitted-v"},
        {"memory": "gru", "memory_size": 8},
        {"algo": "ppo", "memory": "lstm", "memory_size": 8, "memory_steps": 16},
    ],
)
def test_resuming_from_the_middle_equals_never_having_stopped(small, tmp_path, changes):
    straight = train(small(**changes, out=tmp_path / "straight", keep_checkpoints=9)).run
    # As a kill leaves it: the checkpoint of iteration 3 the last, with a row after it and one cut short.
    broken = Run(shutil.copytree(straight.folder, tmp_path / "broken"))
    for step in broken.steps():
        if step > straight.steps()[-1] // 2:
            shutil.rmtree(broken.checkpoint(step))
    lines = broken.metrics.read_text().splitlines(keepends=True)
    broken.metrics.write_text("".join(lines[:5]) + lines[5][:9])

    resumed = train(small(**changes, out=broken.folder, resume=broken.folder)).run
    assert policy_bytes(resumed) == policy_bytes(straight)
    assert rows(resumed) == rows(straight)
    for name in ("state.safetensors", "policy.json"):
        step = straight.steps()[-1]
        assert (resumed.checkpoint(step) / name).read_bytes() == (straight.checkpoint(step) / name).read_bytes(), name


def test_a_finished_run_can_be_made_longer(small):
    constant = {"evaluations": 0, "final_kl": 0.02}  # a bound that narrows knows how long the run will be
    short = train(small(steps=2 * 128, **constant)).run
    longer = train(small(steps=4 * 128, **constant, resume=short.folder)).run
    fresh = train(small(steps=4 * 128, **constant, out=short.folder.parent / "fresh")).run
    assert policy_bytes(longer) == policy_bytes(fresh)


def test_runs_of_the_same_seed_are_equal_and_of_another_are_not(small, tmp_path):
    runs = [train(small(seed=seed, out=tmp_path / name)).run for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert policy_bytes(runs[0]) == policy_bytes(runs[1])
    assert policy_bytes(runs[0]) != policy_bytes(runs[2])


def test_a_loaded_policy_acts_as_the_learner_did(small):
    settings = small()
    run = train(settings).run
    env = make_env(settings.env, settings.rollout.num_envs)
    learner = build_learner(settings, env)
    load_checkpoint(run.latest(), learner)
    policy = StoredPolicy.find(run.latest()).load(env)
    observations = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_array_equal(policy.deterministic(observations), learner.policy.deterministic(observations))
    assert policy.features_extractor.moments.count == 6 * 128


def test_a_folder_in_use_is_refused_and_left_alone(small, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"in use; name a folder that does not exist yet$"):
        train(small())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_a_run_that_is_being_trained_cannot_be_resumed(small):
    run = train(small()).run
    with run.locked(), pytest.raises(UsageError, match="another process is training"):
        train(small(steps=10_000, resume=run.folder))


def test_nothing_is_written_for_an_environment_that_cannot_be_made(small, tmp_path):
    with pytest.raises(UsageError, match=r"cannot make|unknown environment"):
        train(small(env="gymnasium.envs.nothing:Nothing-v0"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["policy.safetensors", "policy.json", "state.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "missing"])
def test_a_damaged_checkpoint_is_named(small, name, damage):
    settings = small(steps=128, evaluations=0)
    run = train(settings).run
    path = run.latest() / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"\x93garbage" * 20)
    learner = build_learner(settings, make_env(settings.env, settings.rollout.num_envs))
    with pytest.raises(UsageError, match="missing" if damage == "missing" else "damaged"):
        load_checkpoint(run.latest(), learner)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"format": 9}', b'{"format": 1}', b"\xff\xfe"])
def test_a_damaged_policy_card_is_named(small, content):
    run = train(small(steps=128, evaluations=0)).run
    (run.latest() / "policy.json").write_bytes(content)
    write_sums(run.latest())
    with pytest.raises(UsageError, match=r"policy.json is (damaged|of format)"):
        read_card(run.latest())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("env", 5),
        ("actor", ["a"]),
        ("actor", [-3]),
        ("min_std", "x"),
        ("min_std", -0.1),
        ("obs_epsilon", "x"),
        ("obs_epsilon", 0.0),
        ("obs_epsilon", float("nan")),
        ("mean_bound", 0.0),
        ("mean_bound", "x"),
        ("mirror", None),
        ("evaluation", 7),
        ("evaluation", {"return_mean": 1.0}),
        ("activation", "sigmoid"),
    ],
)
def test_a_policy_card_with_a_wrong_kind_of_value_is_named(tmp_path, name, value):
    card = json.loads((find_policy("CartPole") / "policy.json").read_text()) | {name: value}
    (tmp_path / "policy.json").write_text(json.dumps(card))
    write_sums(tmp_path)
    with pytest.raises(UsageError, match=rf"policy.json is damaged \(.*{name}"):
        read_card(tmp_path)


def test_a_policy_file_says_by_what_observations_are_scaled(small):
    settings = small(env="Ant-v5", steps=512, evaluations=0, obs_epsilon=0.5)
    run = train(settings).run
    env = make_env("Ant-v5", 4)
    policy = StoredPolicy.find(run.latest()).load(env)
    observations = torch.as_tensor(env.reset(), dtype=torch.float32)
    moments = policy.features_extractor.moments
    expected = (observations - moments.mean.float()) / (moments.var.float() + 0.5).sqrt()
    torch.testing.assert_close(policy.features_extractor(observations), expected)


def test_a_policy_file_says_how_far_means_go(small):
    env = make_env("Hopper-v5", 4)
    policy = StoredPolicy.find(
        train(small(env="Hopper-v5", steps=512, evaluations=0, mean_bound=0.01)).run.latest()
    ).load(env)
    with torch.no_grad():
        means, _ = policy.distribution_parameters(policy.inputs(env.reset())[0])
    assert 0.005 < means.abs().max() <= 0.01 + 1e-6


def test_a_policy_for_other_spaces_is_refused(small):
    run = train(small(steps=128, evaluations=0)).run
    with pytest.raises(UsageError, match=r"trained in .*, on observations"):
        StoredPolicy.find(run.latest()).load(make_env("Hopper-v5", 1))


def test_learns_in_an_environment_that_is_not_ours(small):
    run = train(small(env="MountainCarContinuous-v0", steps=2 * 128, evaluations=1)).run
    assert run.steps()[-1] == 256
    assert json.loads((run.folder / "evaluation.json").read_text())["seconds_mean"] is None


class Endless(gymnasium.Env):
    """Never ends; each step is worth 1."""

    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}


def test_an_environment_whose_episodes_never_end_is_trained_in_and_scored(small, capsys):
    gymnasium.register("Trainable/Endless-v0", Endless)
    outcome = train(small(env="Trainable/Endless-v0", steps=2 * 128, evaluations=1, evaluation_steps=20))
    told = "the evaluation at step 256: 2 of 2 episodes had not ended after 20 steps and were cut off there"
    assert told in capsys.readouterr().err
    scores = json.loads((outcome.run.folder / "evaluation.json").read_text())
    assert (scores["return_mean"], scores["cut_off"], scores["evaluation_steps"]) == (20.0, 3, 20)
    assert "3 episodes, after 20 steps" in outcome.summary()


def test_the_run_is_read_back_from_weights_and_biases_on_disk(small, tmp_path):
    run = train(small(track="offline")).run
    (file,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    inspect = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    printed = subprocess.run(inspect, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    records = [json.loads(line) for line in printed.splitlines()]
    (begun,) = [record["run"] for record in records if record["type"] == "run"]
    assert begun["config"]["update"]["gamma"] == Settings.of(env="CartPole").advantage.gamma
    text = json.dumps(records)
    assert '"train/kl"' in text
    assert '"global_step"' in text
    state = json.loads((run.latest() / "state.json").read_text())
    assert state["extra"]["wandb_id"] == begun["run_id"]


def test_the_trust_region_narrows_at_the_end_and_never_below_its_end():
    assert constant_then_linear(1.0, 0.02, 0.002) == constant_then_linear(0.2, 0.02, 0.002) == pytest.approx(0.02)
    assert constant_then_linear(0.1, 0.02, 0.002) == pytest.approx(0.011)
    assert constant_then_linear(0.0, 0.02, 0.002) == constant_then_linear(-0.3, 0.02, 0.002) == 0.002


def test_the_bound_on_the_noise_falls_until_the_last_fifth():
    assert linear_then_constant(1.0, 0.5, 0.1) == pytest.approx(0.5)
    assert linear_then_constant(0.6, 0.5, 0.1) == pytest.approx(0.3)
    assert linear_then_constant(0.2, 0.5, 0.1) == linear_then_constant(0.0, 0.5, 0.1) == pytest.approx(0.1)


def test_noise_ends_within_the_bound_asked_for(small):
    outcome = train(small(env="InvertedPendulum-v5", log_std_init=-0.7, final_std=0.125))
    policy = StoredPolicy.find(find_policy(outcome.run.folder)).load(make_env("InvertedPendulum-v5", 1))
    assert policy.log_std.detach().exp().numpy() == pytest.approx(0.125)


def test_an_iteration_that_overshoots_the_last_step_still_learns(small):
    run = train(small(steps=100)).run
    assert float(rows(run)[-1]["train/step_fraction"]) > 0


def test_observations_of_a_kind_that_is_not_learned_from_are_refused_and_nothing_is_left(small, tmp_path):
    with pytest.raises(UsageError, match="TRPO cannot learn in Blackjack-v1: observations must be"):
        train(small(env="Blackjack-v1"))
    assert not (tmp_path / "run").exists()


def test_a_choice_is_an_observation(small):
    run = train(small(env="FrozenLake-v1")).run
    policy = StoredPolicy.find(run.latest()).load()
    assert policy.deterministic(np.arange(16)).shape == (16,)


def test_more_steps_are_kept_for_the_next_resume_and_a_finished_run_says_so(small):
    run = train(small(steps=128, evaluations=0)).run
    with pytest.raises(UsageError, match="is finished, at step 128"):
        train(small(steps=128, evaluations=0, resume=run.folder))
    train(small(steps=256, evaluations=0, resume=run.folder))
    assert read_config(run.folder).steps == 256


def test_a_run_that_is_made_longer_is_evaluated_on_and_scored_anew(small, monkeypatch):
    run = train(small(steps=256, evaluations=2)).run
    assert steps_in(run.snapshots) == [0, 128, 256]
    monkeypatch.setattr("locomotion.training.train.finish", lambda *_: None)
    train(small(steps=512, evaluations=2, resume=run.folder))
    assert steps_in(run.snapshots) == [0, 128, 256, 512]
    assert not (run.folder / "evaluation.json").exists()  # that of the shorter run, as if killed before its own


def test_a_robot_without_symmetry_is_not_mirrored(small):
    message = "--mirror: Locomotion/CartPole-v0 is not known to be mirror symmetric: .* defines Task.mirrored$"
    with pytest.raises(UsageError, match=message):
        train(small(mirror=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 9999}, r"--workers must lie in \[1, \d+\], a core for each, got 9999"),
        ({"workers": 1, "baseline": "time"}, "A3C cannot learn in .*: .* ValueNetwork fitted by AdamFit, got TimeDep"),
        ({"workers": 1, "critic": "trust-region"}, "A3C cannot learn in .*fitted by AdamFit, got TrustRegionFit"),
    ],
)
def test_workers_that_could_not_work_are_refused_and_nothing_is_left(small, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        train(small(algo="a3c", **changes))
    assert not (tmp_path / "run").exists()


def test_an_asynchronous_run_goes_on_from_its_checkpoint(small):
    run = train(small(algo="a3c", workers=1)).run
    assert [row["train/n_updates"] for row in rows(run)] == ["6.0"]  # the last, and only, row is a short one
    assert json.loads((run.folder / "evaluation.json").read_text())["episodes"] == 3
    resumed = train(small(algo="a3c", workers=1, steps=8 * 128, resume=run.folder)).run
    assert resumed.steps()[-1] == 8 * 128
    assert [row["train/n_updates"] for row in rows(run)] == ["6.0", "8.0"]
    env = make_env("CartPole", 4)
    assert StoredPolicy.find(resumed.latest()).load(env).features_extractor.moments.count == 8 * 128
