"""Robots with eyes: trained by several processes, stopped, gone on with, scored and recorded as all others are."""

import json
from pathlib import Path

import pytest
import torch

from locomotion.checksums import write_sums
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import evaluate_stored
from locomotion.loading import load_files
from locomotion.policies.stored import StoredPolicy
from locomotion.policies.tensors import read_tensors
from locomotion.runs.settings import Settings
from locomotion.training.train import train

SEEING = Path(__file__).with_name("seeing.py")
SMALL = {"num_envs": 4, "n_steps": 16, "track": "off", "evaluations": 0, "video_seconds": 0.0, "final_episodes": 2}


@pytest.fixture(autouse=True)
def _ready(give_up_after):
    give_up_after(200)
    load_files([SEEING])


def trained(out, algo="ppo", **changes):
    settings = Settings.of("Seeing-v0", algo, **SMALL | {"steps": 4 * 64, "out": out, "load": [SEEING]} | changes)
    return train(settings).run


def tensors(run):
    return read_tensors(run.latest() / "policy.safetensors")


@pytest.mark.parametrize("algo", ["ppo", "trpo"])
def test_two_processes_change_no_bit(tmp_path, algo):
    one, two = (tensors(trained(tmp_path / str(count), algo, processes=count)) for count in (1, 2))
    for name, tensor in one.items():
        assert torch.equal(two[name], tensor), name


def test_a_stopped_run_goes_on_with_what_it_has_learned(tmp_path):
    stopped = trained(tmp_path / "run", processes=1)
    before = tensors(stopped)
    resumed = trained(stopped.folder, processes=1, steps=6 * 64, resume=stopped.folder)
    assert resumed.steps()[-1] == 6 * 64
    count = "features_extractor.extractors.vector.moments.count"
    assert (before[count], tensors(resumed)[count]) == (4 * 64, 6 * 64)


def test_what_is_stored_is_scored_and_a_card_that_asks_for_more_is_refused(tmp_path):
    run = trained(tmp_path / "run", processes=1)
    stored = StoredPolicy.find(run.latest())
    assert stored.card.observation_space["kind"] == "Dict"
    assert stored.card.source == "seeing.py"
    assert evaluate_stored(stored, episodes=2).length_mean == 10
    card = run.latest() / "policy.json"
    values = json.loads(card.read_text())
    values["observation_space"]["parts"]["eye"]["shape"] = [3, 4000, 36]
    card.write_text(json.dumps(values))
    write_sums(run.latest())
    with pytest.raises(UsageError, match=r"asks for weights of 256 x \d+, which policy.safetensors does not hold"):
        StoredPolicy.find(run.latest()).load()
