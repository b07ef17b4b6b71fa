"""Temporary files: of a killed process they are removed, of a living one never."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from locomotion import unfinished as module
from locomotion.files import atomic_file, atomic_folder, write_json
from locomotion.unfinished import put_in_place, remove_remains

ROOT = Path(__file__).parents[2]

WRITER = """
import sys, time
from pathlib import Path
from locomotion.files import atomic_file, atomic_folder

with atomic_file(Path("film.mp4")) as film, atomic_folder(Path("best")) as best:
    film.write_text("half")
    (best / "policy").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_remains_are_removed_once_no_process_writes_them(tmp_path):
    words = [sys.executable, "-c", WRITER]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writer = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "writing\n"
    written = sorted(tmp_path.iterdir())
    assert len(written) == 3  # a file, a folder, and a place for the folder that it replaces
    remove_remains(tmp_path)
    write_json(tmp_path / "other.json", {})
    assert sorted(tmp_path.iterdir()) == sorted([*written, tmp_path / "other.json"])
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    write_json(tmp_path / "other.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_there_at_every_moment_or_put_back(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(module, "_exchange", lambda *paths: False)
    place = tmp_path / "best"
    for content in ("old", "new"):
        with atomic_folder(place) as folder:
            (folder / content).write_text(content)
    assert sorted(path.name for path in place.iterdir()) == ["SHA256SUMS", "new"]
    assert list(tmp_path.iterdir()) == [place]


def test_the_former_folder_is_put_back_where_the_new_one_cannot_be(tmp_path, monkeypatch):
    place = tmp_path / "best"
    with atomic_folder(place) as folder:
        (folder / "old").write_text("old")

    def broken(temporary, path, former):
        path.replace(former / path.name)
        raise KeyboardInterrupt

    monkeypatch.setattr("locomotion.files.put_in_place", broken)
    with pytest.raises(KeyboardInterrupt), atomic_folder(place) as folder:
        (folder / "new").write_text("new")
    assert (place / "old").read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_two_processes_that_write_one_folder_are_both_right(tmp_path):
    place = tmp_path / "best"
    with atomic_folder(place) as first:
        (first / "file").write_text("first")
        with atomic_folder(place) as second:
            (second / "file").write_text("second")
        assert (place / "file").read_text() == "second"
    assert (place / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [place]


def test_what_cannot_be_written_is_raised(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "none" / "file"):
        pass
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "none", tmp_path / "best", tmp_path)
