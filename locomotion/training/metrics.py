"""Writers of a run's metrics: one row for each iteration, to the terminal and to metrics.csv."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from stable_baselines3.common.logger import KVWriter

from agents.iteration_log import seconds_since
from locomotion.checksums import read_regular
from locomotion.errors import UsageError
from locomotion.files import atomic_file
from locomotion.progress import CONSOLE, bars

STEP = "global_step"
STEPS = re.compile("[0-9]{1,18}")


def numbers(key_values: dict[str, Any]) -> dict[str, float]:
    """Return the scalars of a row."""
    return {key: float(value) for key, value in key_values.items() if not isinstance(value, str)}


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv.

    Raises:
        UsageError: where it is damaged.
    """
    columns, rows = read_table(path)
    return [{name: float(value) for name, value in zip(columns, row, strict=True) if value} for row in rows]


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of a metrics.csv, but for a last row that a kill has cut short.

    Raises:
        UsageError: where it is damaged.
    """
    try:
        columns, *rows = csv.reader(io.StringIO(read_regular(path).decode(), newline=""), strict=True)
        if STEP not in columns or len(set(columns)) < len(columns):
            raise ValueError(f"its first line does not name columns, of which one is {STEP}")
        if rows and len(rows[-1]) < len(columns):
            rows.pop()
        for number, row in enumerate(rows, start=2):
            if len(row) != len(columns) or not STEPS.fullmatch(row[columns.index(STEP)]):
                raise ValueError(f"row {number} has not a number for each column")
            _ = [float(value) for value in row if value]
    except (ValueError, csv.Error) as error:
        remedy = "move it away, and training goes on with a new one"
        raise UsageError(f"{path} is damaged ({error}); {remedy}") from error
    return columns, rows


class CsvRows(KVWriter):
    """metrics.csv: one row for each iteration; a column that appears later is empty in the rows before it.

    Args:
        path: the file; rows already in it up to `last_step` stay, later ones are dropped.
        last_step: step at which training resumes; 0 for a new run.
    """

    def __init__(self, path: Path, last_step: int = 0):
        self.path = path
        self.columns = [STEP]
        rows: list[dict[str, str]] = []
        if path.exists():
            self.columns, table = read_table(path)
            rows = [dict(zip(self.columns, row, strict=True)) for row in table]
        self._rewrite([row for row in rows if int(row[STEP]) <= last_step])

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        row = {STEP: str(step)} | {key: repr(value) for key, value in numbers(key_values).items()}
        new = [key for key in row if key not in self.columns]
        if new:
            self._file.close()
            with self.path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            self.columns += new
            self._rewrite(rows)
        csv.DictWriter(self._file, self.columns).writerow(row)
        self._file.flush()

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        with atomic_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)
        self._file = self.path.open("a", newline="")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of a row that could not be written, which was raised then
            self._file.close()


class Terminal(KVWriter):
    """A live bar with return, speed and time left; a plain line for each iteration where there is no terminal."""

    def __init__(self, total_steps: int, first_step: int = 0, console: Console | None = None):
        self.total = total_steps
        self.console = console or CONSOLE
        self._started = time.perf_counter()
        self._first_step = first_step
        self._bar: Progress | None = None
        if self.console.is_terminal:
            self._bar = bars(self.console, transient=False)
            self._task = self._bar.add_task("starting", total=total_steps, completed=first_step)
            self._bar.start()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        row = numbers(key_values)
        speed = (step - self._first_step) / seconds_since(self._started)
        episode_return = row.get("rollout/ep_rew_mean")
        score = "no episode yet" if episode_return is None else f"return {episode_return:8.1f}"
        text = f"{score}  {speed:7,.0f} steps/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=text)
            return
        left = (self.total - step) / speed
        # Not every update rule logs a KL divergence, and an iteration without samples has no explained variance.
        shown = {"train/kl": "KL {:.4f}", "train/explained_variance": "explained variance {:5.2f}"}
        figures = "".join(f"  {form.format(row[name])}" for name, form in shown.items() if name in row)
        self.console.print(
            f"{step:>10,} of {self.total:,} steps  {text}{figures}  {max(left, 0):4.0f} s left",
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
