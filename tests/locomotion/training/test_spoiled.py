"""A training in a foreign environment that gives numbers which are not finite."""

import math
from pathlib import Path

import gymnasium
import pytest
from safetensors.numpy import load_file

from locomotion import loading
from locomotion.runs.rules import RULES
from locomotion.training.metrics import read_rows
from locomotion.training.train import train

FILE = Path(__file__).with_name("spoiled.py")


@pytest.fixture
def spoiled():
    loading.load_files([FILE])
    yield "Spoiled-v0"
    loading._loaded.remove(FILE.resolve())
    del gymnasium.registry["Spoiled-v0"]


@pytest.mark.parametrize("algo", RULES)
@pytest.mark.filterwarnings("ignore:robot")
def test_no_number_that_is_not_finite_is_kept_or_logged_and_each_is_counted(small, spoiled, algo):
    own = {"workers": 1} if RULES[algo].asynchronous else {}
    outcome = train(small(env=spoiled, algo=algo, load=(FILE,), steps=4 * 640, n_steps=64, evaluations=1, **own))
    files = list(outcome.run.folder.rglob("*.safetensors"))
    assert len(files) > 3
    for file in files:
        for name, array in load_file(file).items():
            assert array.dtype.kind != "f" or math.isfinite(array.astype(float).sum()), (file, name)
    rows = read_rows(outcome.run.metrics)
    assert all(math.isfinite(float(cell)) for row in rows for cell in row.values() if cell)
    assert float(rows[-1]["rollout/physics_errors"]) == 4 * 2
    assert outcome.scores.physics_errors == 0  # of episodes of 100 steps, the first in their robots' lives
    assert outcome.blow_ups == "8 episodes ended by numbers that were not finite (rollout/physics_errors)"
