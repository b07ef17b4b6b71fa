import subprocess
import sys
from pathlib import Path

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "ship.py")


def test_what_is_no_run_is_one_sentence_and_exit_code_2(tmp_path):
    result = subprocess.run([sys.executable, SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == f"error: {tmp_path} is not a run: it has no config.json\n"
    assert result.stdout == ""
