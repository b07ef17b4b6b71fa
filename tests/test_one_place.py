"""One place for each decision: where options are named in the sources, and what follows from that place alone."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from agents.network import Network
from locomotion.policies.card import read_card, save_card
from locomotion.policies.shipped import FOLDER
from locomotion.runs.parsing import parse
from locomotion.runs.rules import RULES, rules_on_one_core
from locomotion.runs.settings import Settings, from_json
from locomotion.sweeps.plan import Sweep

ROOT = Path(__file__).parents[1]
SOURCES = [path for room in ("envs", "agents", "locomotion", "scripts") for path in (ROOT / room).rglob("*.py")]
# Values of options, not the options themselves: tuned numbers, the paper's settings, a peer's settings.
DATA = {"locomotion/runs/own_recipes.py", "locomotion/runs/gymnasium_recipes.py"}
DATA |= {"locomotion/sweeps/plan.py", "locomotion/benchmarks/zoo.py"}


def naming(word):
    """The files that name a word, those apart that hold values of options."""
    found = {str(path.relative_to(ROOT)) for path in SOURCES if re.search(rf"(?<!\w){word}(?!\w)", path.read_text())}
    return found - DATA


@pytest.mark.parametrize("option", ["min_std", "mean_bound", "obs_epsilon"])
def test_an_actors_option_is_named_where_it_is_described_and_where_it_is_used(option):
    described = {"agents/network.py", "agents/policies.py", "agents/sb3_arguments.py"}
    described |= {"agents/action_noise.py", "agents/mean_layers.py"}
    assert naming(option) - {"locomotion/policies/card.py"} <= described  # card.py lists the fields of format 2


@pytest.mark.parametrize("option", [field.name for field in fields(Network)])
def test_an_actors_option_is_on_the_command_line_in_the_config_and_on_the_card(option, tmp_path):
    settings = Settings.of("Hopper-v5")
    assert option in settings.flat()
    assert option in settings.as_json()
    assert from_json(json.loads(json.dumps(settings.as_json()))) == settings
    assert parse(["Hopper-v5"]).flat()[option] == getattr(Network(), option)
    save_card(read_card(FOLDER / "Hopper"), tmp_path)
    assert option in json.loads((tmp_path / "policy.json").read_text())["network"]


@pytest.mark.parametrize(("option", "learner"), [("reuse", "vpg"), ("cg_damping", "natural_gradient")])
def test_a_rules_option_is_named_in_its_learner_and_in_the_table_of_rules(option, learner):
    assert naming(option) == {f"agents/{learner}.py", "locomotion/runs/rules.py"}


@pytest.mark.parametrize("rule", ["npg", "vpg", "a3c"])
def test_a_rules_name_stands_in_the_table_of_rules(rule):
    # The benchmark of A3C's workers is about that one rule.
    assert naming(f'"{rule}"') - {"locomotion/benchmarks/training_speed.py"} == {"locomotion/runs/rules.py"}


def test_sweeps_take_every_rule_that_keeps_to_one_core():
    assert set(rules_on_one_core()) == set(RULES) - {"a3c"}
    for rule in rules_on_one_core():
        assert Sweep(env="CartPole", algo=rule, seeds=1, iterations=1).cells()[0].settings.algo == rule
