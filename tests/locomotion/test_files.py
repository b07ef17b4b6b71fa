"""Files and folders are written whole, kept by the disk, and with checksums that `sha256sum` agrees with."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from locomotion import files
from locomotion.checksums import SUMS, read_checked
from locomotion.errors import UsageError
from locomotion.files import atomic_folder, checked_file, write_json

SHA256SUM = shutil.which("sha256sum")


def write_folder(folder, **contents):
    with atomic_folder(folder) as temporary:
        for name, content in contents.items():
            (temporary / name).write_text(content)


def agrees(sums: Path) -> bool:
    command = [SHA256SUM, "--strict", "-c", sums.name]
    return subprocess.run(command, cwd=sums.parent, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(SHA256SUM is None, reason="no sha256sum on this machine")
def test_sha256sum_checks_what_is_written(tmp_path):
    write_folder(tmp_path / "folder", a="one", b="two")
    assert agrees(tmp_path / "folder" / SUMS)
    assert len((tmp_path / "folder" / SUMS).read_text().splitlines()) == 2
    for content in ("first", "second"):
        write_json(tmp_path / "config.json", content, alone=True)
        assert agrees(tmp_path / "config.json.sha256")
        assert len((tmp_path / "config.json.sha256").read_text().splitlines()) == 1
    (tmp_path / "folder" / "b").write_text("twe")
    assert not agrees(tmp_path / "folder" / SUMS)


@pytest.mark.parametrize("killed_at", range(1, 4))
def test_a_kill_between_a_file_and_its_checksum_leaves_a_sound_file(tmp_path, monkeypatch, killed_at):
    """Whatever step of its writing is the last one: the old checksum and the new, the file, the new checksum alone."""
    path = tmp_path / "config.json"
    write_json(path, "old", alone=True)
    replaced = []

    def replace(source, target, replace=os.replace):
        if len(replaced) == killed_at:
            raise InterruptedError
        replaced.append(target)
        replace(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    try:
        write_json(path, "new", alone=True)
    except InterruptedError:
        assert killed_at < 3
    assert [target.name for target in replaced] == ["config.json.sha256", "config.json", "config.json.sha256"][
        :killed_at
    ]
    assert read_checked(path) == (b'"old"\n' if killed_at == 1 else b'"new"\n')


def test_a_damaged_list_of_checksums_does_not_keep_its_file_from_being_replaced(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("old")
    (tmp_path / "config.json.sha256").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is no list of checksums"):
        read_checked(path)
    with checked_file(path) as temporary:
        temporary.write_text("new")
    assert read_checked(path) == b"new"


def test_the_disk_keeps_a_file_before_its_name_and_the_name_before_what_follows(tmp_path, monkeypatch):
    """The order of fsync and rename, by what is behind the descriptors."""
    done = []
    monkeypatch.setattr(
        files.os, "fsync", lambda handle: done.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
    )

    def replace(source, target, replace=os.replace):
        done.append(("rename", Path(target).name))
        replace(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_folder(tmp_path / "here" / "folder", a="one")
    (*contents, folder, renamed, parent) = done
    assert {name for what, name in contents if what == "fsync"} == {"a", SUMS}
    assert folder[1].startswith(".unfinished-")
    assert (renamed, parent) == (("rename", "folder"), ("fsync", "here"))
    done.clear()
    write_json(tmp_path / "state.json", 1)
    ((first, temporary), *rest) = done
    assert (first, temporary.endswith(".json")) == ("fsync", True)
    assert rest == [("rename", "state.json"), ("fsync", tmp_path.name)]


def test_a_file_system_that_cannot_flush_folders_is_taken_as_it_is(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(files.errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(files.os, "fsync", refuse)
    write_folder(tmp_path / "folder", a="one")
    assert read_checked(tmp_path / "folder" / "a") == b"one"
