"""Weights & Biases: offline without an account, online on request; training never waits for it."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from stable_baselines3.common.logger import KVWriter

from locomotion.errors import UsageError
from locomotion.training.metrics import STEP, numbers

PROJECT = "locomotion"
Mode = Literal["offline", "online", "off"]


def new_run_id() -> str:
    """Return an id for a new W&B run."""
    return secrets.token_hex(4)


class WandbRows(KVWriter):
    """Sends every row, and at the end a video, to one W&B run; a resumed run continues the same one.

    W&B's step is the run's: each step is there once, however often a training was stopped and resumed. On disk, the
    rows so far are written anew, and take the place of what earlier processes left; a server gets those it lacks.

    Args:
        folder: the run's folder; W&B writes below it.
        config: what W&B shows as the run's settings.
        mode: "offline" writes to disk alone (`wandb sync` sends it later), "online" to the server. If the server
            cannot be reached, or there is no login, the run is kept offline and training continues.
        name: shown by W&B.
        run_id: of the W&B run, new or to continue (`new_run_id`).
        rows: so far, each with its step.
        group: of runs that belong together, or None.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        mode: Literal["offline", "online"],
        name: str,
        run_id: str,
        rows: Iterable[Mapping[str, float]] = (),
        group: str | None = None,
    ):
        try:
            str(folder).encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"W&B takes no names that are not UTF-8: rename {folder}, or --track off") from error
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb  # it takes a second, which runs with --track off save

        self._wandb = wandb
        for former in folder.glob(f"wandb/offline-run-*-{run_id}"):
            shutil.rmtree(former)  # the rows are those of metrics.csv, and `wandb sync` would send both

        def start(mode: Literal["offline", "online"]) -> Any:
            return wandb.init(
                project=PROJECT,
                dir=str(folder),
                config=config,
                mode=mode,
                name=name,
                id=run_id,
                group=group,
                resume="allow" if mode == "online" else None,
                settings=wandb.Settings(init_timeout=20, console="off", quiet=True),
            )

        try:
            self._run = start(mode)
        except (wandb.errors.Error, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(
                f"W&B is not reachable ({reason}): this run is kept offline; `wandb sync` sends it later",
                file=sys.stderr,
            )
            self._run = start("offline")
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)
        self._first = self._run.step  # the server has all steps below
        for row in rows:
            self._log(dict(row) | {STEP: int(row[STEP])}, int(row[STEP]))

    @property
    def run_id(self) -> str:
        """The W&B run's id, which a checkpoint keeps."""
        return self._run.id

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        self._log(numbers(key_values) | {STEP: step}, step)

    def _log(self, row: dict[str, float], step: int) -> None:
        if step >= self._first:
            self._run.log(row, step=step)

    def log_video(self, path: Path, step: int) -> None:
        """Attach a video file."""
        self._run.log({"video": self._wandb.Video(str(path)), STEP: step}, step=max(step, self._first))

    def log_pictures(self, paths: Sequence[Path]) -> None:
        """Attach image files, each under its name."""
        self._run.log({path.stem: self._wandb.Image(str(path)) for path in paths})

    def summarise(self, scores: dict[str, Any]) -> None:
        """Put the final policy's scores into the run's summary."""
        self._run.summary.update({"final": scores})

    def close(self) -> None:
        self._run.finish()
