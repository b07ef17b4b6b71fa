"""Speed of one policy's training by one, two and more processes, and what these tell each other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from torch import Tensor

from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from agents.team import Exchange
from locomotion.environments import known_environment
from locomotion.progress import each
from locomotion.runs.recipes import usual_settings
from locomotion.tables import markdown_table
from locomotion.threads import set_threads
from locomotion.training.learners import build_learner
from locomotion.training.place import place
from locomotion.training.processes import Order, give, robots_at, together

WARM_UP = 8  # iterations before the clock starts: past the first falls
ITERATIONS = 16  # that are timed


@dataclass(frozen=True)
class ProcessSpeed:
    """One robot's training by so many processes: medians over the rounds."""

    env: str
    processes: int
    steps_per_second: float
    ratio: float  # to one process in the same round
    exchanges: float  # in an iteration
    sent: float  # bytes that a process hands in, in an iteration


class Training(NamedTuple):
    """A short training."""

    steps_per_second: float
    exchanges: float  # in an iteration
    sent: float  # bytes that a process hands in, in an iteration
    policy: ActorCritic


class Counted:
    """An exchange whose use is counted."""

    def __init__(self, exchange: Exchange):
        self.exchange = exchange
        self.rank, self.size = exchange.rank, exchange.size
        self.exchanges = self.sent = 0

    def gather(self, mine: Tensor) -> list[Tensor]:
        """As the exchange does."""
        self.exchanges += 1
        self.sent += mine.nbytes
        return self.exchange.gather(mine)

    def collect(self, mine: Any) -> list[Any] | None:
        """As the exchange does."""
        return self.exchange.collect(mine)

    def announce(self, mine: Any) -> Any:
        """As the exchange does."""
        return self.exchange.announce(mine)


class Timed(BaseCallback):
    """Lets the other processes go on, and starts clock and counts after the warm-up."""

    def __init__(self, counted: Counted):
        super().__init__()
        self.counted = counted
        self.iteration = 0

    def _on_rollout_start(self) -> None:
        if self.iteration == WARM_UP:
            self.counted.exchanges = self.counted.sent = 0
            self.begun = time.perf_counter()
        self.iteration += 1
        assert isinstance(self.model, PolicyGradient)
        give(Order.GO_ON, self.model)

    def _on_step(self) -> bool:
        return True


def measure_processes(
    robots: Sequence[str], algo: str, counts: Sequence[int], rounds: int = 3
) -> Iterator[ProcessSpeed]:
    """Yield the figures of one robot and number of processes after the other; the numbers take turns.

    Raises:
        UsageError: where a robot's recipe has too few robots for so many processes.
    """
    for env, count in product(robots, counts):  # refused at once, not after other measurements
        place(usual_settings(known_environment(env), algo).changed(processes=count))
    for env in robots:
        turns = each(range(rounds), env, rounds)
        trainings = [[short_training(env, algo, count) for count in counts] for _ in turns]
        figures = np.array([[one[:3] for one in turn] for turn in trainings])  # (rounds, counts, 3)
        ratios = figures[:, :, 0] / figures[:, :1, 0]
        for count, (speed, exchanges, sent), ratio in zip(
            counts, np.median(figures, axis=0), np.median(ratios, axis=0), strict=True
        ):
            yield ProcessSpeed(env, count, float(speed), float(ratio), float(exchanges), float(sent))


def short_training(env: str, algo: str, count: int) -> Training:
    """Train a robot from nothing for a few iterations, by so many processes."""
    threads = set_threads()
    usual = usual_settings(known_environment(env), algo)
    batch = usual.rollout.num_envs * usual.rollout.n_steps
    settings = usual.changed(steps=(WARM_UP + ITERATIONS) * batch, processes=count)
    here = place(settings)
    vec_env = robots_at(settings, here, max(1, threads // count))
    learner = build_learner(settings, vec_env)
    with together(settings, count, advice=str) as exchange:
        counted = Counted(exchange)
        learner.join(counted)
        exchange.announce(None)  # no checkpoint
        learner.set_logger(Logger(None, []))
        timed = Timed(counted)
        learner.learn(settings.steps, timed)
        seconds = time.perf_counter() - timed.begun
        exchanges, sent = counted.exchanges / ITERATIONS, counted.sent / ITERATIONS
        give(Order.END, learner)
    vec_env.close()
    return Training(ITERATIONS * batch / seconds, exchanges, sent, learner.policy)


def processes_table(rows: Sequence[ProcessSpeed]) -> str:
    """Return the figures as a Markdown table."""
    return markdown_table(
        ["robot", "processes", "steps/s", "to one process", "sums an iteration", "kB sent by each, an iteration"],
        [
            (
                row.env,
                str(row.processes),
                f"{row.steps_per_second:,.0f}",
                f"{row.ratio:.2f}",
                f"{row.exchanges:.0f}",
                f"{row.sent / 1000:,.0f}",
            )
            for row in rows
        ],
    )
