"""TensorBoard's event files, written at once: what a checkpoint follows is on the disk before it."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from locomotion.training.metrics import numbers

FORMAT = "brain.Event:2"


class TensorBoard(KVWriter):
    """Event files for `tensorboard --logdir`; on resume, events after `last_step` are purged.

    Torch's SummaryWriter would leave the writing to a thread: up to two minutes of events are lost with the process,
    and what a full disk refuses is raised there.
    """

    def __init__(self, folder: Path, last_step: int = 0):
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads files in the order of their names, and begins with the time of their making: a clock that
        # was put back must not give a name before the others.
        names = (re.search(r"tfevents\.(\d+)", path.name) for path in folder.glob("*tfevents*"))
        former = [int(found[1]) for found in names if found]
        stamp = max([int(time.time()), *(one + 1 for one in former)])
        self._file = (folder / f"events.out.tfevents.{stamp:010d}.locomotion").open("xb")
        self._records = RecordWriter(self._file)
        self._add(Event(wall_time=time.time(), file_version=FORMAT))
        if former:
            start = SessionLog(status=SessionLog.START)
            self._add(Event(wall_time=time.time(), step=last_step + 1, session_log=start))
        self._file.flush()

    def _add(self, event: Event) -> None:
        self._records.write(event.SerializeToString())

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        shown = {
            key: value
            for key, value in numbers(key_values).items()
            if "tensorboard" not in (key_excluded.get(key) or ())
        }
        values = [Summary.Value(tag=key, simple_value=value) for key, value in shown.items()]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of a row that could not be written, which was raised then
            self._file.close()
