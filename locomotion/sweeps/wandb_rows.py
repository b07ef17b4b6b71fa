"""A sweep in Weights & Biases: a run for each cell, all in one group, and one with the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from locomotion.sweeps.plan import Cell
from locomotion.training.wandb_rows import Mode, WandbRows, new_run_id

LOGGED = ("iteration", "episodes", "return_mean", "discounted_return_mean", "seconds")


class Tracker:
    """Logs a sweep to W&B; mode "off" does nothing.

    Args:
        folder: the sweep's; its name is the group's.
        mode: as WandbRows takes it, or "off".
    """

    def __init__(self, folder: Path, mode: Mode):
        self.folder = folder
        self.mode = mode

    def cell(self, cell: Cell, rows: pa.Table) -> None:
        """Send the rows of a cell."""
        if self.mode == "off":
            return
        run = self._run(cell.name, json.loads(cell.as_json()))
        for row in rows.to_pylist():
            run.write({name: row[name] for name in LOGGED if row[name] is not None}, {}, row["steps"])
        run.close()

    def figures(self) -> None:
        """Send the pictures in the folder."""
        if self.mode == "off":
            return
        run = self._run(f"{self.folder.name} figures", {})
        run.log_pictures(sorted(self.folder.glob("*.png")))
        run.close()

    def _run(self, name: str, config: dict[str, Any]) -> WandbRows:
        assert self.mode != "off"
        return WandbRows(self.folder, config, self.mode, name, new_run_id(), group=self.folder.name)
