"""Scores of learning: robots trained from scratch with their recipes, several seeds each, final policies scored."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locomotion.checksums import DELETE
from locomotion.command_line import flag
from locomotion.environments import EVALUATION_STEPS, known_environment
from locomotion.errors import UsageError
from locomotion.evaluation.statistics import t_interval
from locomotion.files import RUNS, folder_name
from locomotion.policies.scores import read_scores
from locomotion.progress import each
from locomotion.runs.folder import Run
from locomotion.runs.recipes import usual_settings
from locomotion.runs.settings import Settings, differences, read_config
from locomotion.tables import markdown_table
from locomotion.training.train import train

FOLDER = RUNS / "scores"


@dataclass(frozen=True)
class SeedScores:
    """One robot's scores: each seed's evaluation of its final policy (evaluation.json)."""

    env: str
    learner: str
    steps: int
    evaluations: dict[int, dict[str, Any]]  # by seed

    @property
    def returns(self) -> dict[int, float]:
        """Mean return of each seed's final policy."""
        return {seed: evaluation["return_mean"] for seed, evaluation in self.evaluations.items()}

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(list(self.returns.values())))

    @property
    def std_error(self) -> float:
        """Standard error of that mean (0 for a single seed)."""
        values = list(self.returns.values())
        return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0

    @property
    def spread(self) -> str:
        """The mean with its standard error, as text; for a single seed, which has no error, the return alone."""
        mean = self.written(self.mean)
        return mean if len(self.returns) == 1 else f"{mean} +- {self.written(self.std_error)}"

    @property
    def interval(self) -> str:
        """The mean's 95 % interval by Student's t over the seeds, as text; empty for a single seed."""
        ends = t_interval(list(self.returns.values()))
        return "" if ends is None else " to ".join(self.written(end) for end in ends)

    @property
    def digits(self) -> int:
        """Decimals for this robot's returns."""
        return 1 if abs(self.mean) < 100 else 0

    def written(self, value: float) -> str:
        """Return a return, mean or error as text."""
        return f"{value:.{self.digits}f}"


def measure_scores(
    robots: Sequence[str],
    algo: str,
    seeds: Sequence[int],
    steps: int | None = None,
    threads: int | None = None,
    folder: Path = FOLDER,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    load: tuple[Path, ...] = (),
    evaluation_steps: int = EVALUATION_STEPS,
) -> Iterator[SeedScores]:
    """Yield a learner's scores with one robot after the other, each after `steps` steps, or its recipe's.

    Every run stays in `folder`. Finished runs are not repeated and interrupted ones are resumed, so that several of
    these commands may share the seeds among them, and a last one may print the table.

    Args:
        robots: their names.
        algo: update rule.
        seeds: one training each.
        steps: of each training; None: the recipe's.
        threads: of the physics.
        folder: of the runs.
        tasks: by robot, the numbers of its task that differ from the defaults.
        load: files to load.
        evaluation_steps: after which an episode is cut off.
    """
    for name in robots:
        env, task = known_environment(name), (tasks or {}).get(name, {})
        changes: dict[str, Any] = {} if steps is None else {"steps": steps}
        fixed: dict[str, Any] = {"track": "off", "video_seconds": 0.0, "threads": threads, "evaluations": 0}
        fixed["evaluation_steps"] = evaluation_steps
        wanted = usual_settings(env, algo, task=task, load=load, **changes, **fixed)
        numbers = "".join(f"-{number}-{value}" for number, value in task.items())
        evaluations = {}
        for seed in each(seeds, f"trainings in {name}", len(seeds)):
            out = folder / folder_name(env) / f"{algo}-{wanted.steps}-steps{numbers}-seed{seed}"
            evaluations[seed] = finished(Run(out), wanted.changed(seed=seed, out=out))
        yield SeedScores(env, algo, wanted.steps, evaluations)


def finished(run: Run, settings: Settings) -> dict[str, Any]:
    """Return a run's evaluation.json; an unfinished run is trained to its end first.

    Raises:
        UsageError: where the folder holds a run with other settings, or another process is training into it.
    """
    path = run.folder / "evaluation.json"
    if run.config.exists():
        for name in differences(settings, read_config(run.folder)):
            raise UsageError(f"{run.folder} was run with another {flag(name)}: move it away to run it anew")
    if not path.exists():
        print(f"training {settings.algo}, in {settings.env} from seed {settings.seed}: {run.folder}", file=sys.stderr)
        train(settings.changed(resume=run.folder if run.config.exists() else None))
    return read_scores(path, DELETE)


def scores_table(rows: Sequence[SeedScores]) -> str:
    """Return a Markdown table of the returns, and below it one of the tasks' own metrics."""
    returns = []
    for row in rows:
        each = ", ".join(row.written(value) for value in row.returns.values())
        returns.append([row.env, row.learner, f"{row.steps:,}", row.spread, row.interval, each])
    figures = []
    for row in rows:
        metrics = [evaluation["metrics"] for evaluation in row.evaluations.values()]
        for name in dict.fromkeys(name for found in metrics for name in found):
            each = ", ".join(f"{found[name]:.3g}" if name in found else "none" for found in metrics)
            figures.append([row.env, row.learner, name, each])
    note = "+- is the standard error over the seeds; the interval is Student's t over them."
    tables = [
        markdown_table(["robot", "learner", "steps", "mean over seeds", "95 % interval", "each seed"], returns),
        note,
    ]
    if figures:
        tables.append(markdown_table(["robot", "learner", "figure", "each seed"], figures))
    return "\n\n".join(tables)
