"""A run is a folder: runs/<env>/<algo>/<name>/{config.json, metrics.csv, checkpoints/, snapshots/, best/, videos/}."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from locomotion.errors import UsageError
from locomotion.settings import Settings

RUNS = Path("runs")
UNFINISHED = ".unfinished-"  # how the name of a folder begins that takes another one's place once it is filled


def folder_name(env: str) -> str:
    """Return an environment's id as a folder's name: `Locomotion/CartPole-v0` is `CartPole`."""
    own = env.removeprefix("Locomotion/").removesuffix("-v0")
    return own if env == f"Locomotion/{own}-v0" else env.replace("/", "-").replace(":", "-")


class Run:
    """The files of one training run."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "config.json"
        self.metrics = folder / "metrics.csv"
        self.checkpoints = folder / "checkpoints"
        self.snapshots = folder / "snapshots"
        self.best = folder / "best"
        self.videos = folder / "videos"

    @classmethod
    def create(cls, settings: Settings) -> Run:
        """Make the folder of a new run and write its config.json.

        Raises:
            UsageError: where the folder is in use, or cannot be made.
        """
        name = f"{datetime.now():%Y%m%d-%H%M%S}-seed{settings.seed}"
        folder = settings.out or RUNS / folder_name(settings.env) / settings.algo / name
        try:
            if settings.out is None:
                folder = new_folder(folder)
            elif folder.exists() and any(folder.iterdir()):
                instead = f", or go on with that run by --resume {folder}" if cls(folder).config.exists() else ""
                raise UsageError(f"--out {folder} is in use; name a folder that does not exist yet{instead}")
            folder.mkdir(parents=True, exist_ok=True)
            run = cls(folder)
            write_json(run.config, settings.as_json())
        except OSError as error:
            raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
        return run

    def steps(self) -> list[int]:
        """Return the steps at which there are checkpoints, in order."""
        return steps_in(self.checkpoints)

    def checkpoint(self, step: int) -> Path:
        """Return the folder of the checkpoint at a step."""
        return self.checkpoints / f"{step:010d}"

    def snapshot(self, step: int) -> Path:
        """Return the folder of the policy that was evaluated at a step."""
        return self.snapshots / f"{step:010d}"

    def latest(self) -> Path | None:
        """Return the folder of the last checkpoint, or None."""
        steps = self.steps()
        return self.checkpoint(steps[-1]) if steps else None

    def prune(self, keep: int) -> None:
        """Delete all checkpoints but the last `keep`, and what an interrupted write left behind."""
        for step in self.steps()[:-keep]:
            shutil.rmtree(self.checkpoint(step))
        for parent in (self.folder, self.checkpoints, self.snapshots):
            for left in parent.glob(f"{UNFINISHED}*"):
                shutil.rmtree(left)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the lock falls with the process, however it ends.

        Raises:
            UsageError: where another process is training into it.
        """
        try:
            lock = (self.folder / ".lock").open("w")
        except OSError as error:
            raise UsageError(f"cannot write to {self.folder}: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(f"{self.folder} is in use: another process is training into it") from error
            yield


def new_folder(wanted: Path) -> Path:
    """Make a folder of this name, or of this name and a number where others were quicker."""
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("there are always more numbers")


def make_folder(folder: Path) -> None:
    """Make the folder that files shall go to, before hours are spent on what could not be written there.

    Raises:
        UsageError: where nothing can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error


def steps_in(folder: Path) -> list[int]:
    """Return the steps that the folders in a folder are named after, in order."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []


def write_json(path: Path, value: object) -> None:
    """Write JSON so that the file is there whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: Path, *names: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UsageError: where the file is damaged, or lacks one of the names.
    """
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is damaged ({error}); delete it to have it made again") from error
    if not isinstance(values, dict) or not set(names) <= set(values):
        raise UsageError(f"{path} is damaged (it lacks {' or '.join(names)}); delete it to have it made again")
    return values


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary file next to `path` that takes its place once it is written, and never if that fails."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder next to `path` that takes its place once it is filled, and never if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, former = (Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent)) for _ in range(2))
    try:
        yield temporary
        for file in temporary.iterdir():
            file.chmod(0o644)
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        temporary.chmod(0o755)
        if path.exists():
            path.replace(former)  # an empty folder may be replaced, a full one may not
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
