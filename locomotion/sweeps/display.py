"""Progress of a running sweep: cells done at each gamma and lambda, and a bar with the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from locomotion.progress import CONSOLE
from locomotion.sweeps.plan import Cell

Place = tuple[float, str, float]  # gamma, baseline, lambda


def place(cell: Cell) -> Place:
    """Return a cell's place in the table."""
    dials = cell.settings.advantage
    return dials.gamma, dials.baseline, dials.gae_lambda


class Display:
    """A live table and bar; where there is no terminal, a line for each cell that ends.

    Args:
        done: cells of the sweep that were done before.
        todo: the other cells.
        console: output; stderr by default.
    """

    def __init__(self, done: Sequence[Cell], todo: Sequence[Cell], console: Console | None = None):
        self.console = console or CONSOLE
        self.total = Counter(map(place, [*done, *todo]))
        self.done = Counter(map(place, done))
        self.failed: Counter[Place] = Counter()
        # The time left is estimated by iterations, because cells differ in length.
        self._left = sum(cell.iterations for cell in todo)
        self._gone = 0
        self._started = time.monotonic()
        self._live = Live(console=self.console, refresh_per_second=2, get_renderable=self.render)

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def note(self, cell: Cell, outcome: str, failed: bool) -> None:
        """Count a cell that has ended; `outcome` says how, in a few words."""
        (self.failed if failed else self.done)[place(cell)] += 1
        self._left -= cell.iterations
        self._gone += cell.iterations
        if failed or not self.console.is_terminal:
            ended = f"{self.done.total() + self.failed.total()} of {self.total.total()} cells"
            self.console.print(f"{ended}  {cell.name}  {outcome}  {self.left()} left", highlight=False, soft_wrap=True)

    def left(self) -> str:
        """Return the estimated time left, at the present speed."""
        if not self._gone:
            return "?"
        seconds = (time.monotonic() - self._started) * self._left / self._gone
        return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"

    def render(self) -> Group:
        """Return the table, a row for each gamma and a column for each lambda, with the bar below."""
        lambdas = sorted({column for _, _, column in self.total})
        table = Table("γ", "baseline", *(f"λ {column:g}" for column in lambdas))
        for gamma, baseline in sorted({(gamma, baseline) for gamma, baseline, _ in self.total}):
            counts = [self._count((gamma, baseline, column)) for column in lambdas]
            table.add_row(f"{gamma:g}", baseline, *counts)
        ended = self.done.total() + self.failed.total()
        line = Table.grid("", "", "", padding=(0, 2))
        line.add_row(
            f"{ended} of {self.total.total()} cells",
            ProgressBar(self.total.total(), ended, width=40),
            f"{self.left()} left",
        )
        return Group(table, line)

    def _count(self, at: Place) -> str:
        if at not in self.total:
            return ""
        failed = f", {self.failed[at]} failed" if self.failed[at] else ""
        return f"{self.done[at]}/{self.total[at]}{failed}"
