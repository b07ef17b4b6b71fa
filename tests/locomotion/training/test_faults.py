"""A training meets a fault of its surroundings: what it keeps, what it says, and that it goes on."""

import errno
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from locomotion.errors import UsageError
from locomotion.files import write_json
from locomotion.policies import stored
from locomotion.policies.stored import find_policy
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings
from locomotion.training import run_callback as module
from locomotion.training.train import train


def policy(run: Run) -> bytes:
    return (find_policy(run.folder) / "policy.safetensors").read_bytes()


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(small, tmp_path):
    straight = train(small(out=tmp_path / "straight")).run
    killed = Run(tmp_path / "killed")
    settings = small(out=killed.folder)
    Run.create(settings)
    killed.metrics.write_text("global_step,a\n128,1.0\n256,")
    assert policy(train(settings.changed(resume=killed.folder)).run) == policy(straight)
    assert len(killed.metrics.read_text().splitlines()) == 7


def test_remains_of_a_run_without_settings_are_no_run(small, tmp_path):
    folder = tmp_path / "run"
    (folder / ".unfinished-x").mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / "config.json.sha256").touch()
    Run.create(small(out=folder))
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "config.json", "config.json.sha256"]


def test_a_run_that_another_process_has_just_begun_is_in_use(small, tmp_path, monkeypatch):
    mine, theirs = small(seed=1), small(seed=2)
    before = Run._require_unused

    def faster(run):
        before(run)
        monkeypatch.setattr(Run, "_require_unused", before)
        Run.create(theirs)

    monkeypatch.setattr(Run, "_require_unused", faster)
    with pytest.raises(UsageError, match="is in use"):
        Run.create(mine)
    assert '"seed": 2' in Run(tmp_path / "run").config.read_text()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_what_the_disk_refuses_is_one_sentence_with_the_way_on(small, tmp_path, monkeypatch, code):
    straight = train(small(out=tmp_path / "straight")).run
    run = Run(tmp_path / "a b ü")
    save = module.save_checkpoint

    def refuse(folder: Path, *rest):
        if folder.name == f"{3 * 128:010d}":
            raise OSError(code, "the disk's own words", str(folder / ".unfinished-x"))
        save(folder, *rest)

    monkeypatch.setattr(module, "save_checkpoint", refuse)
    with pytest.raises(UsageError) as told:
        train(small(out=run.folder))
    assert str(told.value).startswith(f"cannot write to {run.folder}: the disk's own words; stopped at step 256; go on")
    assert str(told.value).endswith(f"locomotion train --resume '{run.folder}'")
    monkeypatch.undo()
    assert policy(train(small(out=run.folder, resume=run.folder)).run) == policy(straight)


def test_another_error_of_the_system_keeps_its_traceback(small, monkeypatch):
    def fail(*_):
        raise ConnectionResetError

    monkeypatch.setattr(module, "save_checkpoint", fail)
    with pytest.raises(ConnectionResetError):
        train(small())


def test_a_clock_that_goes_back_or_stands_still_changes_nothing(small, tmp_path, monkeypatch):
    straight = train(small(out=tmp_path / "straight")).run
    moments = iter(range(10**9, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: float(next(moments)))
    monkeypatch.setattr(time, "perf_counter", lambda: 1.0)
    back = train(small(out=tmp_path / "back")).run
    assert policy(back) == policy(straight)


def test_a_policy_is_found_while_the_training_goes_on_and_deletes_its_checkpoint(small, monkeypatch):
    run = train(small(keep_checkpoints=2)).run
    *_, early, late = map(run.checkpoint, run.steps())
    late.rename(run.folder / "late")
    before = stored.read_card

    def read_card(folder: Path):
        if folder == early and early.exists():
            (run.folder / "late").rename(late)
            shutil.rmtree(early)
        return before(folder)

    monkeypatch.setattr(stored, "read_card", read_card)
    found = stored.StoredPolicy.find(run.folder)
    assert found.folder == late
    shutil.rmtree(late)
    assert found.load().deterministic(np.zeros((1, 4))).shape == (1, 1)


def test_a_name_that_wandb_cannot_take_is_told(small, tmp_path):
    with pytest.raises(UsageError, match=r"not UTF-8: rename .*, or --track off"):
        train(small(out=tmp_path / "a\udcff", track="offline"))


def test_names_of_runs_of_the_same_second_differ_and_none_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (Run.create(Settings.of(env="CartPole")) for _ in range(2))
    assert first.folder != second.folder
    write_json(first.scores, {})
    assert not second.scores.exists()


def test_workers_that_can_share_no_memory_are_told(small, monkeypatch):
    def refuse(*_):
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    with pytest.raises(UsageError, match=r"^A3C cannot learn in .*share no memory: .*No space left on device"):
        train(small(algo="a3c", workers=1, n_steps=4, evaluations=0))
