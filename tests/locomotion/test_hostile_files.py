"""Files and folders that ask for the impossible, or lead elsewhere: one sentence, and nothing else happens."""

import json
import os
import shutil
from pathlib import Path

import pytest

from locomotion.checksums import write_sums
from locomotion.errors import UsageError
from locomotion.files import LARGEST_JSON, read_json, steps_in
from locomotion.policies.shipped import FOLDER
from locomotion.policies.stored import StoredPolicy
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings, read_config
from locomotion.sweeps.rows import RowFiles
from locomotion.training.metrics import CsvRows
from tests.locomotion.fuzzing import bounded


@pytest.fixture
def policy(tmp_path):
    return Path(shutil.copytree(FOLDER / "CartPole", tmp_path / "policy"))


def changed(policy, *path, value):
    """The folder of a policy whose card has another value, with checksums made anew."""
    card = json.loads((policy / "policy.json").read_text())
    node = card
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    (policy / "policy.json").write_text(json.dumps(card))
    write_sums(policy)
    return policy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("network", "actor"), [10**9, 10**9]),
        (("network", "value"), [10**9]),
        (("network", "actor"), [1] * 100_000),
        (("network", "actor"), [64, "64"]),
        (("network", "actor"), [True, 64]),
        (("network", "actor"), [-64, 64]),
        (("observation_space", "shape"), [10**6, 10**6]),
        (("observation_space", "shape"), [4.0]),
        (("observation_space", "shape"), [-2, -2]),
        (("observation_space",), {"kind": "Discrete", "n": 10**12, "start": 0}),
        (("action_space",), {"kind": "Discrete", "n": 10**30, "start": 0}),
        (("action_space",), {"kind": "Discrete", "n": 1, "start": 10**30}),
        (("action_space", "low"), [[[[0.0] * 100] * 100] * 10]),
        (("action_space", "low"), 5.0),
        (("action_space", "high"), float("nan")),
        (("action_space", "dtype"), "V1000000000"),
        (("action_space", "dtype"), "(1000000000,)f4"),
        (("evaluation", "episodes"), 10**9),
        (("evaluation", "seed"), -1),
        (("evaluation", "return_mean"), 10**400),
        (("seed",), 1.5),
        (("steps",), 10**30),
    ],
)
def test_a_card_that_asks_for_the_impossible_takes_no_memory(policy, path, value):
    with bounded(), pytest.raises(UsageError, match=r"policy.json is damaged \("):
        StoredPolicy.find(changed(policy, *path, value=value)).load()


@pytest.mark.parametrize(
    "header",
    [
        (2**60).to_bytes(8, "little"),
        (8).to_bytes(8, "little") + b"[[[[[[[[",
        *(
            len(text).to_bytes(8, "little") + text
            for text in (
                b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}',
                b'{"a":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]}}',
                b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}0000',
            )
        ),
    ],
)
def test_weights_that_claim_the_impossible_take_no_memory(policy, header):
    (policy / "policy.safetensors").write_bytes(header)
    write_sums(policy)
    with bounded(), pytest.raises(UsageError, match=r"is damaged|it asks for weights"):
        StoredPolicy.find(policy).load()


def test_weights_that_are_not_finite_are_told(policy):
    path = policy / "policy.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")  # the last number of the last tensor: NaN
    write_sums(policy)
    with pytest.raises(UsageError, match="holds a number that is not finite"):
        StoredPolicy.find(policy).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "at most 32 levels"),
        ('{"a": ' * 900 + "1" + "}" * 900, "at most 32 levels"),
        ('{"a": 1, "b": 2, "a": 3}', "it names a twice"),
        ('{"a": ' + "1" * 10_000 + "}", "digits"),
        ("[1]", "no JSON object"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_json_that_is_no_plain_object_is_told(tmp_path, text, message):
    (tmp_path / "file.json").write_text(text)
    with bounded(), pytest.raises(UsageError, match=rf"file.json is damaged \(.*{message}.*\); restore it"):
        read_json(tmp_path / "file.json")


def test_json_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "file.json").open("wb") as file:
        file.truncate(2**40)
    with bounded(), pytest.raises(UsageError, match=rf"takes 1,099,511,627,776 bytes; it may take {LARGEST_JSON:,}"):
        read_json(tmp_path / "file.json")


def test_a_file_without_a_checksum_is_told_once_and_only_where_it_may_lack(policy, capsys):
    changed(policy, "format", value=3)
    for _ in range(2):
        (policy / "SHA256SUMS").unlink(missing_ok=True)
        StoredPolicy.find(policy).load()
    told = capsys.readouterr().err
    assert told == f"warning: {policy} has no checksums: damage to its files would go unnoticed\n"
    changed(policy, "format", value=4)
    (policy / "SHA256SUMS").unlink()
    with pytest.raises(UsageError, match="SHA256SUMS, which was written beside it, is missing"):
        StoredPolicy.find(policy)


def outside(tmp_path, name):
    """A link that leads out of the folder in which it is put, to a sound file or a full folder."""
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    return tmp_path / "elsewhere" / name


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors", "SHA256SUMS"])
def test_a_policys_file_that_is_somewhere_else_is_refused(policy, tmp_path, name):
    (policy / name).rename(outside(tmp_path, name))
    (policy / name).symlink_to(outside(tmp_path, name))
    with pytest.raises(UsageError, match=rf"{name} is a link that leads out of its folder"):
        StoredPolicy.find(policy).load()
    (policy / name).unlink()
    outside(tmp_path, name).rename(policy / "inside")
    (policy / name).symlink_to("inside")  # is taken
    StoredPolicy.find(policy).load()


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors", "SHA256SUMS"])
@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "itself"])
def test_what_is_no_file_is_refused_without_waiting(policy, name, kind):
    path = policy / name
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else name)
    with bounded(), pytest.raises(UsageError):
        StoredPolicy.find(policy).load()


@pytest.fixture
def run(tmp_path):
    run = Run.create(Settings.of("Hopper-v5", out=tmp_path / "run"))
    for name in ("checkpoints", "videos"):
        (run.folder / name).mkdir()
    return run


@pytest.mark.parametrize("name", [".lock", "checkpoints", "videos", "metrics.csv"])
def test_a_run_of_which_a_part_would_be_written_elsewhere_is_refused(run, tmp_path, name):
    target = outside(tmp_path, "mine")
    path = run.folder / name
    if path.is_dir():
        path.rmdir()
        target.mkdir()
        (target / "0000000100").mkdir()
    else:
        path.unlink(missing_ok=True)
        target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(UsageError, match=rf"{name} is a link that leads out of its folder"), run.locked():
        run.prune(1)
    assert target.read_text() == "mine" if target.is_file() else (target / "0000000100").is_dir()
    if name == "checkpoints":
        with pytest.raises(UsageError, match="checkpoints is a link"):
            StoredPolicy.find(run.folder)


def test_a_run_whose_files_are_pipes_is_refused(run):
    for path, use in (
        (run.folder / ".lock", lambda: run.locked().__enter__()),
        (run.metrics, lambda: CsvRows(run.metrics)),
        (run.config, lambda: read_config(run.folder)),
    ):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        with bounded(), pytest.raises(UsageError):
            use()
        path.unlink()


def test_only_folders_that_are_named_as_we_name_them_are_steps(tmp_path):
    for name in ("0000000100", "12345678901", "²", "100", "9" * 200, "-000000001", "\u0660" * 10):
        (tmp_path / name).mkdir()
    (tmp_path / "0000000200").write_text("a file")
    (tmp_path / "0000000300").symlink_to(tmp_path / "0000000100")
    assert steps_in(tmp_path) == [100, 12345678901]


def test_a_sweep_whose_cells_are_somewhere_else_is_refused(tmp_path):
    outside(tmp_path, "cells").mkdir()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "cells").symlink_to(outside(tmp_path, "cells"))
    with pytest.raises(UsageError, match="cells is a link that leads out of its folder"):
        RowFiles(tmp_path / "sweep").gather()
