import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PREPARING = """
import sys
from multiprocessing.forkserver import _forkserver
from locomotion.runs.settings import Settings
from locomotion.training.place import prepare

started = []
for count in (1, 2):
    prepare(Settings.of("Hopper-v5", processes=count))
    started.append(_forkserver._forkserver_pid is not None)
print(*started, "torch" in sys.modules)
"""


def test_others_begin_to_import_before_this_process_imports_torch_if_there_will_be_any():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PREPARING], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "True", "False"]
