"""What `--help` says, and how a script ends, whatever ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from locomotion.command_line import in_full, invocation, loading, quoted
from locomotion.commands import VERBS
from locomotion.errors import UsageError
from locomotion.streams import on_one_line
from scripts import benchmark, train

FILM = """
import sys, time
from pathlib import Path
from locomotion.launch import run
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


@pytest.mark.parametrize(
    ("folder", "typed", "printed"),
    [
        (".", "a clone/scripts/train.py", "python 'a clone/scripts/replay.py' x"),
        ("a clone", "./scripts/train.py", "python scripts/replay.py x"),
        ("a clone/scripts", "train.py", "python replay.py x"),
        ("elsewhere", "../a clone/scripts/train.py", "python '../a clone/scripts/replay.py' x"),
        ("a clone", "locomotion train", "locomotion replay x"),  # as `python -m locomotion` sets it, too
        ("a clone", "mine/train.py", "locomotion replay x"),
        ("elsewhere", "scripts/train.py", "locomotion replay x"),  # not ours
        ("a clone", "", "locomotion replay x"),
    ],
)
def test_a_printed_command_works_in_the_working_folder(folder, typed, printed, tmp_path, monkeypatch):
    for place in ("a clone/scripts", "a clone/mine", "elsewhere/scripts"):
        (tmp_path / place).mkdir(parents=True)
    for verb in ("train", "replay"):
        (tmp_path / "a clone" / "scripts" / f"{verb}.py").touch()
    (tmp_path / "a clone" / "mine" / "replay.py").touch()
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setattr(sys, "argv", [typed])
    assert invocation("replay", "x") == printed


@pytest.mark.parametrize(
    "name", ["a b ü", "it's", 'a"$HOME`', "-x", "two\nlines", "\x1b[31m", "🦿", "tab\t'\\", "a\udcff"]
)
def test_a_printed_path_is_one_line_that_a_shell_reads_back(name, tmp_path):
    printed = quoted(Path(name))
    assert "\n" not in printed
    script = tmp_path / "read.sh"
    script.write_text(f"printf '%s' {printed}\n")
    read = os.fsdecode(subprocess.run(["bash", script], capture_output=True, check=True).stdout)
    assert read in (name, f"./{name}")
    assert not read.startswith("-")


def test_files_to_load_are_options():
    assert loading([Path("my robots.py"), "b.py"]) == "--load 'my robots.py' --load b.py"


def test_home_folders_are_written_in_full(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    words = ["CartPole", "--out", "~/x", "--load=~/my.py", "~", "a~", "--task.name=~/b=c"]
    assert in_full(words) == [
        *["CartPole", "--out", "/home/me/x", "--load=/home/me/my.py"],
        "/home/me",
        "a~",
        words[-1],
    ]
    with pytest.raises(UsageError, match=r"there is no home folder ~nobody-here; \./~nobody-here/x is a file"):
        in_full(["--out", "~nobody-here/x"])


def test_every_verb_takes_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for verb, words in (
        ("train", ["--resume", "~/none"]),
        ("ship", ["~/none"]),
        ("evaluate", ["~/none"]),
        ("record", ["--progress", "~/none"]),
        ("benchmark", ["gamma-lambda", "--report-only", "--out", "~/none"]),
        ("robots", ["--load", "~/none"]),
    ):
        with pytest.raises(UsageError, match=f"{tmp_path}/none"):
            VERBS[verb](words)


def test_a_sentence_stays_on_one_line():
    assert on_one_line("a\nb \x1b[31m ü \udcff") == "a\\nb \\x1b[31m ü \\udcff"
