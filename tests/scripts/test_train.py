import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locomotion.policies.stored import find_policy
from locomotion.runs.folder import Run

ROOT = Path(__file__).parents[2]
FEW = {"num-envs": 4, "n-steps": 64, "evaluations": 2, "evaluation-episodes": 2, "final-episodes": 2}
QUIET = {"video-seconds": 0, "track": "off", "threads": 1, "checkpoint-seconds": 1e-9, "keep-checkpoints": 2}
SMALL = ["CartPole", *(word for name, value in (FEW | QUIET).items() for word in (f"--{name}", value))]
ITERATION = 4 * 64


def command(*arguments):
    return [sys.executable, str(ROOT / "scripts" / "train.py"), *map(str, arguments)]


def run(*arguments, **kwargs):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, check=False, **kwargs)


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in csv.DictReader(file)]


def wait_for_rows(folder, count, process):
    """Wait until a running training has written `count` rows."""
    metrics = folder / "metrics.csv"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") <= count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    settings = [*SMALL, "--steps", 20 * ITERATION]
    assert run(*settings, "--out", straight).returncode == 0
    process = subprocess.Popen(command(*settings, "--out", killed), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for_rows(killed, 10, process)
    process.kill()
    process.wait()
    assert Run(killed).steps()[-1] < 20 * ITERATION  # killed in the middle
    resumed = run("--resume", killed)
    assert resumed.returncode == 0, resumed.stderr
    one, other = (find_policy(folder) / "policy.safetensors" for folder in (straight, killed))
    assert one.read_bytes() == other.read_bytes()
    assert rows(straight) == rows(killed)
    assert len(rows(killed)) == 20


def test_an_interrupt_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    process = subprocess.Popen(
        command(*SMALL, "--steps", 10**6, "--out", tmp_path / "run"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(tmp_path / "run", 3, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    step = Run(tmp_path / "run").steps()[-1]
    kept = f"stopped at step {step:,}; go on with: python {ROOT}/scripts/train.py --resume {tmp_path / 'run'}"
    assert errors.splitlines()[-1] == kept
    assert "Traceback" not in errors
    folder = Run(tmp_path / "run")
    assert len(rows(folder.folder)) * ITERATION == folder.steps()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Hoper-v5"], "did you mean Hopper-v5"),
        (["CartPole", "--gamma", "1.5"], "--gamma must lie in [0, 1], got 1.5"),
        (["CartPole", "--num-envs", "0"], "--num-envs must lie in [1, 100000], got 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(tmp_path, arguments, sentence):
    result = run(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def asynchronous(folder):
    settings = {"algo": "a3c", "workers": 1, "num-envs": 4, "n-steps": 4, "final-episodes": 2, "evaluations": 0}
    words = [word for name, value in (settings | QUIET).items() for word in (f"--{name}", value)]
    return subprocess.Popen(
        command("CartPole", *words, "--steps", 10**7, "--out", folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_an_interrupt_ends_all_processes_and_the_run_can_go_on(tmp_path):
    process = asynchronous(tmp_path / "run")
    wait_for_rows(tmp_path / "run", 2, process)
    os.killpg(process.pid, signal.SIGINT)  # all of them, as a terminal does
    _, errors = process.communicate(timeout=60)  # until the last process has let go of the pipes
    assert process.returncode == 130
    assert "Traceback" not in errors
    step = Run(tmp_path / "run").steps()[-1]
    assert f"stopped at step {step:,};" in errors
    resumed = run("--resume", tmp_path / "run", "--steps", step + 64)
    assert resumed.returncode == 0, resumed.stderr
    before, after = rows(tmp_path / "run")[-2:]
    assert int(before["global_step"]) == step
    assert float(after["train/n_updates"]) == float(before["train/n_updates"]) + 4


def test_workers_do_not_outlive_a_learner_that_was_killed(tmp_path):
    process = asynchronous(tmp_path / "run")
    wait_for_rows(tmp_path / "run", 1, process)
    process.kill()
    process.communicate(timeout=60)  # until the last process has let go of the pipes
