"""The figure of a race: scores against seconds of wall clock."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from locomotion.benchmarks.contender import EPISODES
from locomotion.benchmarks.curves import median_curve
from locomotion.benchmarks.race import FOLDER, Race
from locomotion.files import atomic_file

COLOURS = ("tab:red", "tab:blue", "tab:green")  # ours first


def drawn(races: Iterable[Race], folder: Path = FOLDER) -> Iterator[Race]:
    """Yield races, each after its figure is in the robot's folder."""
    for race in races:
        path = folder / race.robot / "race.png"
        with atomic_file(path) as temporary:
            draw(race).savefig(temporary, dpi=150)
        print(f"figure: {path}", file=sys.stderr)
        yield race


def draw(race: Race) -> Figure:
    """Return the figure: each seed's scores as a thin line, their medians as a thick one, and goals dotted."""
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.subplots()
    for (name, curves), colour in zip(race.curves.items(), COLOURS, strict=False):
        for curve in curves if len(curves) > 1 else ():
            axes.plot(*median_curve([curve]), color=colour, lw=0.8, alpha=0.4)
        seconds, returns = median_curve(curves)
        axes.plot(seconds, returns, color=colour, lw=2.2, label=name)
        axes.plot(seconds[-1], returns[-1], "o", color=colour, ms=6)
    for goal in race.goals:
        if "return" in goal.least:
            axes.axhline(goal.least["return"], color="0.5", lw=1, ls=":", zorder=0)
    seeds = len(race.ours)
    whose = "1 seed" if seeds == 1 else f"medians of {seeds} seeds"
    axes.set_title(f"{race.robot}: {race.steps:,} steps, {whose}", fontsize=11)
    axes.set(xscale="log", xlabel="seconds from the command, scoring not counted")
    axes.set_ylabel(f"mean return of {EPISODES} held-out episodes")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="upper left", fontsize=9)
    return figure
