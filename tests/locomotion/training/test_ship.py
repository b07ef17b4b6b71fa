import dataclasses
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from locomotion.checksums import write_sums
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import evaluate, evaluate_folder
from locomotion.evaluation.scores import against_card, on_the_card
from locomotion.files import write_json
from locomotion.policies import shipped
from locomotion.policies.card import installed_versions, read_card, save_card
from locomotion.policies.shipped import FOLDER, find_shipped, shipped_names, short_name
from locomotion.policies.stored import StoredPolicy, find_policy
from locomotion.runs.parsing import parse
from locomotion.runs.settings import Settings
from locomotion.training import ship as shipping
from locomotion.training.ship import LARGEST, ship, trained_with, training_command
from locomotion.training.train import train


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Where policies are shipped to, empty."""
    folder = tmp_path / "policies"
    for module in (shipped, shipping):
        monkeypatch.setattr(module, "FOLDER", folder)
    return folder


@pytest.fixture
def run(small):
    return train(small(steps=2 * 128)).run.folder


def test_a_finished_run_is_shipped_with_its_card(run, shelf):
    done = ship(run, episodes=4)
    assert done.folder == shelf / "CartPole"
    assert sorted(path.name for path in done.folder.iterdir()) == ["SHA256SUMS", "policy.json", "policy.safetensors"]
    card = read_card(done.folder)
    assert (card.env, card.seed, card.steps) == ("Locomotion/CartPole-v0", 0, 256)
    assert card.recipe["num_envs"] == 4
    assert card.evaluation["episodes"] == 4
    assert card.evaluation["return_ci95"] == list(done.scores.return_ci95)
    assert "fall_rate" in card.evaluation["metrics"]
    assert ship(run).scores.episodes == 3  # in its place, by the run's own number of episodes
    assert read_card(done.folder).evaluation["episodes"] == 3


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("evaluate_folder", "stopped; nothing was shipped\n"),
        ("save_card", "stopped; {} holds this policy whole, or what was there before\n"),
    ],
)
def test_what_is_kept_of_a_shipping_that_is_stopped(run, shelf, moment, told, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(shipping, moment, stop)
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        ship(run, episodes=2)
    assert capsys.readouterr().err == told.format(shelf / "CartPole")
    assert not list(shelf.glob("*"))


def test_a_shipped_policy_is_found_by_its_name_unless_a_path_is_there(run, shelf, tmp_path, monkeypatch):
    ship(run, episodes=2)
    monkeypatch.chdir(tmp_path)
    for name in ("CartPole", "Locomotion/CartPole-v0"):
        assert find_policy(name) == shelf / "CartPole"
    run.rename(tmp_path / "CartPole")
    assert find_policy("CartPole").is_relative_to("CartPole/checkpoints")


def test_an_unknown_name_is_told_what_there_is(run, shelf, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="or a shipped policy: there are none"):
        find_policy("Ant-v5")
    with pytest.raises(UsageError, match=r"no policy at Biped: Biped comes without one: train it, python "):
        find_policy("Biped")
    ship(run, episodes=2)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no policy at cartpol: did you mean CartPole\?"):
        find_policy("cartpol")
    with pytest.raises(UsageError, match="or a shipped policy: CartPole"):
        find_policy("Ant-v5")


def test_the_card_is_reproduced_or_the_reason_given(run, shelf):
    ship(run, episodes=3)
    scores = evaluate_folder("CartPole")  # of as many episodes as on the card
    card = read_card(shelf / "CartPole")
    assert on_the_card(scores) == card.evaluation
    assert "to the last digit" in against_card(scores, card)
    assert against_card(evaluate_folder("CartPole", episodes=2), card) is None
    other = dataclasses.replace(scores, return_mean=scores.return_mean + 1e-9)
    said = f"the policy's card says return_mean {scores.return_mean}, here it is {other.return_mean}: "
    assert against_card(other, card).startswith(said)
    assert "it is the machine, or the robot has changed" in against_card(other, card)
    falls = scores.metrics["fall_rate"]
    broken = dataclasses.replace(scores, physics_errors=1)
    assert "card says physics_errors None, here it is 1: " in against_card(broken, card)
    clumsy = dataclasses.replace(scores, metrics={**scores.metrics, "fall_rate": falls + 1.0})
    assert f"card says fall_rate {falls}, here it is {falls + 1.0}: " in against_card(clumsy, card)
    changed = dataclasses.replace(scores, metrics={**scores.metrics, "new": 1.0})
    assert f"card says metrics {list(scores.metrics)}, here it is {[*scores.metrics, 'new']}: " in against_card(
        changed, card
    )
    old = dataclasses.replace(card, versions=card.versions | {"mujoco": "3.9.0"})
    assert f"mujoco {installed_versions()['mujoco']} instead of 3.9.0" in against_card(other, old)


def test_what_is_not_fit_to_be_shipped_is_refused_and_nothing_is_left(small, shelf, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="is not a run"):
        ship(tmp_path)
    outcome = train(small(steps=128))
    settings = json.loads(outcome.run.config.read_text())
    write_json(outcome.run.config, settings | {"steps": 1280}, alone=True)
    with pytest.raises(UsageError, match=r"is not finished \(128 of 1,280 steps\); finish it by: .*--resume"):
        ship(outcome.run.folder)
    write_json(outcome.run.config, settings, alone=True)
    with monkeypatch.context() as patch:
        patch.setattr(shipping, "LARGEST", 1000)
        with pytest.raises(UsageError, match="bytes; a shipped policy may take 1,000"):
            ship(outcome.run.folder)
    final = outcome.run.latest()
    save_card(dataclasses.replace(read_card(final), versions={"torch": "1.0"}), final)
    write_sums(final)
    with pytest.raises(UsageError, match="train it anew"):
        ship(outcome.run.folder)
    assert not shelf.exists()


def test_the_command_trains_with_the_same_settings():
    for arguments in (
        *("CartPole", "Ant-v5 --seed 3 --steps 2000 --actor 32 16 --critic adam", "CartPole --mirror"),
        *("CartPole --algo a3c", "Hopper-v5 --algo ppo --batch-size 32"),
    ):
        settings = parse(arguments.split())
        command = training_command(settings)
        assert parse(shlex.split(command)[2:]) == settings
    assert training_command(Settings.of(env="Pendulum-v1", out=Path("there"), seed=2)) == (
        "python scripts/train.py Pendulum-v1 --seed 2"
    )


@pytest.mark.parametrize(
    ("env", "name"),
    [("Locomotion/Biped-v0", "Biped"), ("Hopper-v5", "Hopper"), ("Hopper-v4", "Hopper-v4"), ("Biped", "Biped")],
)
def test_short_names(env, name):
    assert short_name(env) == name


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_policy_is_whole_and_acts_alike_from_the_same_seeds(name):
    folder = find_shipped(name)
    card = read_card(folder)
    assert folder.name == short_name(card.env) == name
    assert all(path.stat().st_size <= LARGEST for path in folder.iterdir())
    assert {path.name for path in folder.iterdir()} == {"SHA256SUMS", "policy.json", "policy.safetensors"}
    assert card.versions.keys() == installed_versions().keys()
    assert {"episodes", "seed", "return_mean", "return_ci95", "metrics"} <= card.evaluation.keys()
    assert re.match(rf"python scripts/train\.py {name}.* --seed {card.seed}", card.command)
    again = json.loads(json.dumps(trained_with(parse(shlex.split(card.command)[2:]))))
    assert {name: again.get(name) for name in card.recipe} == card.recipe  # settings may have come since
    env = make_env(card.env, 1)
    policy = StoredPolicy.find(folder).load(env)
    runs = [evaluate(policy, card.env, 2, card.evaluation["seed"]) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].returns, runs[1].returns)


def test_a_quick_robot_reproduces_its_card_in_full():
    card = read_card(FOLDER / "CartPole")
    line = against_card(evaluate_folder("CartPole"), card)
    if card.versions != installed_versions():
        pytest.skip(line)
    assert on_the_card(evaluate_folder("CartPole"))["return_mean"] == pytest.approx(card.evaluation["return_mean"])
