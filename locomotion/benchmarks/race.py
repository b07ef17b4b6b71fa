"""A race by the clock: seconds from the command to a score, ours and the peers', one after the other in one run."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from locomotion.benchmarks.contender import EPISODES, Contender
from locomotion.benchmarks.curves import CURVE, Curve
from locomotion.benchmarks.goals import Goal, goals_of
from locomotion.benchmarks.peers import PACKAGES, check_packages
from locomotion.benchmarks.zoo import TUNED
from locomotion.environments import known_environment
from locomotion.errors import UsageError
from locomotion.files import RUNS, folder_name
from locomotion.runs.folder import Run
from locomotion.runs.recipes import usual_settings
from locomotion.tables import markdown_table

FOLDER = RUNS / "race"
NEVER = "not reached"


@dataclass(frozen=True)
class Race:
    """One robot's race: each contender's curves, a seed each; ours are the first."""

    env: str
    steps: int
    curves: dict[str, tuple[Curve, ...]]  # by the contender's name

    @property
    def robot(self) -> str:
        """The robot's name, for a reader."""
        return folder_name(self.env)

    @property
    def ours(self) -> tuple[Curve, ...]:
        """Our curves."""
        return next(iter(self.curves.values()))

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The robot's goals, the easiest first."""
        untrained, best = (
            float(np.median([pick(point.return_mean for point in curve.points) for curve in self.ours]))
            for pick in (next, max)
        )
        return goals_of(self.env, untrained, best)


def line_up(
    robots: Sequence[str],
    packages: Sequence[str],
    seeds: Sequence[int],
    steps: int | None = None,
    every: int = 20_000,
    load: Sequence[Path] = (),
    peer_threads: int = 1,
) -> dict[str, list[Contender]]:
    """Return each robot's contenders, in the order in which they race: seed by seed, ours first.

    A peer that the zoo has not tuned for a robot does not race in it, which is told.

    Args:
        robots: their names.
        packages: of the peers.
        seeds: one training of each contender each.
        steps: of each training; None: those of our recipe.
        every: steps between two askings.
        load: files that register robots.
        peer_threads: of a peer's torch.

    Raises:
        UsageError: for a package that is unknown or not installed, or an unknown robot.
    """
    check_packages(packages)
    found = {}
    for env in map(known_environment, robots):
        racing: list[str | None] = [None]
        for package in packages:
            if env in TUNED[package]:
                racing.append(package)
            else:
                learner, tuned = PACKAGES[package][1], ", ".join(TUNED[package])
                print(
                    f"{package} does not race in {folder_name(env)}: the zoo has tuned its {learner} for {tuned} only",
                    file=sys.stderr,
                )
        count = steps or usual_settings(env, "trpo").steps
        files = tuple(str(file.resolve()) for file in load)
        contender = partial(Contender, env, steps=count, every=every, load=files, peer_threads=peer_threads)
        found[env] = [contender(package, seed=seed) for seed in seeds for package in racing]
    return found


def measure_races(line_ups: dict[str, list[Contender]], folder: Path = FOLDER) -> Iterator[Race]:
    """Yield one robot's race after the other.

    Every curve stays in `folder`, and finished ones are not repeated. Interrupted ones begin anew: the clock cannot be
    stopped for a night.
    """
    for env, contenders in line_ups.items():
        curves: dict[str, list[Curve]] = {}
        for number, contender in enumerate(contenders, 1):
            whose = f"{contender.name}, seed {contender.seed}"
            print(f"{folder_name(env)}, {number} of {len(contenders)}: {whose}", file=sys.stderr)
            out = folder / folder_name(env) / contender.folder_name
            curves.setdefault(contender.name, []).append(raced(contender, out))
        yield Race(env, contenders[0].steps, {name: tuple(found) for name, found in curves.items()})


def raced(contender: Contender, folder: Path) -> Curve:
    """Return a contender's curve; one that has not finished is trained first, in a process of its own.

    Raises:
        UsageError: where the folder holds a curve of other settings, another process is racing into it, or the
            contender failed, which has said why.
    """
    path = folder / CURVE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with Run(folder).locked():
            words = json.dumps(dataclasses.asdict(contender))
            command = [sys.executable, "-m", "locomotion.benchmarks.racing", str(folder), repr(time.time()), words]
            # In a session of its own, where no Ctrl-C reaches it: this process ends it.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                code = process.wait()
            finally:
                process.kill()
                process.wait()
        if code:
            raise UsageError(
                f"{contender.name} failed in {folder_name(contender.env)} with seed {contender.seed}, exit code {code}"
            )
    return Curve.read(path, contender.settings())


def race_table(races: Sequence[Race]) -> str:
    """Return the seconds to each robot's goals as a Markdown table."""
    head = ["robot", "score", "learner", "seconds", "each seed", "times ours"]
    lines = []
    for race in races:
        for goal in race.goals:
            lines += [[race.robot, goal.name, *row] for row in goal_rows(race, goal)]
        whole = f"(all {race.steps:,} steps)"
        for name, curves in race.curves.items():
            ours, theirs = ([curve.seconds for curve in of] for of in (race.ours, curves))
            lines.append([race.robot, whole, name, *cells(theirs), ratio(theirs, theirs, ours)])
    notes = [
        "Seconds of wall clock from the start of the learner's process to the first policy that has the score, median",
        f"over the seeds; a score is the mean return of {EPISODES} held-out episodes without exploration, and the time",
        "that scoring takes is not counted. > : the peer had not reached it when its steps were done.",
    ]
    return "\n".join([markdown_table(head, lines), "", *notes])


def goal_rows(race: Race, goal: Goal) -> Iterator[list[str]]:
    """Yield each contender's name, seconds to a goal, and how many times ours they are."""
    ours = [curve.seconds_to(goal) for curve in race.ours]
    for name, curves in race.curves.items():
        theirs = [curve.seconds_to(goal) for curve in curves]
        at_least = [min(curve.seconds_to(goal), curve.seconds) for curve in curves]
        yield [name, *cells(theirs), ratio(theirs, at_least, ours)]


def cells(seconds: Sequence[float]) -> tuple[str, str]:
    """Return the median of seconds, of which some may be infinite, and all of them as text."""
    return written(float(np.median(seconds))), ", ".join(map(written, seconds))


def written(seconds: float) -> str:
    """Return seconds as text."""
    return f"{seconds:.1f}" if np.isfinite(seconds) else NEVER


def ratio(theirs: Sequence[float], at_least: Sequence[float], ours: Sequence[float]) -> str:
    """Return the ratio of medians as text: a lower bound where the peer's is not known, nothing where ours is not.

    Args:
        theirs: seconds, infinite where the goal was not reached.
        at_least: the same, or the seconds after which it had not been.
        ours: seconds.
    """
    base = np.median(ours)
    if not np.isfinite(base):
        return ""
    known = np.isfinite(np.median(theirs))
    return ("" if known else "> ") + f"{np.median(theirs if known else at_least) / base:.1f}"
