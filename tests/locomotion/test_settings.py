import dataclasses
import json

import pytest

from locomotion.errors import UsageError
from locomotion.recipes import RECIPES
from locomotion.runs import Run
from locomotion.settings import Settings, from_json, parse, read_config


def test_defaults_come_from_the_recipe_and_flags_go_over_them():
    settings = parse(["CartPole", "--gamma", "0.9"])
    assert settings.env == "Locomotion/CartPole-v0"
    assert settings.steps == RECIPES["Locomotion/CartPole-v0", "trpo"]["steps"]
    assert settings.gamma == 0.9


def test_a_robot_may_follow_an_option():
    assert parse(["--seed", "3", "Hopper-v5"]).env == "Hopper-v5"


def test_every_recipe_is_valid():
    for (env, algo), changes in RECIPES.items():
        assert Settings(env=env, algo=algo, **changes).steps >= 1


def test_settings_survive_json():
    settings = Settings(env="Hopper-v5", actor=(32,), gamma=0.98)
    assert from_json(json.loads(json.dumps(settings.as_json()))) == settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Hoper-v5"], r"unknown environment 'Hoper-v5'.*Hopper-v5"),
        ([], "which robot"),
        (["Hopper-v5", "--gamma", "1.01"], r"--gamma must lie in \[0, 1\], got 1.01"),
        (["Hopper-v5", "--gamma", "nan"], r"--gamma must lie in \[0, 1\], got nan"),
        (["Hopper-v5", "--gae-lambda", "-1"], r"--gae-lambda must lie in \[0, 1\], got -1.0"),
        (["Hopper-v5", "--num-envs", "0"], "--num-envs must be at least 1, got 0"),
        (["Hopper-v5", "--steps", "-5"], "--steps must be at least 1, got -5"),
        (["Hopper-v5", "--target-kl", "0"], "--target-kl must be a positive number, got 0.0"),
        (["Hopper-v5", "--seed", "-1"], r"--seed must lie in"),
        (["Hopper-v5", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["Hopper-v5", "--episodic", "--stagger"], "--episodic begins all episodes at once"),
        (["Hopper-v5", "--actor", "64", "0"], "--actor takes layer sizes"),
        (["--resume", "nowhere"], "nowhere is not a run"),
    ],
)
def test_mistakes_become_one_sentence(arguments, message):
    with pytest.raises(UsageError, match=message):
        parse(arguments)


def test_a_resumed_run_goes_on_with_its_own_settings(tmp_path):
    Run.create(Settings(env="Hopper-v5", gamma=0.97, out=tmp_path / "run"))
    run = str(tmp_path / "run")
    assert parse(["--resume", run]).gamma == 0.97
    assert parse([f"--resume={run}", "--steps", "7"]).steps == 7
    with pytest.raises(UsageError, match=r"--gamma 0.5 differs from the 0.97"):
        parse(["--resume", run, "--gamma", "0.5"])
    with pytest.raises(UsageError, match=r"--env Walker2d-v5 differs"):
        parse(["Walker2d-v5", "--resume", run])


@pytest.mark.parametrize("text", ["{", "[]", '{"env": "Hopper-v5"}', "\x80"])
def test_a_damaged_config_is_named(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"damaged|not of this version"):
        read_config(tmp_path)


def test_a_config_with_a_wrong_kind_of_value_is_named(tmp_path):
    values = dataclasses.replace(Settings(env="Hopper-v5")).as_json() | {"gamma": "high"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match="damaged"):
        read_config(tmp_path)
