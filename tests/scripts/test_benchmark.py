"""What the sweep's command line refuses, and how it stops."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from locomotion.errors import UsageError
from scripts.benchmark import main


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--env", "Hopper-v5", "--seeds", "2"], "--seeds"),
        (["--env", "Hopper-v5", "--gammas", "7"], "--gammas"),
        (["--env", "Hopper-v5", "--cluster", "tcp://127.0.0.1:1"], "--cluster"),
        (["--preset", "biped", "--out", "FOLDER"], "--preset"),
        (["--algo", "ppo", "--out", "FOLDER"], "--algo"),
        (["--env", "Go1", "--task.push-speed", "0.3"], "--task.push-speed"),
    ],
)
def test_a_report_heeds_all_that_is_asked_for_or_refuses_it(arguments, option, tmp_path):
    arguments = [str(tmp_path) if word == "FOLDER" else word for word in arguments]
    with pytest.raises(UsageError, match=f"{option} has no effect with --report-only"):
        main(["gamma-lambda", "--report-only", *arguments])


def test_a_sweep_that_is_interrupted_says_what_is_kept(tmp_path):
    sweep = [sys.executable, "scripts/benchmark.py", "gamma-lambda", "--env", "CartPole", "--iterations", "2"]
    one_pair = ["--gammas", "0.9", "--lambdas", "0.9", "--seeds", "500"]
    process = subprocess.Popen(
        [*sweep, *one_pair, "--workers", "1", "--track", "off", "--out", tmp_path / "sweep"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who tests in the background ignores it
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("sweep/cells/[!.]*.parquet")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes at once
        _, told = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in told
    kept = int(re.search(r"^stopped; (\d+) of 500 cells are kept, the same command continues$", told, re.M)[1])
    assert kept == len(list(tmp_path.glob("sweep/cells/[!.]*.parquet"))) > 0
