"""The laboratory's command lines: each dataclass holds one experiment's options, checks them and runs it.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from locomotion.command_line import Robots, optional, require_at_least_one, require_robots
from locomotion.errors import UsageError
from locomotion.files import RUNS, make_folder
from locomotion.interrupts import keeping
from locomotion.laboratory.sample_sizes import check_sizes
from locomotion.tables import print_table


@dataclass(frozen=True)
class Estimators:
    """Bias, variance and direction of every policy-gradient estimator of the lecture, against the gradient itself."""

    world: Literal["lq", "cartpole", "both"] = "lq"
    """lq: linear-quadratic, exact gradient, seconds; cartpole: gradient by a large sample, minutes."""
    trajectories: int = 256
    """Paths averaged by the largest estimates."""
    repetitions: int = 400
    """Number of such estimates; bias and variance are measured on all their paths together."""
    seed: int = 0
    """Seed of all random numbers."""
    out: Path = RUNS / "estimators"
    """Folder for estimators-WORLD.csv, .png and .svg."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""

    def __post_init__(self) -> None:
        check_sizes(self.trajectories, self.repetitions)
        if self.seed < 0:
            raise UsageError(f"--seed must not be negative, got {self.seed}")

    def run(self) -> int:
        """Print the table of the estimators, and write it as a CSV file and a figure."""
        from locomotion.laboratory import measure
        from locomotion.laboratory.figure import write_figure
        from locomotion.laboratory.worlds import make_world
        from locomotion.threads import set_threads

        threads = set_threads(self.threads)
        make_folder(self.out)
        worlds: tuple[Literal["lq", "cartpole"], ...] = ("lq", "cartpole") if self.world == "both" else (self.world,)
        finished: list[str] = []
        with keeping(lambda: f"stopped; {len(finished)} of {len(worlds)} worlds are finished: {self.out}"):
            for name in worlds:
                report = measure.measure_estimators(
                    make_world(name, threads), self.trajectories, self.repetitions, self.seed
                )
                print(measure.remarks(report), measure.estimators_table(report), sep="\n\n", end="\n\n", flush=True)
                measure.write_csv(report, self.out / f"estimators-{name}.csv")
                write_figure(report, self.out)
                finished.append(name)
        return 0


@dataclass(frozen=True)
class Derivatives:
    """Error and time of the pathwise derivative through MuJoCo's physics, against central differences, on one core."""

    robots: Robots = ("CartPole", "Swimmer-v5", "Hopper-v5", "Quadruped", "Go1")
    """Which robots (ours, or the eleven of Gymnasium)."""
    steps: int = 20
    """Actions of each path."""
    copies: int = 4
    """Paths of each robot."""
    seed: int = 0
    """Seed of start states, policy and noise."""

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        require_at_least_one(steps=self.steps, copies=self.copies)
        if self.seed < 0:
            raise UsageError(f"--seed must not be negative, got {self.seed}")

    def run(self) -> int:
        """Print the table of the robots."""
        from locomotion.laboratory import derivatives
        from locomotion.threads import set_threads

        set_threads(1)
        checks = derivatives.measure_derivatives(self.robots, self.steps, self.copies, self.seed)
        print_table(checks, derivatives.derivatives_table, len(self.robots))
        return 0
