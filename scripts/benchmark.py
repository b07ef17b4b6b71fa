"""Measure: benchmark.py throughput, training, workers, scores, estimators, or gamma-lambda, each with --help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Union

import tyro

from locomotion.benchmarks import peer_scores, published, scores, training_speed, worker_speed
from locomotion.benchmarks import world_speed as throughput
from locomotion.command_line import optional, run
from locomotion.errors import UsageError
from locomotion.files import make_folder
from locomotion.laboratory import measure as estimators
from locomotion.laboratory.figure import write_figure
from locomotion.laboratory.worlds import make_world
from locomotion.runs.settings import Algo
from locomotion.sweeps.plan import GAMMAS, LAMBDAS, Learner, Sweep
from locomotion.threads import set_threads
from locomotion.training.wandb_rows import Mode

Robots = Annotated[tuple[str, ...], tyro.conf.arg(metavar="ENV ...")]


@dataclass(frozen=True)
class Throughput:
    """Steps/s of the worlds: bare physics, ours, EnvPool, Gymnasium's and SB3's vectorisation, interleaved."""

    robots: Robots = tuple(throughput.GYMNASIUM_TASKS)
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

    robots: Robots = training_speed.ROBOTS
    """Which Gymnasium robots."""
    rounds: int = 5
    """How often the learners take turns; medians are reported."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


@dataclass(frozen=True)
class Workers:
    """Steps/s of A3C with one worker and with two, interleaved."""

    robots: Robots = worker_speed.ROBOTS
    """Which robots."""
    rounds: int = 5
    """How often they take turns; medians are reported."""


@dataclass(frozen=True)
class Scores:
    """Scores of policies trained from nothing with the recipes, each seed's final policy; and what others published."""

    envs: Robots = ("Hopper-v5", "Walker2d-v5")
    """Which robots."""
    algo: Algo = "trpo"
    """Learner."""
    seeds: int = 5
    """How many trainings, a seed each; those already done are not done again."""
    first_seed: int = 0
    """The first of these seeds."""
    steps: Annotated[int | None, optional("the recipe's")] = None
    """Environment steps of each training; of what others have published that of as many is shown."""
    peers: Annotated[str, optional("none", "PACKAGE,...")] = ""
    """Whose learners train as well and are compared: sb3-contrib (TRPO), sb3 (PPO), or both with a comma."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


@dataclass(frozen=True)
class Estimators:
    """Bias, variance and direction of every policy-gradient estimator of the lecture, against the gradient itself."""

    world: Literal["lq", "cartpole", "both"] = "lq"
    """lq: linear-quadratic, gradient exact, seconds; cartpole: gradient by a large sample, minutes."""
    trajectories: int = 256
    """Paths that the largest estimates are the mean of."""
    repetitions: int = 400
    """How many such estimates are made; bias and variance are measured on all their paths together."""
    seed: int = 0
    """Of all chance."""
    out: Path = estimators.FOLDER
    """Folder for estimators-WORLD.csv, .png and .svg."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


@dataclass(frozen=True)
class GammaLambda:
    """The effect of gamma and lambda (Schulman et al. 2016): every pair of them, several seeds each, with figures."""

    preset: Annotated[
        Literal["cartpole", "biped", "quadruped", "standup"] | None,
        optional("none", "{cartpole,biped,quadruped,standup}"),
    ] = None
    """An experiment of the paper, with its own env, gammas, lambdas, baseline, iterations, networks and batches."""
    scale: float = 1.0
    """Of a preset: the share of its batches (fewer robots) and seeds."""
    env: Annotated[str | None, optional("the preset's", "ENV")] = None
    """Robot of a sweep of your own; it learns by its recipe."""
    algo: Learner = "trpo"
    """Learner."""
    gammas: Annotated[tuple[float, ...] | None, optional(" ".join(map(str, GAMMAS)), "FLOAT ...")] = None
    """Discounts."""
    lambdas: Annotated[tuple[float, ...] | None, optional(" ".join(map(str, LAMBDAS)), "FLOAT ...")] = None
    """Lambdas; each is tried with each discount."""
    baseline: Annotated[Literal["value", "time", "none"] | None, optional("value", "{value,time,none}")] = None
    """What is subtracted from returns: the critic's value, the mean at each time, or nothing."""
    seeds: Annotated[int | None, optional("the preset's, or 5")] = None
    """How many trainings of each pair, a seed each from 0 on."""
    iterations: Annotated[int | None, optional("as many as the recipe's steps")] = None
    """Policy updates of each training."""
    workers: Annotated[int | None, optional("a process for each core")] = None
    """Processes on this machine, each on one core."""
    cluster: Annotated[str | None, optional("none", "ADDRESS")] = None
    """A Dask cluster that is running: tcp://HOST:PORT, or its scheduler's file."""
    out: Annotated[Path | None, optional("runs/gamma-lambda/NAME", "FOLDER")] = None
    """Folder for rows and report, where what is done is not done again (NAME: the preset, or the robot and learner)."""
    report_only: bool = False
    """Train nothing: draw what the rows in the folder show."""
    track: Mode = "offline"
    """Weights & Biases."""


def at_least_one(**numbers: int) -> None:
    """Make sure that options are positive.

    Raises:
        UsageError: naming the first that is not.
    """
    for name, value in numbers.items():
        if value < 1:
            raise UsageError(f"--{name} must be at least 1, got {value}")


def check_robots(option: str, robots: Sequence[str]) -> None:
    """Make sure that an option names robots, each once.

    Raises:
        UsageError: where it does not.
    """
    if not robots:
        raise UsageError(f"--{option} must name at least one robot, got none")
    if len(set(robots)) < len(robots):
        raise UsageError(f"--{option} names a robot twice: {' '.join(robots)}")


def measure_throughput(wanted: Throughput) -> int:
    """Print the table of the worlds' speed."""
    check_robots("robots", wanted.robots)
    at_least_one(copies=wanted.copies, rounds=wanted.rounds)
    threads = set_threads(wanted.threads)
    print(throughput.table(list(throughput.measure(wanted.robots, wanted.copies, threads, wanted.rounds))))
    return 0


def measure_training(wanted: Training) -> int:
    """Print the table of the learners' speed."""
    check_robots("robots", wanted.robots)
    at_least_one(rounds=wanted.rounds)
    threads = set_threads(wanted.threads)
    print(training_speed.table(list(training_speed.measure(wanted.robots, threads, wanted.rounds))))
    return 0


def measure_workers(wanted: Workers) -> int:
    """Print the table of A3C's speed."""
    check_robots("robots", wanted.robots)
    at_least_one(rounds=wanted.rounds)
    print(worker_speed.table(list(worker_speed.measure(wanted.robots, wanted.rounds))))
    return 0


def measure_scores(wanted: Scores) -> int:
    """Print the scores of our recipes, what was published, and how the peers compare that were asked for."""
    check_robots("envs", wanted.envs)
    if wanted.seeds < 1 or wanted.first_seed < 0:
        raise UsageError(f"--seeds must be at least 1 and --first-seed 0, got {wanted.seeds} and {wanted.first_seed}")
    if wanted.first_seed + wanted.seeds > 2**32:
        raise UsageError(f"--first-seed and the --seeds from it on must lie below 2^32, got {wanted.first_seed}")
    threads = set_threads(wanted.threads)
    seeds = range(wanted.first_seed, wanted.first_seed + wanted.seeds)
    rivals = peer_scores.peers_of(wanted.envs, [name for name in wanted.peers.split(",") if name], wanted.algo)
    rows = list(scores.measure(wanted.envs, wanted.algo, seeds, wanted.steps, threads))
    print(scores.table(rows), published.table(rows), sep="\n\n", flush=True)
    if wanted.peers:
        comparisons = list(peer_scores.measure(rows, rivals, threads))
        theirs = scores.table([comparison.theirs for comparison in comparisons])
        print("", theirs, peer_scores.table(comparisons), sep="\n\n")
    return 0


def measure_estimators(wanted: Estimators) -> int:
    """Print the laboratory's table, and leave it as a CSV file and a figure."""
    estimators.check_sizes(wanted.trajectories, wanted.repetitions)
    if wanted.seed < 0:
        raise UsageError(f"--seed must not be negative, got {wanted.seed}")
    threads = set_threads(wanted.threads)
    make_folder(wanted.out)
    for name in ("lq", "cartpole") if wanted.world == "both" else (wanted.world,):
        world = make_world(name, threads)
        report = estimators.measure(world, wanted.trajectories, wanted.repetitions, wanted.seed)
        print(estimators.remarks(report), estimators.table(report), sep="\n\n", end="\n\n")
        estimators.write_csv(report, wanted.out / f"estimators-{name}.csv")
        write_figure(report, wanted.out)
    return 0


def check_report_only(wanted: GammaLambda) -> None:
    """Make sure that nothing is asked for beside a report that it cannot heed.

    Raises:
        UsageError: naming the option.
    """
    names_folder = () if wanted.out is not None else ("preset", "scale", "env", "algo")
    for name in ("workers", "cluster", "track", *Sweep.__dataclass_fields__):
        if name not in names_folder and getattr(wanted, name) != getattr(GammaLambda, name):
            raise UsageError(f"--{name} has no effect with --report-only, which shows what is in the folder")


def sweep_gamma_lambda(wanted: GammaLambda) -> int:
    """Run a sweep, or report on one; return the exit code: 1 where cells have failed."""
    try:
        from locomotion.sweeps.running import default_folder, report, run_sweep
        from locomotion.sweeps.wandb_rows import Tracker
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed: pip install -c constraints.txt -e '.[sweep]'") from error
    if wanted.report_only:
        check_report_only(wanted)
    plan = Sweep(**{name: getattr(wanted, name) for name in Sweep.__dataclass_fields__})
    cells = plan.cells() if wanted.out is None or not wanted.report_only else []
    folder = wanted.out or default_folder(cells[0])
    if wanted.report_only:
        report(folder)
        return 0
    return int(run_sweep(cells, folder, Tracker(folder, wanted.track), wanted.workers, wanted.cluster) > 0)


BENCHMARKS: dict[type, Callable[..., int]] = {
    Throughput: measure_throughput,
    Training: measure_training,
    Workers: measure_workers,
    Scores: measure_scores,
    Estimators: measure_estimators,
    GammaLambda: sweep_gamma_lambda,
}


def main(arguments: list[str]) -> int:
    """Run the benchmark that the command line names; return the exit code."""
    wanted = tyro.cli(Union[*BENCHMARKS], args=arguments, description=__doc__)  # type: ignore[call-overload]
    return BENCHMARKS[type(wanted)](wanted)


if __name__ == "__main__":
    run(main)
