"""The sweep's command line: its options, their checks, and the run.

`--help` imports this module, so everything heavy is imported by `run`.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from locomotion.command_line import flag, optional
from locomotion.errors import UsageError
from locomotion.sweeps.plan import Sweep


@dataclass(frozen=True)
class GammaLambda(Sweep):
    """The effect of gamma and lambda (Schulman et al. 2016): every pair of them, several seeds each, with figures.

    --task.NAME VALUE sets a number of the robot's task.
    """

    workers: Annotated[int | None, optional("a process for each core")] = None
    """Processes on this machine, each on one core."""
    cluster: Annotated[str | None, optional("none", "ADDRESS")] = None
    """A running Dask cluster: tcp://HOST:PORT, or its scheduler's file."""
    out: Annotated[Path | None, optional("runs/gamma-lambda/NAME", "FOLDER")] = None
    """Folder for rows and report; finished cells are not repeated (NAME: the preset, or the robot and learner)."""
    report_only: bool = False
    """Train nothing: draw the rows in the folder."""
    track: Literal["offline", "online", "off"] = "offline"
    """Weights & Biases."""

    def __post_init__(self) -> None:
        if not self.report_only:
            return
        names_folder = () if self.out is not None else ("preset", "scale", "env", "algo")
        for field in dataclasses.fields(self):
            if field.name in ("out", "report_only", *names_folder):
                continue
            if getattr(self, field.name) != field.default:
                option = self.task_words[0] if field.name == "task_words" else flag(field.name)
                raise UsageError(f"{option} has no effect with --report-only, which shows what is in the folder")

    def run(self) -> int:
        """Run the sweep, or report on one; return the exit code: 1 where cells have failed."""
        try:
            from locomotion.sweeps.running import default_folder, report, run_sweep
            from locomotion.sweeps.wandb_rows import Tracker
        except ImportError as error:
            raise UsageError(f"{error.name} is not installed: pip install -c constraints.txt -e '.[sweep]'") from error
        cells = self.cells() if self.out is None or not self.report_only else []
        folder = self.out or default_folder(cells[0])
        if self.report_only:
            report(folder)
            return 0
        return int(run_sweep(cells, folder, Tracker(folder, self.track), self.workers, self.cluster) > 0)
