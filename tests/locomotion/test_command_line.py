"""How a script ends, whatever ends it."""

import signal
import subprocess
import sys

FILM = """
import sys, time
from pathlib import Path
from locomotion.command_line import run
from locomotion.runs import atomic_file

def main(arguments):
    with atomic_file(Path(arguments[0]) / "film.mp4"):
        print("half-written", flush=True)
        time.sleep(60)

run(main)
"""


def test_who_is_told_to_end_leaves_nothing_half_written(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", FILM, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half-written\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
