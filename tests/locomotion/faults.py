"""Kills and full disks at chosen and random moments of every phase: `make faults`.

Each job is begun in a process of its own, which meets the fault. Then the job goes on as a user would have it go on (a
training by --resume, all else by the same command), and what it leaves must be, to the last bit, what it leaves
undisturbed, with nothing half-written and no process beside it. `python -m tests.locomotion.faults --help` has options.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from agents.policy_gradient import PolicyGradient
from locomotion.errors import UsageError
from locomotion.recording import video
from locomotion.recording.film import Film
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings
from locomotion.sweeps import running
from locomotion.sweeps.plan import HEADLESS, Cell
from locomotion.sweeps.rows import RowFiles, read
from locomotion.sweeps.wandb_rows import Tracker
from locomotion.training import run_callback, ship, train
from locomotion.training.metrics import CsvRows
from locomotion.unfinished import PREFIX

ROBOTS, STEPS, ITERATIONS = 4, 32, 6
TRAINING = {
    "env": "Locomotion/CartPole-v0",
    "num_envs": ROBOTS,
    "n_steps": STEPS,
    "steps": ITERATIONS * ROBOTS * STEPS,
    "actor": (16,),
    "value": (16,),
    "evaluations": 2,
    "evaluation_episodes": 2,
    "final_episodes": 3,
    "video_seconds": 0.0,
    "checkpoint_seconds": 1e-9,
    "keep_checkpoints": 2,
    "threads": 1,
    "track": "off",
}
FILM = {"seconds": 0.5, "width": 64, "height": 48}
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}  # events of Python's audit hooks
GOOD = 60.0  # s within which processes that are left over must have ended


@dataclass(frozen=True)
class Job:
    """Something a user starts.

    Args:
        start: begins it, or goes on with it, in a folder.
        left: what it has left in the folder, without what depends on the clock or the folder's name.
    """

    start: Callable[[Path], object]
    left: Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Phase:
    """Where in a job a fault may come: from a call of a function on."""

    job: str
    owner: Any
    function: str
    seconds: float  # that it takes, about
    calls: int = 1  # of the function in the job
    changes: int = 1  # of files, from there on; 0: none near


@dataclass
class Moment:
    """A call of a phase's function, and how long after it the fault comes."""

    phase: str
    call: int = 1
    change: int = 0  # just before the n-th change of a file
    delay: float = 0.0  # or after so many seconds
    folder: Path = field(default=Path())

    def __str__(self) -> str:
        when = f"change {self.change}" if self.change else f"{1000 * self.delay:.1f} ms"
        return f"{self.phase}, call {self.call}, {when}"


def training(folder: Path) -> None:
    run, settings = Run(folder), Settings.of(**TRAINING, out=folder)
    train.train(settings.changed(resume=folder) if run.config.exists() else settings)


def left_by_training(folder: Path) -> dict[str, Any]:
    run = Run(folder)
    with run.metrics.open() as file:
        rows = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in csv.DictReader(file)]
    kept = [run.best, *sorted(run.snapshots.iterdir()), *(run.checkpoint(step) for step in run.steps())]
    files = [path for place in kept for path in sorted(place.glob("*.safetensors"))]
    scores = {k: v for k, v in json.loads(run.scores.read_text()).items() if k != "policy"}
    return {"rows": rows, "scores": scores} | {str(file.relative_to(folder)): file.read_bytes() for file in files}


def sweep(folder: Path) -> None:
    shape = {"num_envs": ROBOTS, "n_steps": STEPS, "steps": 3 * ROBOTS * STEPS, "actor": (8,), "value": (8,)}
    settings = (Settings.of("Locomotion/CartPole-v0", **HEADLESS | shape, seed=seed) for seed in range(3))
    running.run_sweep(list(map(Cell, settings)), folder, Tracker(folder, "off"), workers=1)


def jobs(finished: Path) -> dict[str, Job]:
    """Return the jobs; some of them take a finished run."""

    def shipping(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        ship.FOLDER = folder
        ship.ship(finished)

    def filming(folder: Path) -> None:
        video.record(finished, Film(folder / "film.mp4", **FILM))

    def all_bytes(folder: Path) -> dict[str, Any]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    def rows(folder: Path) -> dict[str, Any]:
        names = sorted(path.name for path in folder.iterdir() if path.name != ".lock")
        return {"names": names, "rows": read([RowFiles(folder).all]).drop_columns("seconds").to_pylist()}

    return {
        "training": Job(training, left_by_training),
        "shipping": Job(shipping, all_bytes),
        "filming": Job(filming, all_bytes),
        "sweep": Job(sweep, rows),
    }


PHASES = {
    "start": Phase("training", train, "set_threads", 0.05, changes=20),
    "rollout": Phase("training", PolicyGradient, "collect_rollouts", 0.04, ITERATIONS, changes=0),
    "update": Phase("training", PolicyGradient, "train", 0.02, ITERATIONS, changes=0),
    "row": Phase("training", CsvRows, "write", 0.002, ITERATIONS, changes=3),
    "checkpoint": Phase("training", run_callback, "save_checkpoint", 0.02, ITERATIONS, changes=14),
    "evaluation": Phase("training", run_callback, "evaluate", 0.2, 3, changes=14),
    "scoring": Phase("training", train, "evaluate_folder", 0.2, changes=6),
    "video": Phase("filming", video, "write", 0.2, changes=4),
    "shipping": Phase("shipping", ship, "ship", 0.3, changes=12),
    "sweep": Phase("sweep", running, "compute_cells", 4.0, changes=20),
    "report": Phase("sweep", running, "report", 1.0, changes=15),
}
# Each fills the disk within a phase whose next file then has no room.
FULL = [
    Moment("start", change=3),
    Moment("row", call=1),
    Moment("row", call=4),
    Moment("checkpoint", call=2, change=2),
    Moment("checkpoint", call=4, change=5),
    Moment("evaluation", call=2),
    Moment("scoring"),
    Moment("video"),
    Moment("shipping"),
    Moment("sweep", change=3),
]


def random_moment(phase: str, dice: random.Random) -> Moment:
    """Return a moment of a phase: at a change of a file, or at any time."""
    where = PHASES[phase]
    call = dice.randint(1, where.calls)
    if where.changes and dice.random() < 0.6:
        return Moment(phase, call, change=dice.randint(1, where.changes))
    return Moment(phase, call, delay=dice.uniform(0.0, where.seconds))


def arm(moment: Moment, strike: Callable[[], object]) -> None:
    """Have a fault strike this process at a moment."""
    owner, name = PHASES[moment.phase].owner, PHASES[moment.phase].function
    original, calls, changes, struck = getattr(owner, name), itertools.count(1), itertools.count(1), []
    place = str(moment.folder)

    def watch(event: str, arguments: tuple) -> None:
        if struck or not arguments or not str(arguments[0]).startswith(place):
            return
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in CHANGES) and next(changes) == moment.change:
            struck.append(True)
            strike()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == moment.call:
            if moment.change:
                sys.addaudithook(watch)
            elif moment.delay:
                timer = threading.Timer(moment.delay, strike)
                timer.daemon = True
                timer.start()
            else:
                strike()
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def in_a_process(work: Callable[[], object], log: Path) -> tuple[int, int]:
    """Run work in a child, a copy of this process; return its id and exit code, negative where a signal ended it.

    As a command, it answers a UsageError by one line and exit code 2.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout = sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
            work()
            code = 0
        except UsageError as error:
            print(f"error: {error}")
            code = 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wait_for_session(leader: int) -> None:
    """Wait until no process of a session is left.

    Raises:
        AssertionError: where some stay.
    """
    end = time.monotonic() + GOOD
    while left := [process for process in psutil.pids() if _session(process) == leader]:
        assert time.monotonic() < end, f"processes {left} outlived the one that was killed"
        time.sleep(0.05)


def _session(process: int) -> int | None:
    try:
        return None if psutil.Process(process).status() == psutil.STATUS_ZOMBIE else os.getsid(process)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


class Faults:
    """A place for jobs, and what they leave there undisturbed."""

    def __init__(self, place: Path):
        self.place = place
        self.log = place / "log"
        self.finished = place / "finished"
        self.jobs = jobs(self.finished)
        self.expected: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        torch.set_num_threads(1)
        self.go_on("training", self.finished)

    def undisturbed(self, job: str) -> dict[str, Any]:
        """Return what a job leaves where nothing disturbs it."""
        if job not in self.expected:
            folder = self.finished if job == "training" else self.place / f"undisturbed-{job}"
            if job != "training":
                self.go_on(job, folder)
            self.expected[job] = self.jobs[job].left(folder)
        return self.expected[job]

    def go_on(self, job: str, folder: Path) -> None:
        """Begin a job, or go on with it, and come to its end."""
        _, code = in_a_process(lambda: self.jobs[job].start(folder), self.log)
        assert code == 0, self.log.read_text()

    def struck(self, moment: Moment, strike: Callable[[], object], folder: Path) -> int:
        """Begin a job and have a fault strike it; return its exit code."""
        moment.folder = folder

        def work() -> None:
            arm(moment, strike)
            self.jobs[PHASES[moment.phase].job].start(folder)

        child, code = in_a_process(work, self.log)
        wait_for_session(child)
        return code

    def check(self, job: str, folder: Path) -> None:
        """Go on with a job, and compare."""
        self.go_on(job, folder)
        assert self.jobs[job].left(folder) == self.undisturbed(job)
        assert [path for path in folder.rglob("*") if path.name.startswith(PREFIX)] == []

    def kill(self, moment: Moment) -> bool:
        """Kill a job at a moment and go on; return False where it was at its end before."""
        job, folder = PHASES[moment.phase].job, self.place / f"killed-{next(self._numbers)}"
        self.undisturbed(job)
        code = self.struck(moment, lambda: os.kill(os.getpid(), signal.SIGKILL), folder)
        assert code in (0, -signal.SIGKILL), self.log.read_text()
        self.check(job, folder) if code else None
        return code != 0

    def fill(self, moment: Moment) -> str:
        """Have the disk full from a moment on, go on once there is room; return what was said."""
        job = PHASES[moment.phase].job
        self.undisturbed(job)
        with small_disk(self.place / "disk") as (disk, full):
            folder = disk / "a b ü"
            code = self.struck(moment, full, folder)
            (disk / "ballast").unlink(missing_ok=True)
            said = self.log.read_text()
            assert code == 2, said
            assert "Traceback" not in said
            lines = [line for line in said.splitlines() if line.startswith("error: ")]
            assert len(lines) == 1, said
            assert str(folder) in lines[0]
            self.check(job, folder)
        return lines[0]


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Give a folder on a small file system, and what fills it; or any folder, and what lets a process write no more."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False

    def fill() -> None:
        with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))
        with contextlib.suppress(OSError), (place / "ballast").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1))

    def forbid() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    try:
        yield place, fill if mounted else forbid
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def main() -> int:
    """Report on each moment; return 1 where one has failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="moments of a kill")
    parser.add_argument("--fills", type=int, default=len(FULL), help="moments of a full disk")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    dice, failed = random.Random(chosen.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        faults = Faults(Path(folder))
        phases = itertools.islice(itertools.cycle(PHASES), chosen.kills)
        for number, phase in enumerate(phases, 1):
            failed += not reported(f"kill {number}", lambda phase=phase: killed(faults, phase, dice))
        for number, moment in enumerate(FULL[: chosen.fills], 1):
            failed += not reported(f"full disk {number}", lambda at=moment: f"{at}: {faults.fill(at)}")
    total = chosen.kills + min(chosen.fills, len(FULL))
    print(f"{total - failed} of {total} went on, equal to the last bit")
    return int(failed > 0)


def killed(faults: Faults, phase: str, dice: random.Random) -> str:
    """Kill a job in a phase, at a moment that it reaches; return the moment."""
    while not faults.kill(moment := random_moment(phase, dice)):
        pass
    return str(moment)


def reported(name: str, tried: Callable[[], str]) -> bool:
    """Print how a trial ended; return whether it went well."""
    try:
        print(f"{name}: {tried()}", flush=True)
    except AssertionError:
        traceback.print_exc()
        print(f"{name}: FAILED", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
