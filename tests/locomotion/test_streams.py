"""Work goes on whether its output is read or not."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CHATTER = """
import sys
from pathlib import Path
from locomotion.launch import run

def main(arguments):
    for stream in (sys.stderr, sys.stdout):
        for number in range(3000):
            print("a line of progress", number, file=stream, flush=True)
    Path("done").write_text("done")

run(main)
"""


def chatter(folder: Path, shell: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-o", "pipefail", "-c", shell, "bash", sys.executable, "-c", CHATTER]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "shell",
    ['"$@" 2>&1 | head -1', '"$@" >&- 2>&-', '"$@" 2>/dev/full | head -1'],
    ids=["the reader leaves", "closed from the start", "the progress has no room"],
)
def test_output_without_a_reader_ends_nothing(tmp_path, shell):
    ended = chatter(tmp_path, shell)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert (tmp_path / "done").exists()


def test_results_for_which_there_is_no_room_are_an_error(tmp_path):
    ended = chatter(tmp_path, '"$@" 2>errors >/dev/full')
    assert ended.returncode == 2
    assert (tmp_path / "errors").read_text().splitlines()[-1] == "error: the output: No space left on device"
    assert "Traceback" not in (tmp_path / "errors").read_text()


def test_a_working_folder_that_has_been_deleted_is_told(tmp_path):
    ended = chatter(tmp_path, 'mkdir gone && cd gone && rmdir ../gone && "$@"')
    assert ended.returncode == 2
    assert ended.stderr == "error: the working folder has been deleted; change to one that exists\n"


WAITING = """
import sys
from locomotion.launch import run

def main(arguments):
    print("at once", file=sys.stderr)
    sys.stdin.read()

run(main)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_line_of_progress_is_there_at_once(unbuffered):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WAITING], env=environment, stdin=pipe, stderr=pipe) as process:
        ready, _, _ = select.select([process.stderr], [], [], 60)
        assert ready
        assert process.stderr.readline() == b"at once\n"
        process.stdin.close()
