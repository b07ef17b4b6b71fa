"""The rows of a sweep: one for each iteration of each cell, in Parquet files that are written atomically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from annotated_types import Interval

from envs.arguments import Share, check_fields
from locomotion.checksums import COPY, read_checked, require_inside
from locomotion.errors import UsageError
from locomotion.files import checked_file, parse_json
from locomotion.sweeps.plan import BaselineName

SCHEMA = pa.schema(
    {
        "env": pa.string(),
        "algo": pa.string(),
        "gamma": pa.float64(),
        "lambda": pa.float64(),
        "baseline": pa.string(),
        "seed": pa.int64(),
        "iteration": pa.int64(),  # from 1; its episodes are played by the policy at its beginning
        "steps": pa.int64(),  # simulated so far, over all robots
        "episodes": pa.int64(),  # ended in this iteration
        "return_mean": pa.float64(),  # of these episodes, undiscounted; null without any
        "discounted_return_mean": pa.float64(),
        "seconds": pa.float64(),  # since the cell began, on one core
        "preset": pa.string(),  # empty: none
        "scale": pa.float64(),  # of the preset
        "settings": pa.string(),  # JSON: everything that decides the outcome
        "versions": pa.string(),  # JSON: of the packages that results depend on
    }
)
NEEDED = ("env", "gamma", "lambda", "baseline", "seed", "iteration", "preset", "scale", "settings", "versions")
# Of what is read again.
Count = Annotated[int, Interval(ge=1, lt=2**63)]
RANGES: dict[str, Any] = {
    "gamma": Share,
    "lambda": Share,
    "baseline": BaselineName,
    "seed": Annotated[int, Interval(ge=0)],
    "scale": Share,
    "return_mean": float,
}
SETTINGS: dict[str, Any] = {"env": str, "algo": str, "steps": Count, "num_envs": Count, "n_steps": Count}
LARGEST, MOST_ROWS = 2**30, 10_000_000  # bytes and rows of a file
ONE_CELL = "delete it, and the sweep trains that cell again"
ORDER = [(name, "ascending") for name in ("gamma", "lambda", "baseline", "seed", "settings", "iteration")]


class RowFiles:
    """The files of rows in a sweep's folder: cells/NAME.parquet for each finished cell, and rows.parquet with all."""

    def __init__(self, folder: Path):
        self.cells = folder / "cells"
        self.all = folder / "rows.parquet"

    def has(self, name: str) -> bool:
        """Return whether the cell of this name is finished."""
        return (self.cells / f"{name}.parquet").exists()

    def add(self, name: str, rows: pa.Table) -> None:
        """Write the rows of a finished cell."""
        self.cells.mkdir(parents=True, exist_ok=True)
        write(rows, self.cells / f"{name}.parquet")

    def done(self) -> list[Path]:
        """Return the files of the finished cells, in order; hidden ones are still being written."""
        require_inside(self.cells, self.cells.parent)
        return sorted(path for path in self.cells.glob("*.parquet") if not path.name.startswith("."))

    def any_settings(self) -> str | None:
        """Return the settings of one of the finished cells, or None where there are none."""
        for path in self.done():
            return read([path], ONE_CELL)["settings"][0].as_py()
        return None

    def gather(self) -> pa.Table:
        """Return all rows, sorted; where there are files of cells, rows.parquet is made from them again.

        Raises:
            UsageError: where there are none.
        """
        paths = self.done()
        if paths:
            write(read(paths, ONE_CELL).sort_by(ORDER), self.all)
        if not self.all.exists():
            raise UsageError(f"{self.all.parent} holds no rows of a sweep: neither cells/*.parquet nor rows.parquet")
        return read([self.all])


def read(paths: Sequence[Path], remedy: str = COPY) -> pa.Table:
    """Read rows.

    Args:
        paths: of the files.
        remedy: in words, for a file that cannot be read.

    Raises:
        UsageError: where a file is damaged or is not a file of rows.
    """
    tables = []
    for path in paths:
        content = read_checked(path, LARGEST, remedy)
        try:
            if pq.read_metadata(pa.BufferReader(content)).num_rows > MOST_ROWS:
                raise ValueError(f"they are more than {MOST_ROWS:,}")
            table = pq.read_table(pa.BufferReader(content), schema=SCHEMA)
            check(table)
        except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(f"{path} holds no rows of a sweep: {reason}; {remedy}") from error
        tables.append(table)
    return pa.concat_tables(tables)


def check(rows: pa.Table) -> None:
    """Check what a report relies on.

    Raises:
        KeyError, TypeError, ValueError: naming what is missing, of another type, or out of its range.
    """
    if not rows.num_rows or any(rows[name].null_count for name in NEEDED):
        raise ValueError("they, or some of their columns, are missing")
    for name, hint in RANGES.items():
        for value in rows[name].drop_null().unique().to_pylist():
            check_fields({name: hint}, {name: value})
    for text in rows["settings"].unique().to_pylist():
        decided_by(text)


def decided_by(text: str) -> dict[str, dict[str, Any]]:
    """Return what decides a cell's outcome, its "settings" and its "task", from a row's `settings`.

    Raises:
        KeyError, TypeError, ValueError: where it names neither, or not what a report relies on.
    """
    decided = parse_json(text)
    check_fields({"": dict[str, dict[str, Any]]}, {"": decided})
    check_fields(SETTINGS, {name: decided["settings"][name] for name in SETTINGS})
    return {"settings": decided["settings"], "task": decided["task"]}


def write(rows: pa.Table, path: Path) -> None:
    """Write rows."""
    with checked_file(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
