"""Checksums: a damaged file is told apart from a sound one before anything in it is used.

A folder that is written as a unit has SHA256SUMS, which lists all its other files; a file that stands alone has
NAME.sha256 beside it. Both are of the format of `sha256sum`: `sha256sum -c SHA256SUMS` checks them, too.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from locomotion.errors import UsageError

SUMS = "SHA256SUMS"
COPY = "restore it from a copy"
DELETE = "delete it to have it made again"
# Without waiting: a FIFO opens only when another process writes to it. Windows has no such flag, and one of its own.
OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
LARGEST_LIST = 2**20  # bytes of a SHA256SUMS that are read
LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lines(digests: Iterable[str], name: str) -> str:
    """Return the lines of a file's checksums, as `sha256sum` writes them."""
    return "".join(f"{one}  {name}\n" for one in dict.fromkeys(digests))


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS into a folder, over all its other files."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    (folder / SUMS).write_text("".join(lines([digest(folder / name)], name) for name in names))


def listed_names(folder: Path) -> set[str]:
    """Return the names of the files that a folder's SHA256SUMS lists; none without one."""
    sums = folder / SUMS
    if not sums.is_file():
        return set()
    return {name for _, name in LINE.findall(read_regular(sums, LARGEST_LIST).decode("ascii", "replace"))}


def sums_of(path: Path) -> Path | None:
    """Return the file that holds the checksum of a file; None for a file of an earlier version, which has none."""
    for sums in (path.with_name(f"{path.name}.sha256"), path.with_name(SUMS)):
        if sums.exists() or sums.is_symlink():
            return sums
    return None


def listed_digests(path: Path) -> list[str]:
    """Return the checksums that a file may have: none without a list, two while it is being replaced.

    Raises:
        UsageError: where the list is damaged, or does not name the file.
    """
    sums = sums_of(path)
    if sums is None:
        return []
    text = read_regular(sums, LARGEST_LIST).decode("ascii", "replace")
    found = LINE.findall(text)
    if "".join(lines([one], name) for one, name in found) != text:
        raise UsageError(f"{sums} is damaged (it is no list of checksums); {COPY}")
    digests = [one for one, name in found if name == path.name]
    if not digests:
        raise UsageError(f"{sums} is damaged (it does not list {path.name}); {COPY}")
    return digests


def read_checked(path: Path, largest: int | None = None, remedy: str = COPY, tell: bool = True) -> bytes:
    """Return a file's content, which must match its checksum.

    Args:
        path: of the file.
        largest: number of bytes that it may have.
        remedy: in words, for a damaged file.
        tell: whether a warning is given where there is no checksum, once for each folder.

    Raises:
        UsageError: where it is missing, damaged, too large, no regular file, or a link that leads out of its folder.
    """
    content = read_regular(path, largest)
    digests = listed_digests(path)
    if not digests:
        if tell:
            tell_unchecked(path.parent)
    elif hashlib.sha256(content).hexdigest() not in digests:
        raise UsageError(f"{path} is damaged (its content does not match its checksum); {remedy}")
    return content


def read_regular(path: Path, largest: int | None = None) -> bytes:
    """Return the content of a regular file in its own folder, of at most `largest` bytes.

    Raises:
        UsageError: where it is missing, too large, no regular file, or a link that leads out of its folder.
    """
    require_inside(path, path.parent)
    try:
        with open(os.open(path, OPENING), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path} is not a file")
            if largest is not None and status.st_size > largest:
                raise UsageError(f"{path} takes {status.st_size:,} bytes; it may take {largest:,}")
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def require_inside(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of a folder.

    Raises:
        UsageError: naming the link.
    """
    try:
        inside = not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a link to itself
        inside = False
    if not inside:
        raise UsageError(f"{path} is a link that leads out of its folder; put the file itself there")


@functools.cache
def tell_unchecked(folder: Path) -> None:
    """Warn, once, of a folder of an earlier version."""
    print(f"warning: {folder} has no checksums: damage to its files would go unnoticed", file=sys.stderr)
