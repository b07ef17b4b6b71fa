"""How far a long phase has come, on stderr: a bar with the time left on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

T = TypeVar("T")

CONSOLE = Console(stderr=True)  # of all bars: rich draws those of one console together, and lets others fight
PATIENCE = 5.0  # s until the first line where there is no terminal; each further one comes after twice the time
REFRESH = 0.1  # s between two changes of a bar


def bars(console: Console, *, transient: bool) -> Progress:
    """Return bars with the share done and the time left; `transient` ones vanish at their end."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=transient)


class Phase:
    """A phase that is shown.

    Args:
        what: it is, in a few words.
        total: units of work; the phase may end earlier.
        console: output.
    """

    def __init__(self, what: str, total: float, console: Console):
        self.what = what
        self.total = total
        self.done = 0.0
        self._console = console
        self._bar = bars(console, transient=True) if console.is_terminal else None
        self._started = time.monotonic()
        self._next = self._started + (REFRESH if self._bar else PATIENCE)

    def __enter__(self) -> Phase:
        if self._bar is not None:
            self._task = self._bar.add_task(self.what, total=self.total)
            self._bar.start()
            self._bar.refresh()  # one that is drawn with others waits for them otherwise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, by: float = 1) -> None:
        """Count work that is done; cheap enough for every step of a simulation."""
        self.done += by
        now = time.monotonic()
        if now < self._next:
            return
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
            self._next = now + REFRESH
            return
        seconds = now - self._started
        self._next = now + seconds
        left = seconds * max(0.0, self.total / self.done - 1)
        self._console.print(
            f"{self.what}: {min(self.done / self.total, 1):.0%} done, {left:.0f} s left",
            highlight=False,
            soft_wrap=True,
        )


def phase(what: str, total: float, console: Console | None = None) -> Phase:
    """Return a phase to be shown, for a `with` block; phases may be nested.

    Args:
        what: it is, in a few words.
        total: units of work.
        console: output; stderr by default.
    """
    return Phase(what, total, console or CONSOLE)


def each(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yield items, and show how many are done."""
    with phase(what, total) as shown:
        for item in items:
            yield item
            shown.advance()
