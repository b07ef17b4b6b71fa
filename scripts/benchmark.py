"""Measure: python scripts/benchmark.py throughput, training, or scores."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from locomotion import scores, throughput, training_speed
from locomotion.command_line import optional, run
from locomotion.threads import set_threads


@dataclass(frozen=True)
class Throughput:
    """Steps/s of the worlds: bare physics, ours, EnvPool, Gymnasium's and SB3's vectorisation, interleaved."""

    robots: tuple[str, ...] = tuple(throughput.GYMNASIUM_TASKS)
    """Which of the eleven Gymnasium robots."""
    copies: int = 64
    """Copies of each robot."""
    rounds: int = 9
    """How often the contenders take turns; medians are reported."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


@dataclass(frozen=True)
class Training:
    """Steps/s of training: our TRPO, sb3-contrib's with the zoo's settings, and the bare physics, interleaved."""

    robots: tuple[str, ...] = training_speed.ROBOTS
    """Which Gymnasium robots."""
    rounds: int = 5
    """How often the learners take turns; medians are reported."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


@dataclass(frozen=True)
class Scores:
    """Scores of policies trained from nothing with the recipes: each seed's final policy, evaluated."""

    robots: tuple[str, ...] = ("Hopper-v5", "Walker2d-v5")
    """Which robots."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """One training each; those already done are not done again."""
    steps: int | None = None
    """Environment steps of each training (default: the recipe's)."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


def main(arguments: list[str]) -> None:
    """Run the benchmark that the command line names; print its table."""
    wanted = tyro.cli(Throughput | Training | Scores, args=arguments, description=__doc__)  # type: ignore[call-overload]
    threads = set_threads(wanted.threads)
    if isinstance(wanted, Throughput):
        rows = list(throughput.measure(wanted.robots, wanted.copies, threads, wanted.rounds))
        print(throughput.table(rows))
    elif isinstance(wanted, Scores):
        print(scores.table(list(scores.measure(wanted.robots, wanted.seeds, wanted.steps, threads))))
    else:
        print(training_speed.table(list(training_speed.measure(wanted.robots, threads, wanted.rounds))))


if __name__ == "__main__":
    run(main)
