"""Files and folders: written completely or not at all; a damaged one is named in one sentence."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import envs
from locomotion.checksums import COPY, digest, lines, listed_digests, read_checked, require_inside, write_sums
from locomotion.errors import UsageError
from locomotion.unfinished import put_in_place, unfinished

RUNS = Path("runs")
LARGEST_JSON = 2**24  # bytes of a JSON file that are read
DEEPEST = 32  # levels of lists and objects in one another
STEP = re.compile(r"[0-9]{10}|[1-9][0-9]{10,18}")  # the name of a step's folder
UNFLUSHABLE = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}  # folders, on some file systems and Windows


def folder_name(env: str) -> str:
    """Return an environment's id as a folder's name: `Locomotion/CartPole-v0` is `CartPole`."""
    return envs.short_name(env).replace("/", "-").replace(":", "-")


def new_folder(wanted: Path) -> Path:
    """Make a folder of this name, or of this name and a number if the name is taken."""
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("there are always more numbers")


def make_folder(folder: Path) -> None:
    """Make a folder and check that files can be written to it.

    Raises:
        UsageError: where nothing can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error


def steps_in(folder: Path) -> list[int]:
    """Return the numbers that a folder's sub-folders are named after, in order.

    Raises:
        UsageError: where the folder is a link that leads out of its own.
    """
    if not folder.is_dir():
        return []
    require_inside(folder, folder.parent)
    folders = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(int(path.name) for path in folders if STEP.fullmatch(path.name))


def write_json(path: Path, value: object, *, alone: bool = False) -> None:
    """Write JSON atomically; of a file that stands alone, and not in an `atomic_folder`, with its checksum."""
    with checked_file(path) if alone else atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: Path, *names: str, remedy: str = COPY, tell: bool = True) -> dict[str, Any]:
    """Read a JSON object, whose file must match its checksum.

    Args:
        path: of the file.
        *names: that the object must have.
        remedy: in words, for a damaged file.
        tell: whether a warning is given where there is no checksum.

    Raises:
        UsageError: where the file is missing or damaged, or the object lacks one of the names.
    """
    content = read_checked(path, LARGEST_JSON, remedy, tell)
    try:
        values = parse_json(content.decode())
    except ValueError as error:
        raise UsageError(f"{path} is damaged ({error}); {remedy}") from error
    if not isinstance(values, dict) or not set(names) <= set(values):
        lacking = f"it lacks {' or '.join(names)}" if names else "it is no JSON object"
        raise UsageError(f"{path} is damaged ({lacking}); {remedy}")
    return values


def parse_json(text: str) -> Any:
    """Return the value of a JSON text from a file that anybody may have written.

    Raises:
        ValueError: where it is none, an object names something twice, or it is nested deeply.
    """
    try:
        values = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        values = None
    level, depth = [values], 0
    while level and depth <= DEEPEST:
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level, depth = list(chain.from_iterable(inner)), depth + 1
    if level or values is None:
        raise ValueError(f"it is no JSON value of at most {DEEPEST} levels")
    return values


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's values by their names, of which JSON's parser would let the last of two equal ones win."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {max(names, key=names.count)} twice")
    return values


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that replaces it when the block succeeds, and is removed otherwise."""
    with unfinished(path.parent, path.suffix) as temporary:
        yield temporary
        temporary.chmod(0o644)
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)


@contextlib.contextmanager
def checked_file(path: Path) -> Iterator[Path]:
    """As `atomic_file`, for a file that stands alone: its checksum is written beside it.

    Before the file appears its checksum is there, beside that of the file which it replaces: whenever the process is
    killed, the file that is left matches one of them.
    """
    with atomic_file(path) as temporary:
        yield temporary
        former = _former_digests(path)
        _write_sum(path, *former, digest(temporary))
    if former:
        _write_sum(path, digest(path))


def remove_checked(path: Path) -> None:
    """Remove a `checked_file`, if it is there, with its checksum."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)


def _former_digests(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        return listed_digests(path) or [digest(path)]
    except UsageError:  # the list is damaged, and is replaced
        return []


def _write_sum(path: Path, *digests: str) -> None:
    with atomic_file(path.with_name(f"{path.name}.sha256")) as temporary:
        temporary.write_text(lines(digests, path.name))


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that replaces it when the block succeeds, and is removed otherwise.

    It is for files alone, and gets their SHA256SUMS.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path.parent) as temporary, unfinished(path.parent) as former:
        yield temporary
        write_sums(temporary)
        for file in temporary.iterdir():
            file.chmod(0o644)
            flush(file)
        temporary.chmod(0o755)
        flush(temporary)
        try:
            put_in_place(temporary, path, former)
        finally:
            if not path.exists() and (former / path.name).exists():  # stopped between two renames
                (former / path.name).replace(path)
        flush(path.parent)


def flush(path: Path) -> None:
    """Have the disk keep a file's content, or a folder's names, before anything that follows."""
    with contextlib.ExitStack() as stack:
        try:
            handle = os.open(path, os.O_RDONLY)
            stack.callback(os.close, handle)
            os.fsync(handle)
        except OSError as error:
            if error.errno not in UNFLUSHABLE:
                raise
