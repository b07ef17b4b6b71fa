"""The folder of a run: runs/ENV/ALGO/NAME/{config.json, metrics.csv, checkpoints/, snapshots/, best/, ...}."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from locomotion.checksums import require_inside
from locomotion.command_line import quoted
from locomotion.errors import UsageError, refusals_told
from locomotion.files import RUNS, folder_name, new_folder, steps_in, write_json
from locomotion.locks import lock
from locomotion.runs.settings import Settings
from locomotion.unfinished import PREFIX, remove_remains, unfinished

LOCK = ".lock"


class Run:
    """The files of one training run."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "config.json"
        self.metrics = folder / "metrics.csv"
        self.scores = folder / "evaluation.json"  # of the final policy
        self.checkpoints = folder / "checkpoints"
        self.snapshots = folder / "snapshots"
        self.best = folder / "best"
        self.last_sound = folder / "last-sound"  # policy of a learner that has diverged
        self.videos = folder / "videos"
        self.blow_ups = folder / "blow-ups"

    @classmethod
    def create(cls, settings: Settings) -> Run:
        """Make the folder of a new run and write its config.json.

        Raises:
            UsageError: where the folder is in use, or cannot be made.
        """
        name = f"{datetime.now():%Y%m%d-%H%M%S}-seed{settings.seed}"
        out = settings.run.out
        folder = out or RUNS / folder_name(settings.env) / settings.algo / name
        with refusals_told(folder, lambda: "" if out else "; name another folder by --out"):
            if out is None:
                folder = new_folder(folder)
            run = cls(folder)
            run._require_unused()
            folder.mkdir(parents=True, exist_ok=True)
            with run.locked():
                run._require_unused()  # another process may have been faster
                write_json(run.config, settings.as_json(), alone=True)
        return run

    def _require_unused(self) -> None:
        """Refuse a folder that holds more than what a run leaves that was killed before it wrote its settings."""
        if not self.folder.exists():
            return
        remains = {LOCK, f"{self.config.name}.sha256"}
        if all(path.name in remains or path.name.startswith(PREFIX) for path in self.folder.iterdir()):
            return
        instead = f", or go on with that run by --resume {quoted(self.folder)}" if self.config.exists() else ""
        raise UsageError(f"--out {self.folder} is in use; name a folder that does not exist yet{instead}")

    def _require_own(self) -> None:
        """Refuse a folder of which some part would be written elsewhere, or waits for another process."""
        with refusals_told(self.folder):
            for path in self.folder.iterdir():
                require_inside(path, self.folder)
                if path.name == LOCK and not path.is_file():
                    raise UsageError(f"{path} is not a file")

    def steps(self) -> list[int]:
        """Return the steps at which there are checkpoints, in order."""
        return steps_in(self.checkpoints)

    def checkpoint(self, step: int) -> Path:
        """Return the folder of the checkpoint at a step."""
        return self.checkpoints / f"{step:010d}"

    def snapshot(self, step: int) -> Path:
        """Return the folder of the policy that was evaluated at a step."""
        return self.snapshots / f"{step:010d}"

    def video(self, step: int) -> Path:
        """Return the default file of a video of the policy at a step."""
        return self.videos / f"{step:010d}.mp4"

    def latest(self) -> Path | None:
        """Return the folder of the last checkpoint, or None."""
        steps = self.steps()
        return self.checkpoint(steps[-1]) if steps else None

    def prune(self, keep: int) -> None:
        """Delete all checkpoints but the last `keep`, and the remains of interrupted writes."""
        for step in self.steps()[:-keep]:
            with unfinished(self.checkpoints) as rest:  # so that a checkpoint is there whole, or not at all
                self.checkpoint(step).replace(rest / "checkpoint")
        for parent in (self.folder, self.checkpoints, self.snapshots):
            remove_remains(parent)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run for this process; the lock ends with the process, however it ends.

        Raises:
            UsageError: where another process is training into it, or something in it stands for another place.
        """
        self._require_own()
        with contextlib.ExitStack() as stack:
            with refusals_told(self.folder):
                free = lock(stack.enter_context((self.folder / LOCK).open("w")).fileno(), without_locks=True)
            if not free:
                raise UsageError(f"{self.folder} is in use: another process is training into it")
            yield
