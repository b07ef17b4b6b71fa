"""How well robots learn: trained from nothing with their recipes, several seeds each, the final policies scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locomotion.environments import known_environment
from locomotion.recipes import recipe
from locomotion.runs import RUNS, Run, folder_name
from locomotion.settings import Settings
from locomotion.training import train

FOLDER = RUNS / "scores"


@dataclass(frozen=True)
class Row:
    """One robot's scores: of each seed the final policy's mean return over its evaluation episodes."""

    env: str
    steps: int
    episodes: int
    returns: dict[int, float]  # by seed

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(list(self.returns.values())))

    @property
    def std_error(self) -> float:
        """Standard error of that mean (0 for a single seed)."""
        values = list(self.returns.values())
        return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def measure(
    robots: Sequence[str], seeds: Sequence[int], steps: int, threads: int | None = None, folder: Path = FOLDER
) -> Iterator[Row]:
    """Yield the scores of one robot after the other.

    Every run stays in `folder`. One that is finished is not run again, one that was broken off goes on, so that
    several of these commands may share the seeds among them, and a last one print the table.
    """
    for name in robots:
        env = known_environment(name)
        returns, episodes = {}, 0
        for seed in seeds:
            out = folder / folder_name(env) / f"{steps}-steps-seed{seed}"
            changes = recipe(env, "trpo") | {"steps": steps}
            settings = Settings(
                env=env, **changes, seed=seed, out=out, track="off", video_seconds=0.0, threads=threads, evaluations=0
            )
            scores = finished(Run(out), settings)
            returns[seed] = scores["return_mean"]
            episodes = scores["episodes"]
        yield Row(env, steps, episodes, returns)


def finished(run: Run, settings: Settings) -> dict:
    """Return a run's evaluation.json, after training it to its end where that is still to do."""
    path = run.folder / "evaluation.json"
    if not path.exists():
        resume = run.folder if run.latest() else None
        train(Settings(**vars(settings) | {"resume": resume}))
    return json.loads(path.read_text())


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| robot | steps | mean over seeds | each seed |", "| --- | ---: | ---: | --- |"]
    for row in rows:
        each = ", ".join(f"{value:.0f}" for value in row.returns.values())
        lines.append(f"| {row.env} | {row.steps:,} | {row.mean:.0f} +- {row.std_error:.0f} | {each} |")
    return "\n".join(lines)
