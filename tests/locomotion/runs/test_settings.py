import json
import typing
from pathlib import Path

import numpy as np
import pytest

from locomotion.errors import UsageError
from locomotion.runs.folder import Run
from locomotion.runs.options import NEEDS
from locomotion.runs.parsing import parse
from locomotion.runs.recipes import RECIPES
from locomotion.runs.rules import RULES
from locomotion.runs.settings import GROUPS, Settings, from_json, read_config


def test_defaults_come_from_the_recipe_and_flags_go_over_them():
    settings = parse(["CartPole", "--gamma", "0.9"])
    assert settings.env == "Locomotion/CartPole-v0"
    assert settings.steps == RECIPES["Locomotion/CartPole-v0", "trpo"]["steps"]
    assert settings.advantage.gamma == 0.9


def test_a_robot_may_follow_an_option():
    assert parse(["--seed", "3", "Hopper-v5"]).env == "Hopper-v5"


def test_every_recipe_is_valid():
    for (env, algo), changes in RECIPES.items():
        assert Settings.of(env=env, algo=algo, **changes).steps >= 1


def test_settings_survive_json():
    settings = Settings.of(env="Hopper-v5", actor=(32,), gamma=0.98)
    assert from_json(json.loads(json.dumps(settings.as_json()))) == settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Hoper-v5"], r"unknown environment 'Hoper-v5'.*Hopper-v5.*\? A robot of your own needs --load FILE\.$"),
        ([], "which robot"),
        (["Hopper-v5", "--gamma", "1.01"], r"--gamma must lie in \[0, 1\], got 1.01"),
        (["Hopper-v5", "--gamma", "nan"], r"--gamma must lie in \[0, 1\], got nan"),
        (["Hopper-v5", "--gae-lambda", "-1"], r"--gae-lambda must lie in \[0, 1\], got -1.0"),
        (["Hopper-v5", "--num-envs", "0"], r"--num-envs must lie in \[1, 100000\], got 0"),
        (["Hopper-v5", "--steps", "-5"], "--steps must be at least 1, got -5"),
        (["Hopper-v5", "--target-kl", "0"], "--target-kl must be positive, got 0.0"),
        (["Hopper-v5", "--seed", "-1"], r"--seed must lie in"),
        (["Hopper-v5", "--final-std", "0"], "--final-std must be positive and at most the first one"),
        (["Hopper-v5", "--final-std", "2"], "which by --log-std-init is 1, got 2.0"),
        (["Hopper-v5", "--min-std", "-1"], r"--min-std must lie in \[0, 10\), got -1.0"),
        (["Hopper-v5", "--mean-bound", "0"], r"--mean-bound must be positive, got 0.0"),
        (["Hopper-v5", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["Hopper-v5", "--episodic", "--stagger"], "--episodic begins all episodes at once"),
        (["Hopper-v5", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["Hopper-v5", "--actor", "64", "0"], r"each number of --actor must lie in \[1, 10000\], got \(64, 0\)"),
        (["--resume", "nowhere"], "nowhere is not a run"),
        (
            ["CartPole", "--memory", "gru", "--memory-steps", "5"],
            "--memory-steps must divide --n-steps, 64, got 5",
        ),
        (
            ["CartPole", "--memory", "gru", "--baseline", "optimal-constant"],
            "--memory gru does not go with --baseline optimal-constant",
        ),
        (
            ["CartPole", "--algo", "vpg", "--memory", "gru", "--reuse", "3"],
            "--memory gru does not go with --reuse, got 3",
        ),
        (["CartPole", "--memory-size", "8"], "--memory-size has no effect with --memory none, only with gru or lstm"),
    ],
)
def test_mistakes_become_one_sentence(arguments, message):
    with pytest.raises(UsageError, match=message):
        parse(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clip", "0.1"], "--clip has no effect with --algo trpo, only with ppo"),
        (["--algo", "ppo", "--reuse", "2"], "--reuse has no effect with --algo ppo, only with vpg"),
        (["--algo", "vpg", "--target-kl", "0.1"], "--target-kl has no effect with --algo vpg, only with trpo or npg"),
        (["--algo", "ppo", "--final-std", "0.1"], "--final-std has no effect with --algo ppo, only with trpo or npg"),
        (["--algo", "a3c", "--baseline", "none"], "--baseline has no effect with --algo a3c, only with trpo, npg"),
        (["--algo", "npg", "--backtrack", "0.9"], "--backtrack has no effect with --algo npg, only with trpo"),
        (
            ["--baseline", "linear", "--critic", "adam"],
            "--critic has no effect with --baseline linear, only with value",
        ),
        (["--advantage", "k-step", "--gae-lambda", "0.5"], "--gae-lambda has no effect with --advantage k-step"),
        (
            ["--critic-epochs", "9"],
            "--critic-epochs has no effect with --critic trust-region, only with adam or fitted-v",
        ),
        (["--algo", "a3c", "--episodic"], "--episodic has no effect with --algo a3c, only with trpo"),
        (["--algo", "a2c", "--workers", "1"], "--workers has no effect with --algo a2c, only with a3c"),
        (
            ["--algo", "a2c", "--critic", "fitted-v", "--proximity", "9"],
            "--proximity has no effect with --algo a2c, only with trpo, npg, ppo or vpg",
        ),
        (
            ["--algo", "a2c", "--critic-epochs", "9"],
            "--critic-epochs has no effect with --algo a2c, only with trpo, npg, ppo or vpg",
        ),
    ],
)
def test_an_option_of_something_else_is_not_swallowed(arguments, message):
    with pytest.raises(UsageError, match=message):  # its recipe: the critic in a trust region
        parse(["Ant-v5", *arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--clip", "0.2"],  # as it would be
        ["--baseline", "linear"],  # with the recipe's critic, which the user did not ask for
        ["--critic", "adam", "--critic-epochs", "9"],
        ["--algo", "vpg", "--reuse", "2", "--actor-learning-rate", "0.01"],
        ["--critic", "fitted-v", "--proximity", "0.1"],
    ],
)
def test_what_has_an_effect_or_changes_nothing_is_taken(arguments):
    assert parse(["Ant-v5", *arguments]).env == "Ant-v5"


def test_every_rule_names_settings_and_choices_that_there_are():
    hints = {name: hint for cls in GROUPS.values() for name, hint in typing.get_type_hints(cls).items()}
    for name, choices in NEEDS.items():
        assert name in hints
        for choice, takers in choices.items():
            assert set(takers) <= set(typing.get_args(hints[choice]))
    for rule in RULES.values():
        assert set(rule.without) <= set(hints)
        assert set(rule.defaults) <= {*hints, *rule.option_names, "steps"}


def test_a_run_of_an_earlier_version_whose_config_names_what_has_no_effect_is_resumed(tmp_path):
    settings = Settings.of(env="Hopper-v5", gamma=0.9)
    values = settings.as_json() | {"clip": 0.1, "workers": None}  # options of other rules
    earlier = {name: value for name, value in values.items() if name not in ("task", "load")}
    (tmp_path / "config.json").write_text(json.dumps(earlier))
    assert read_config(tmp_path) == settings
    assert parse(["--resume", str(tmp_path)]) == settings.changed(out=tmp_path, resume=tmp_path)


def test_a_resumed_run_goes_on_with_its_own_settings(tmp_path):
    Run.create(Settings.of(env="Hopper-v5", gamma=0.97, out=tmp_path / "run"))
    run = str(tmp_path / "run")
    assert parse(["--resume", run]).advantage.gamma == 0.97
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


@pytest.mark.parametrize(
    "wrong", [{"gamma": "high"}, {"algo": "foo"}, {"env": 5}, {"seed": 1.5}, {"mirror": "no"}, {"actor": ["a"]}]
)
def test_a_config_with_a_wrong_kind_of_value_is_named(tmp_path, wrong):
    values = Settings.of(env="Hopper-v5").as_json() | wrong
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match=f"damaged: {next(iter(wrong))} must be of type"):
        read_config(tmp_path)


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file is not a run: it has no config\.json"):
        read_config(tmp_path / "file")


def test_numpys_numbers_and_file_names_are_taken_as_pythons():
    given = {"steps": np.int64(640), "gamma": np.float32(0.5), "out": "a/b", "load": ["c.py"]}
    expected = {"steps": 640, "gamma": 0.5, "out": Path("a/b"), "load": (Path("c.py"),)}
    settings = Settings.of("CartPole", **given, task={"max_angle": np.float32(0.25)})
    assert settings == Settings.of("CartPole", **expected, task={"max_angle": 0.25})
    assert json.loads(json.dumps(settings.as_json()))["task"] == {"max_angle": 0.25}


def test_actor_critics_climb_by_rmsprop_or_by_adam():
    from agents.a2c import RMSProp
    from agents.gradient_ascent import ADAM

    for options, expected in (([], RMSProp), (["--optimizer", "adam"], ADAM)):
        settings = parse(["CartPole", "--algo", "a2c", *options])
        assert settings.rule.arguments(settings)["actor_optimizer"] is expected
