"""Temporary files and folders beside what they become; the remains of a killed process are removed, and only those."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from locomotion.locks import lock

PREFIX = ".unfinished-"
HOLDS = os.name == "posix"  # whether an open file can be locked and renamed at once


@contextlib.contextmanager
def unfinished(folder: Path, suffix: str | None = None) -> Iterator[Path]:
    """Yield a new temporary folder, or a file of this suffix, and remove it at the end if it is still there.

    What a killed process left in the same folder is removed first.

    Args:
        folder: in which it is made.
        suffix: of a file; None: it is a folder.
    """
    remove_remains(folder)
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder)) if suffix is None else _new_file(folder, suffix)
        with contextlib.ExitStack() as held:
            if not _hold(path, held):
                continue  # another process has just taken it for remains
            try:
                yield path
            finally:
                _remove(path)
            return


def remove_remains(folder: Path) -> None:
    """Remove the temporary files and folders that no process is writing any more; those that cannot be stay."""
    for path in folder.glob(f"{PREFIX}*") if HOLDS else ():
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            if _hold(path, held, without_locks=False):
                _remove(path)


def put_in_place(temporary: Path, path: Path, former: Path) -> None:
    """Give a finished folder its name. Where the system can exchange two names, there is no moment without a folder.

    Args:
        temporary: the finished folder; a folder that had the name before may be there afterwards.
        path: the name.
        former: a folder, into which the one that had the name before is moved where it has to be.
    """
    while True:
        try:
            temporary.replace(path)
            return
        except OSError:  # only an empty folder can be replaced
            if not path.is_dir():
                raise
        if _exchange(temporary, path):
            return
        with contextlib.suppress(FileNotFoundError):  # another process may have been faster
            path.replace(former / path.name)


def _new_file(folder: Path, suffix: str) -> Path:
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=suffix, dir=folder)
    os.close(handle)
    return Path(name)


def _hold(path: Path, held: contextlib.ExitStack, *, without_locks: bool = True) -> bool:
    """Lock a file or folder until the stack is closed; return whether it is there and was not locked."""
    if not HOLDS:
        return True
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    held.callback(os.close, handle)
    return lock(handle, without_locks=without_locks) and path.exists()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; return whether the system can (Linux, on most of its file systems)."""
    if sys.platform != "linux":
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of renameat2(2)
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0
