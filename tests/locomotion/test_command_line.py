"""What `--help` says, and how a script ends, whatever ends it."""

import signal
import subprocess
import sys

import pytest

from scripts import benchmark, train

FILM = """
import sys, time
from pathlib import Path
from locomotion.command_line import run
from locomotion.files import atomic_file

def main(arguments):
    with atomic_file(Path(arguments[0]) / "film.mp4"):
        print("half-written", flush=True)
        time.sleep(60)

run(main)
"""


def helped(main, arguments, capsys) -> str:
    """Return what `--help` prints, without the frame's lines."""
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("robot", "shown"),
    [
        ("Swimmer-v5", "None: unbounded. (default: 1.5)"),
        ("Hopper-v5", "None: no bound. (default: None)"),
        ("StandUp", "None: no bound. (default: 0.1)"),
    ],
)
def test_help_shows_a_robots_own_recipe(robot, shown, capsys):
    text = helped(train.main, [robot], capsys)
    assert shown in text
    assert "Threads of the physics. (default: all cores)" in text


def test_help_has_one_default_for_each_option(capsys):
    text = helped(benchmark.main, ["scores"], capsys)
    assert "(default: the recipe's)" in text
    assert "(default: none)" in text
    assert "None)" not in text


def test_who_is_told_to_end_leaves_nothing_half_written(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", FILM, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half-written\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
