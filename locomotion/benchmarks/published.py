"""What others have published of the same robots, beside what we measured, and what is different about it."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from locomotion.benchmarks.scores import Row
from locomotion.tables import lines_of

DATA = Path(__file__).with_name("published_scores.toml")
VERSION = 5  # of Gymnasium's robots, as we train them
SAME_TASK = "same task"

# What was scored, as a reader of the table is told.
METRICS = {
    "final": "final policy",
    "best": "training's best",
    "training": "training's episodes",
    "unstated": "not stated",
}


@dataclass(frozen=True)
class Study:
    """Where figures come from, and how they were made."""

    name: str
    source: str
    metric: str  # a key of METRICS
    protocol: str
    seeds: int | None = None  # None: not stated
    spread: str | None = None  # what the spread of its figures is; None: there is none
    physics: str | None = None  # version of MuJoCo


@dataclass(frozen=True)
class Figure:
    """One published return."""

    study: Study
    robot: str  # without its version
    version: int | None  # None: not stated
    learner: str
    steps: int | None  # None: not stated
    score: float
    spread: tuple[float, ...]  # plus or minus, or the two ends of an interval, or nothing

    def task(self, changes: Collection[str]) -> str:
        """Return the robot's version, and whether its task is ours, given the robots whose task has changed."""
        if self.version is None:
            return "not stated"
        if self.version == VERSION:
            return str(VERSION)
        same = self.version >= 2 and self.robot not in changes
        return f"{self.version}, {SAME_TASK if same else 'another task'}"

    def like(self, learner: str, steps: int, changes: Collection[str]) -> bool:
        """Return whether it is of the same learner, task, measure and number of steps as ours."""
        same_task = self.task(changes).endswith((str(VERSION), SAME_TASK))
        same_learner = self.learner.lower() == learner.lower()
        return same_learner and same_task and self.steps == steps and self.study.metric == "final"

    def written(self, digits: int) -> str:
        """Return the score and its spread as text, with so many decimals."""
        score, *spread = (f"{number:.{digits}f}" for number in (self.score, *self.spread))
        return score + (f" [{', '.join(spread)}]" if len(spread) == 2 else "".join(f" +- {one}" for one in spread))


def read_figures() -> tuple[list[Figure], dict[str, str]]:
    """Return all figures, and by robot what has changed in its task until version 5."""
    data = tomllib.loads(DATA.read_text())
    figures = []
    for entry in data["study"]:
        study = Study(**{name: value for name, value in entry.items() if name != "scores"})
        figures += [_figure(study, *row) for row in entry["scores"]]
    return figures, data["changes"]


def _figure(study: Study, env: str, learner: str, steps: int, score: float, *spread: float) -> Figure:
    robot, _, version = env.partition("-v")
    return Figure(study, robot, int(version) if version else None, learner, steps or None, score, spread)


def chosen(figures: Sequence[Figure], learner: str, steps: int) -> list[Figure]:
    """Return what stands beside ours of a robot's figures, the highest first.

    All of our learner, and of each other one the highest, after as many steps or where the source states none.
    """
    found: list[Figure] = []
    for figure in sorted(figures, key=lambda figure: figure.score, reverse=True):
        ours = figure.learner.lower() == learner.lower()
        if figure.steps in (steps, None) and (ours or figure.learner not in [other.learner for other in found]):
            found.append(figure)
    return found


def table(rows: Sequence[Row]) -> str:
    """Return as a Markdown table what was published of our rows' robots; empty where nothing was.

    A difference is told only to a figure of the same learner, task, measure and number of steps.
    """
    figures, changes = read_figures()
    lines: list[tuple[object, ...]] = []
    studies: dict[str, Study] = {}
    robots: dict[str, int] = {}  # -> how many figures are not shown
    for row in rows:
        known = [figure for figure in figures if row.env == f"{figure.robot}-v{VERSION}"]
        if not known:
            continue
        these = chosen(known, row.learner, row.steps)
        robots[known[0].robot] = len(known) - len(these)
        lines.append((row.env, VERSION, row.learner, "ours", row.spread, len(row.returns), METRICS["final"], ""))
        for figure in these:
            study = studies.setdefault(figure.study.name, figure.study)
            measure = METRICS[study.metric] + ("" if figure.steps else ", steps not stated")
            about = (
                figure.task(changes),
                figure.learner,
                study.name,
                figure.written(row.digits),
                study.seeds or "?",
                measure,
            )
            difference = row.mean - figure.score
            alike = figure.like(row.learner, row.steps, changes)
            lines.append((row.env, *about, f"{difference:+.{row.digits}f}" if alike else ""))
    if not lines:
        return ""
    head = ("robot", "version", "learner", "whose", "return", "seeds", "scored", "ours less theirs")
    rule = ("---", "---", "---", "---", "---", "---:", "---", "---:")
    about_them = [
        "A difference is told only to the same learner's score, in the same task, by the same measure, after as many"
        " steps.",
        "It is no contest: all of these ran on other versions of MuJoCo. For one, run the peers here: --peers.",
    ]
    notes = [
        *(about_them if studies else ["Nothing published of these robots after as many steps is known to us."]),
        "",
        *(f"- New in {robot}-v{VERSION}: {changes[robot]}." for robot in robots if robot in changes),
        *(f"- {study.name}: {study.source}; {study.protocol}{_spread(study)}." for study in studies.values()),
        "",
        f"{sum(robots.values())} more figures of these robots, of other learners or after other numbers of steps:"
        f" locomotion/{DATA.name}.",
    ]
    return "\n".join([lines_of([head, rule, *lines]), "", *notes])


def _spread(study: Study) -> str:
    return f"; spread: {study.spread}" if study.spread else ""
