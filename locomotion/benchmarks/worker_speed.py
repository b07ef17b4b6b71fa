"""How much faster A3C is with two workers than with one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from locomotion.environments import make_env
from locomotion.runs.settings import Settings
from locomotion.tables import lines_of
from locomotion.training.learners import build_learner

ROWS = 6  # of the log, in one turn


@dataclass(frozen=True)
class Row:
    """One robot's figures in env steps per second, medians over the rounds, and the median ratio of a round."""

    env: str
    one: float
    two: float
    ratio: float


class Speed(BaseCallback):
    """Times all rows but the first, in which the workers start, and the last, in which they do not end together."""

    def _init_callback(self) -> None:
        self._ends: list[tuple[float, int]] = []  # s, steps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._ends.append((time.perf_counter(), self.num_timesteps))

    @property
    def steps_per_second(self) -> float:
        """What was measured."""
        (start, first), (end, last) = self._ends[0], self._ends[-2]
        return (last - first) / (end - start)


def measure(robots: Sequence[str], rounds: int = 5) -> Iterator[Row]:
    """Yield the figures of one robot after the other: one worker and two take turns, 16 robots x 16 steps each.

    Raises:
        UsageError: where there are not two cores.
    """
    for env in robots:
        speeds = np.array([[_speed(env, workers) for workers in (1, 2)] for _ in range(rounds)])  # (rounds, 2)
        one, two = np.median(speeds, axis=0)
        yield Row(env, one, two, float(np.median(speeds[:, 1] / speeds[:, 0])))


def _speed(env: str, workers: int) -> float:
    settings = Settings.of(env, "a3c", workers=workers, num_envs=16, n_steps=16)
    robots = make_env(env, settings.rollout.num_envs, threads=1)
    learner = build_learner(settings, robots)
    speed = Speed()
    learner.learn(ROWS * 64 * settings.rollout.num_envs * settings.rollout.n_steps, callback=speed, log_interval=64)
    robots.close()
    return speed.steps_per_second


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = ["robot", "1 worker, steps/s", "2 workers", "2 workers / 1 worker"]
    lines = [[row.env, f"{row.one:,.0f}", f"{row.two:,.0f}", f"{row.ratio:.2f}"] for row in rows]
    return lines_of([head, ["---", "---:", "---:", "---:"], *lines])
