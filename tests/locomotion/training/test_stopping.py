"""A training that is stopped, wherever it is, goes on from there and comes to what it would have come to."""

import json

import pytest

from locomotion.command_line import invocation
from locomotion.files import steps_in
from locomotion.policies.stored import find_policy
from locomotion.runs.folder import Run
from locomotion.training import run_callback
from locomotion.training import train as training
from locomotion.training.metrics import read_rows
from locomotion.training.train import train


def left(run):
    """What a run leaves that does not depend on the clock."""
    rows = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in read_rows(run.metrics)]
    policies = [(find_policy(folder) / "policy.safetensors").read_bytes() for folder in (run.folder, run.best)]
    snapshots = [(step, (run.snapshot(step) / "evaluation.json").read_text()) for step in steps_in(run.snapshots)]
    return rows, policies, snapshots, json.loads(run.scores.read_text()) | {"policy": ""}


def stop_in(monkeypatch, name, call, module=training):
    """Have a call of a function stopped, as by Ctrl-C; the first is 0."""
    calls = iter(range(100))
    genuine = getattr(module, name)

    def stopped(*arguments, **options):
        if next(calls) == call:
            raise KeyboardInterrupt
        return genuine(*arguments, **options)

    monkeypatch.setattr(module, name, stopped)


@pytest.fixture
def film(monkeypatch):
    """Videos of one byte: none is drawn here."""

    def record(folder, film):
        video = Run(folder).video(6 * 128)
        video.parent.mkdir(exist_ok=True)
        video.write_bytes(b"!")
        return type("Video", (), {"path": video})

    monkeypatch.setattr(training, "record", record)


def stop_training_in(place, call, settings):
    """Begin a training that is stopped."""
    with pytest.MonkeyPatch.context() as patched:
        stop_in(patched, place, call, run_callback if place == "evaluate" else training)
        train(settings)


@pytest.fixture(scope="module")
def straight():
    """What the training leaves that is not stopped, once it is known."""
    return []


@pytest.mark.parametrize(
    ("place", "call", "told"),
    [
        ("wandb_rows", 0, "stopped at step 0; go on with: "),  # of all that begins before training does
        ("evaluate", 0, "stopped at step 0; go on with: "),
        ("evaluate", 1, "stopped at step 384; go on with: "),
        ("evaluate", 2, "trained for 768 steps, but not yet scored; score the policy with: "),  # the last snapshot's
        ("evaluate_folder", 0, "trained for 768 steps, but not yet scored; score the policy with: "),
        ("record", 0, "trained and scored, but not yet filmed; film the policy with: "),
    ],
)
def test_a_training_goes_on_where_it_was_stopped(small, tmp_path, capsys, film, straight, place, call, told):
    quiet = {"checkpoint_seconds": 1e9, "video_seconds": 1.0}  # no checkpoint that is not needed
    if not straight:
        straight.append(left(train(small(**quiet, out=tmp_path / "straight")).run))
    with pytest.raises(KeyboardInterrupt):
        stop_training_in(place, call, small(**quiet))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == told + invocation("train", "--resume", tmp_path / "run")
    resumed = train(small(**quiet, resume=tmp_path / "run"))
    assert left(resumed.run) == straight[0]
    assert resumed.video.read_bytes() == b"!"


def test_what_has_been_done_is_not_done_again(small, tmp_path, monkeypatch, film):
    with pytest.raises(KeyboardInterrupt):
        stop_training_in("record", 0, small(video_seconds=1.0))
    stop_in(monkeypatch, "evaluate_folder", 0)
    monkeypatch.setattr("agents.policy_gradient.PolicyGradient.learn", None)
    scores = train(small(video_seconds=1.0, resume=tmp_path / "run")).scores
    assert scores.as_json() == json.loads((tmp_path / "run" / "evaluation.json").read_text()) | {
        "return_ci95": scores.return_ci95
    }
