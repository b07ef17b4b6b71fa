"""The rows of a sweep: one for each iteration of each cell, in Parquet files that are written atomically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from locomotion.errors import UsageError
from locomotion.files import checked_file

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
ONE_CELL = "; delete it, and the sweep trains that cell again"
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


def read(paths: Sequence[Path], remedy: str = "") -> pa.Table:
    """Read rows.

    Args:
        paths: of the files.
        remedy: in words, for a file that cannot be read.

    Raises:
        UsageError: where a file is damaged or is not a file of rows.
    """
    tables = []
    for path in paths:
        try:
            table = pq.read_table(path, schema=SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} holds no rows of a sweep: {str(error).splitlines()[0]}{remedy}") from error
        if not table.num_rows or any(table[name].null_count for name in NEEDED):
            raise UsageError(f"{path} holds no rows of a sweep: they, or some of their columns, are missing{remedy}")
        tables.append(table)
    return pa.concat_tables(tables)


def write(rows: pa.Table, path: Path) -> None:
    """Write rows."""
    with checked_file(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
