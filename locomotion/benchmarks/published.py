"""Published scores of the same robots beside ours, and how their conditions differ."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envs.arguments import check_fields
from locomotion.benchmarks.scores import SeedScores
from locomotion.checksums import read_regular
from locomotion.errors import UsageError
from locomotion.runs.settings import field_types
from locomotion.tables import markdown_table

LARGEST = 2**20  # bytes
DATA = Path(__file__).with_name("published_scores.toml")
VERSION = 5  # of Gymnasium's robots, as we train them
SAME_TASK = "same task"
HEAD = ["robot", "version", "learner", "whose", "return", "seeds", "scored", "ours less theirs"]

# A study's metric -> its words in the table.
METRICS = {
    "final": "final policy",
    "best": "training's best",
    "training": "training's episodes",
    "unstated": "not stated",
}


@dataclass(frozen=True)
class Study:
    """A source of figures, and its protocol."""

    name: str
    source: str
    metric: Literal["final", "best", "training", "unstated"]
    protocol: str
    seeds: int | None = None  # None: not stated
    spread: str | None = None  # meaning of the spread of its figures; None: there is none
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
        """Return the robot's version, and whether its task equals ours, given the robots whose task has changed."""
        if self.version is None:
            return "not stated"
        if self.version == VERSION:
            return str(VERSION)
        same = self.version >= 2 and self.robot not in changes
        return f"{self.version}, {SAME_TASK if same else 'another task'}"

    def like(self, learner: str, steps: int, changes: Collection[str]) -> bool:
        """Return whether the figure has the learner, task, measure and number of steps of ours."""
        same_task = self.task(changes).endswith((str(VERSION), SAME_TASK))
        same_learner = self.learner.lower() == learner.lower()
        return same_learner and same_task and self.steps == steps and self.study.metric == "final"

    def written(self, digits: int) -> str:
        """Return the score and its spread as text, with this number of decimals."""
        score, *spread = (f"{number:.{digits}f}" for number in (self.score, *self.spread))
        return score + (f" [{', '.join(spread)}]" if len(spread) == 2 else "".join(f" +- {one}" for one in spread))


@dataclass(frozen=True)
class Choice:
    """One robot's scores, the published figures shown beside them, and the number of those left out."""

    row: SeedScores
    robot: str  # without its version
    shown: list[Figure]
    left_out: int


def read_figures() -> tuple[list[Figure], dict[str, str]]:
    """Return all figures, and for each robot the changes of its task up to version 5.

    Raises:
        UsageError: where the file is damaged.
    """
    try:
        data = tomllib.loads(read_regular(DATA, LARGEST).decode())
        figures = []
        for entry in data["study"]:
            study = Study(**{name: value for name, value in entry.items() if name != "scores"})
            check_fields(field_types(Study), vars(study))
            figures += [_figure(study, *row) for row in entry["scores"]]
        for figure in figures:
            check_fields(field_types(Figure), vars(figure))
        changes = data["changes"]
        check_fields(dict.fromkeys(changes, str), changes)
        return figures, changes
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(f"{DATA} is damaged ({error}); install the package again") from error


def _figure(study: Study, env: str, learner: str, steps: int, score: float, *spread: float) -> Figure:
    robot, _, version = env.partition("-v")
    return Figure(study, robot, int(version) if version else None, learner, steps or None, score, spread)


def chosen(figures: Sequence[Figure], learner: str, steps: int) -> list[Figure]:
    """Return the figures of a robot to stand beside ours, the highest first.

    Chosen are all of our learner and the highest of each other one, for this number of steps or an unstated one.
    """
    found: list[Figure] = []
    for figure in sorted(figures, key=lambda figure: figure.score, reverse=True):
        ours = figure.learner.lower() == learner.lower()
        if figure.steps in (steps, None) and (ours or figure.learner not in [other.learner for other in found]):
            found.append(figure)
    return found


def published_table(rows: Sequence[SeedScores]) -> str:
    """Return a Markdown table of published returns beside ours; empty where nothing was published of these robots."""
    figures, changes = read_figures()
    choices = [choice for row in rows if (choice := choose(figures, row)) is not None]
    if not choices:
        return ""
    lines = [line for choice in choices for line in written(choice, changes)]
    return "\n".join([markdown_table(HEAD, lines), "", *notes(choices, changes)])


def choose(figures: Sequence[Figure], row: SeedScores) -> Choice | None:
    """Return the figures to stand beside ours, or None where none is known of this robot."""
    known = [figure for figure in figures if row.env == f"{figure.robot}-v{VERSION}"]
    if not known:
        return None
    shown = chosen(known, row.learner, row.steps)
    return Choice(row, known[0].robot, shown, len(known) - len(shown))


def written(choice: Choice, changes: Collection[str]) -> Iterator[tuple[object, ...]]:
    """Yield the table's lines of one robot: ours, then the published figures.

    A difference is given only to a figure of the same learner, task, measure and number of steps.
    """
    row = choice.row
    yield row.env, VERSION, row.learner, "ours", row.spread, len(row.returns), METRICS["final"], ""
    for figure in choice.shown:
        study = figure.study
        measure = METRICS[study.metric] + ("" if figure.steps else ", steps not stated")
        alike = figure.like(row.learner, row.steps, changes)
        difference = f"{row.mean - figure.score:+.{row.digits}f}" if alike else ""
        source = figure.task(changes), figure.learner, study.name, figure.written(row.digits), study.seeds or "?"
        yield row.env, *source, measure, difference


def notes(choices: Sequence[Choice], changes: Mapping[str, str]) -> list[str]:
    """Return the lines below the table: how to read it, changes of tasks, sources, and figures left out."""
    studies = {figure.study.name: figure.study for choice in choices for figure in choice.shown}
    robots = {choice.robot: choice.left_out for choice in choices}
    reading = [
        "A difference is given only to the same learner's score, in the same task, by the same measure, after the same"
        " number of steps.",
        "This is no contest: all of these ran on other versions of MuJoCo. For one, run the peers here: --peers.",
    ]
    return [
        *(reading if studies else ["Nothing published of these robots after as many steps is known to us."]),
        "",
        *(f"- New in {robot}-v{VERSION}: {changes[robot]}." for robot in robots if robot in changes),
        *(f"- {study.name}: {study.source}; {study.protocol}{_spread(study)}." for study in studies.values()),
        "",
        f"{sum(robots.values())} more figures of these robots, for other learners or numbers of steps:"
        f" locomotion/benchmarks/{DATA.name}.",
    ]


def _spread(study: Study) -> str:
    return f"; spread: {study.spread}" if study.spread else ""
