"""`--help` answers at once: it imports nothing that takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "stable_baselines3", "matplotlib", "wandb", "distributed", "pyarrow", "av"}
HELP = """
import contextlib, importlib, os, sys
main = importlib.import_module("scripts." + sys.argv[1]).main
with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.suppress(SystemExit):
    main([*sys.argv[2:], "--help"])
print(*{name.partition(".")[0] for name in sys.modules})
"""
BENCHMARKS = ("throughput", "training", "workers", "scores", "race", "estimators", "derivatives", "gamma-lambda")


@pytest.mark.parametrize(
    "command",
    [
        *(
            "train",
            "train Go1",
            "evaluate",
            "evaluate Go1",
            "record",
            "record Go1",
            "watch",
            "export",
            "export Go1",
            "import",
            "replay",
            "robots",
            "ship",
        ),
        *("benchmark", *(f"benchmark {name}" for name in BENCHMARKS)),
    ],
    ids=str,
)
def test_help_imports_nothing_heavy(command):
    done = subprocess.run(
        [sys.executable, "-c", HELP, *command.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "tyro" in imported
    assert imported & HEAVY == set()
