"""The files of blow-ups: what they hold, that damage is told, and which of them a training keeps."""

import os
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from envs.blow_up import BlowUp
from locomotion.command_line import invocation
from locomotion.errors import UsageError
from locomotion.training.blow_ups import KEPT, Evidence, blow_up_files, keep_blow_ups, read_blow_up
from locomotion.training.train import train

BLOW_UP = BlowUp(
    task="CartPole",
    fields={"max_force": 12.0, "commands": (0.5, 1.5)},
    robot=3,
    seed=2**70,
    step=8,
    found="observation angle is nan",
    action=np.array([np.nan, -np.inf], np.float32),
    state=np.array([0.1, np.nan, 3e300]),
    before={"position": np.array(0.25), "feet": np.eye(2)},
    model="0" * 64,
)
EVIDENCE = Evidence.of(BLOW_UP, 12_288, "Locomotion/CartPole-v0")


def test_a_file_holds_all_of_a_blow_up_to_the_last_bit(tmp_path):
    (file,) = keep_blow_ups(tmp_path / "blow-ups", [EVIDENCE])
    assert file == tmp_path / "blow-ups" / "0000012288-robot3.safetensors"
    read = read_blow_up(file)
    assert replace(read, arrays={}) == replace(EVIDENCE, arrays={}, fields={"max_force": 12.0, "commands": [0.5, 1.5]})
    assert read.arrays.keys() == {"state", "action", "before.position", "before.feet"}
    for name, array in EVIDENCE.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array, strict=True)
    assert read.before.keys() == {"position", "feet"}
    assert read.source is None


def test_the_same_blow_up_is_the_same_file_to_the_byte(tmp_path):
    (first,) = keep_blow_ups(tmp_path / "one", [EVIDENCE])
    (second,) = keep_blow_ups(tmp_path / "two", [read_blow_up(first)])
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("robots", "kept"),
    [
        ([1] * 7, [(2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]),
        ([3, 3, 3], [(0, 2), (1, 2), (2, 0), (2, 1), (2, 2)]),
        ([1, 1, 9], [(0, 0), (1, 0), (2, 6), (2, 7), (2, 8)]),
        ([1, 1, 9, 1, 1, 9], [(1, 0), (2, 8), (3, 0), (4, 0), (5, 8)]),
    ],
)
def test_the_last_files_are_kept_of_as_many_steps_as_there_are(tmp_path, robots, kept):
    assert len(kept) == KEPT
    for step, count in enumerate(robots):
        files = keep_blow_ups(tmp_path, [replace(EVIDENCE, steps=step, robot=robot) for robot in range(count)])
    assert files == [tmp_path / f"{step:010d}-robot{robot}.safetensors" for step, robot in kept]


def test_a_damaged_byte_is_told(tmp_path):
    (file,) = keep_blow_ups(tmp_path, [EVIDENCE])
    content = file.read_bytes()
    for i in range(0, len(content), 3):
        file.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        with pytest.raises(UsageError, match="is damaged, or no file of a blow-up"):
            read_blow_up(file)
    for length in range(0, len(content), 50):
        file.write_bytes(content[:length])
        with pytest.raises(UsageError, match="is damaged, or no file of a blow-up"):
            read_blow_up(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": -1}, "steps must not be negative"),
        ({"robot": "3"}, "robot must be of type int"),
        ({"env": 5}, "env must be of type str"),
        ({"format": 9}, "it is of format 9, this version reads format 1"),
        ({"arrays": {"state": np.zeros((2, 2)), "action": np.zeros(1)}}, "its state must be a row of float64"),
        ({"arrays": {"state": np.zeros(2), "action": np.zeros(1, bool)}}, "its action numbers"),
        ({"arrays": {"action": np.zeros(1)}}, "state"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(Evidence, "name", EVIDENCE.name)
    (file,) = keep_blow_ups(tmp_path, [replace(EVIDENCE, **change)])
    with pytest.raises(UsageError, match=message):
        read_blow_up(file)


def test_other_files_are_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="is missing"):
        read_blow_up(tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="is a folder; there are no blow-ups in it"):
        read_blow_up(tmp_path)
    tensors = tmp_path / "policy.safetensors"
    tensors.write_bytes(save({"weight": np.zeros(3)}))
    with pytest.raises(UsageError, match="is damaged, or no file of a blow-up"):
        read_blow_up(tensors)
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        os.truncate(file.fileno(), 2**40)
    with pytest.raises(UsageError, match="it may take"):
        read_blow_up(large)
    (file,) = keep_blow_ups(tmp_path / "blow-ups", [EVIDENCE])
    with pytest.raises(UsageError, match=f"name a file, such as {file}"):
        read_blow_up(tmp_path)


def test_a_training_keeps_its_last_blow_ups_and_says_so_once(small, faulty, capfd):
    numbers = {"env": faulty, "task": {"fault": "reward"}, "steps": 3 * 4 * 32, "evaluations": 0}
    outcome = train(small(**numbers))
    files = blow_up_files(outcome.run.folder / "blow-ups")
    assert len(files) == KEPT
    last = read_blow_up(files[-1])
    assert (last.env, last.source, last.fields) == (faulty, "faulty.py", {"fault": "reward"})
    assert (last.robot, last.seed, last.step) == (3, 3, 4)
    assert last.found == "reward effort is -inf, reward total is -inf"
    # Robots 1 and 3 blow up in every fifth step: of 96 steps of all four, the last is the 95th.
    assert [file.stem for file in files[-2:]] == ["0000000360-robot3", "0000000380-robot3"]
    told = capfd.readouterr().err
    assert told.count("blew up") == 1
    assert f"see one by: {invocation('replay', outcome.run.folder / 'blow-ups')}" in told
    summary = outcome.summary()
    assert f"38 simulations blew up; the last are in {outcome.run.folder / 'blow-ups'}" in summary
    assert invocation("replay", files[-1]) in summary


def test_a_training_without_blow_ups_says_nothing(small):
    outcome = train(small(evaluations=0))
    assert not (outcome.run.folder / "blow-ups").exists()
    assert "blew up" not in outcome.summary()
