"""Stored policies: cards, spaces as data, and loading without an environment."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces

from locomotion.checksums import write_sums
from locomotion.errors import UsageError
from locomotion.policies.card import read_card, save_card
from locomotion.policies.shipped import FOLDER, shipped_names
from locomotion.policies.spaces import space_as_data, space_from_data
from locomotion.policies.stored import WEIGHTS, StoredPolicy
from locomotion.runs.folder import Run

FORMAT_2 = Path(__file__).with_name("format_2") / "policy.json"


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1.0, 1.0, (12,), np.float32),
        spaces.Box(-np.inf, np.inf, (3,), np.float64),
        spaces.Box(np.array([-1.0, -np.inf]), np.array([2.0, 0.5]), dtype=np.float64),
        spaces.Box(np.array([-0.4, 0.1], np.float32), np.array([0.4, 1 / 3], np.float32)),
        spaces.Box(0, 255, (2, 2), np.uint8),
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([2, 3], start=[0, 5]),
        spaces.MultiBinary(3),
        spaces.MultiBinary([2, 3]),
        spaces.Dict({"b": spaces.Box(-1, 1, (2,)), "a": spaces.Discrete(2)}),
    ],
)
def test_spaces_survive_json(space):
    data = json.loads(json.dumps(space_as_data(space), allow_nan=False))
    again = space_from_data(data)
    assert again == space
    assert again.dtype == space.dtype
    assert space_as_data(again) == data
    if isinstance(space, spaces.Box):
        np.testing.assert_array_equal(again.low, space.low)
        np.testing.assert_array_equal(again.high, space.high)


def test_spaces_that_no_card_can_hold_are_refused():
    with pytest.raises(ValueError, match="only Box, Discrete, MultiDiscrete, MultiBinary or a Dict of these can"):
        space_as_data(spaces.Tuple([spaces.Discrete(2)]))


@pytest.mark.parametrize("name", ["Go1", "Humanoid"])
def test_a_policy_loads_and_acts_in_a_process_without_mujoco(name):
    program = f"""
import sys
sys.modules["mujoco"] = None  # whoever imports it fails
from locomotion.policies.stored import WEIGHTS, StoredPolicy
from locomotion.runs.folder import Run
stored = StoredPolicy.find({name!r})
policy = stored.load()
import numpy as np
size = policy.observation_space.shape[0]
print(policy.deterministic(np.linspace(-1, 1, 2 * size).reshape(2, size)).tolist())
"""
    alone = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert alone.returncode == 0, alone.stderr
    stored = StoredPolicy.find(name)
    policy = stored.load(stored.environment())
    size = policy.observation_space.shape[0]
    expected = policy.deterministic(np.linspace(-1, 1, 2 * size).reshape(2, size))
    np.testing.assert_array_equal(np.array(json.loads(alone.stdout), np.float32), expected)


def test_a_card_of_format_2_is_read_and_its_policy_loads(tmp_path):
    shutil.copy(FORMAT_2, tmp_path)
    shutil.copy(FOLDER / "Swimmer" / "policy.safetensors", tmp_path)
    old, new = StoredPolicy.find(tmp_path), StoredPolicy.find("Swimmer")
    assert old.card.network == new.card.network
    assert old.card.network.mirror
    assert (old.card.mean_bound if hasattr(old.card, "mean_bound") else old.card.network.mean_bound) == 1.5
    observations = np.random.default_rng(0).normal(size=(5, 8))
    np.testing.assert_array_equal(old.load().deterministic(observations), new.load().deterministic(observations))
    card = json.loads(FORMAT_2.read_text())
    card["action_space"] = "Box(-2.0, 2.0, (2,), float32)"
    (tmp_path / "policy.json").write_text(json.dumps(card))
    with pytest.raises(UsageError, match=r"this policy was trained in Swimmer-v5, on actions Box\(-2.0, 2.0"):
        StoredPolicy.find(tmp_path).load()


def test_a_card_of_format_3_keeps_the_unit_that_actions_had(tmp_path):
    card = json.loads((FOLDER / "Humanoid" / "policy.json").read_text())
    del card["network"]["action_unit"]
    (tmp_path / "policy.json").write_text(json.dumps(card | {"format": 3}))
    assert read_card(tmp_path) == read_card(FOLDER / "Humanoid")
    assert read_card(tmp_path).network.action_unit == "environment"


@pytest.mark.parametrize("name", shipped_names())
def test_cards_are_written_as_they_are_read(name, tmp_path):
    save_card(read_card(FOLDER / name), tmp_path)
    assert (tmp_path / "policy.json").read_text() == (FOLDER / name / "policy.json").read_text()


@pytest.mark.parametrize(
    ("space", "value"),
    [("kind", "Tuple"), ("shape", ["a"]), ("shape", [5]), ("dtype", "float33"), ("low", "x"), ("low", [1.0, 2.0])],
)
def test_a_space_that_is_none_is_named(tmp_path, space, value):
    card = json.loads((FOLDER / "CartPole" / "policy.json").read_text())
    card["observation_space"][space] = value
    (tmp_path / "policy.json").write_text(json.dumps(card))
    shutil.copy(FOLDER / "CartPole" / "policy.safetensors", tmp_path)
    write_sums(tmp_path)
    with pytest.raises(UsageError, match=r"damaged|does not hold this policy"):
        StoredPolicy.find(tmp_path).load()


def test_a_card_imports_no_package(tmp_path):
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')")
    card = json.loads((FOLDER / "CartPole" / "policy.json").read_text()) | {"env": "hostile:Robot-v0"}
    (tmp_path / "policy.json").write_text(json.dumps(card))
    shutil.copy(FOLDER / "CartPole" / "policy.safetensors", tmp_path)
    write_sums(tmp_path)
    script = [sys.executable, "-m", "locomotion", "evaluate", str(tmp_path), "--episodes", "1"]
    path = f"{tmp_path}:{Path(__file__).parents[3]}"
    alone = subprocess.run(script, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})
    assert alone.returncode == 2
    assert "hostile:Robot-v0 is of the package hostile, which is not imported: add --load FILE" in alone.stderr


def test_an_earlier_checkpoint_is_never_taken_silently(tmp_path, capsys):
    run = Run(tmp_path)
    for step in (100, 200):
        shutil.copytree(FOLDER / "CartPole", run.checkpoint(step))
        shutil.copytree(FOLDER / "CartPole", run.snapshot(step))
    run.checkpoint(300).mkdir()
    (run.checkpoint(300) / WEIGHTS).write_bytes(b"half")  # of a folder that is being deleted
    with pytest.raises(UsageError, match=r"0300/policy.json is missing"):
        StoredPolicy.find(tmp_path)
    shutil.rmtree(run.checkpoint(300))
    assert StoredPolicy.find(tmp_path).folder == run.checkpoint(200)
    assert capsys.readouterr().err == ""
    shutil.rmtree(run.checkpoint(200))
    assert StoredPolicy.find(tmp_path).folder == run.checkpoint(100)
    assert capsys.readouterr().err == (
        f"warning: {tmp_path} was evaluated at step 200, of which no checkpoint is left;"
        " this is the policy of step 100\n"
    )
