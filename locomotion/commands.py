"""The verbs of the command line: scripts/VERB.py, `python -m locomotion VERB` and `locomotion VERB` call them.

Each reads its arguments first and imports what its work needs then, so that `--help` and mistakes are answered at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

import envs
from locomotion.command_line import asks_for_help, parse
from locomotion.environments import Purpose
from locomotion.errors import UsageError
from locomotion.policies.stored import Numbers, StoredPolicy
from locomotion.task_options import split_task_options, task_group, task_values

T = TypeVar("T")

TASK_HELP = "--task.NAME VALUE tries the policy with another number of its task; name the policy to see them all."


def train(arguments: list[str]) -> int:
    """Train a robot, or go on training one."""
    from locomotion.torchrun import is_follower

    if is_follower():  # what to learn, it is told
        from locomotion.training.processes import follow_as_launched

        follow_as_launched()
        return 0
    from locomotion.runs.parsing import parse

    settings = parse(arguments)
    from locomotion.training.place import prepare

    prepare(settings)
    from locomotion.training.train import train

    print(train(settings).summary())
    return 0


def evaluate(arguments: list[str]) -> int:
    """Score a policy."""
    from locomotion.evaluation.command import Evaluate

    wanted, numbers = of_policy(Evaluate, arguments, "evaluation")
    return wanted.run(numbers)


def record(arguments: list[str]) -> int:
    """Film policies."""
    from locomotion.recording.command import Record

    wanted, numbers = of_policy(Record, arguments, "show")
    return wanted.run(numbers)


def watch(arguments: list[str]) -> int:
    """Watch a policy live."""
    from locomotion.viewer.command import Watch

    wanted, numbers = of_policy(Watch, arguments, "show")
    return wanted.run(numbers)


def replay(arguments: list[str]) -> int:
    """Take the step of a blow-up again."""
    from locomotion.replay.command import Replay

    return parse(Replay, arguments).run()


def robots(arguments: list[str]) -> int:
    """List the robots, or show one robot's task."""
    from locomotion.evaluation.command import Robots

    return parse(Robots, arguments).run()


def ship(arguments: list[str]) -> int:
    """Put a finished run's policy into the package."""
    from locomotion.training.command import Ship

    return parse(Ship, arguments).run()


def export(arguments: list[str]) -> int:
    """Export a policy for a robot's own computer."""
    from locomotion.export.command import Export

    wanted, numbers = of_policy(Export, arguments, "evaluation")
    return wanted.run(numbers)


def import_(arguments: list[str]) -> int:
    """Import a policy of Stable-Baselines3's."""
    from locomotion.importing.command import Import

    return parse(Import, arguments).run()


def benchmark(arguments: list[str]) -> int:
    """Measure speed, scores, estimators, or the effect of gamma and lambda."""
    from locomotion.benchmarks.commands import Processes, Race, Scores, Throughput, TimeSteps, Training, Workers
    from locomotion.laboratory.commands import Derivatives, Estimators
    from locomotion.sweeps.command import GammaLambda

    words, task_words = split_task_options(arguments)
    speed, learned = Throughput | Training | Processes | Workers | Race, Scores | TimeSteps | GammaLambda
    choices: Any = speed | learned | Estimators | Derivatives
    wanted = parse(choices, words, description="Measure; each benchmark has its own --help.")
    if task_words:
        if not hasattr(wanted, "task_words"):
            raise UsageError(f"{task_words[0]} has no effect here: only scores and gamma-lambda train a task")
        wanted = dataclasses.replace(wanted, task_words=tuple(task_words))
    return wanted.run()


VERBS = {
    verb.__name__.rstrip("_"): verb
    for verb in (train, evaluate, record, watch, export, import_, replay, robots, benchmark, ship)
}


def of_policy(arguments_class: type[T], arguments: Sequence[str], purpose: Purpose) -> tuple[T, Numbers]:
    """Return the arguments of a command that takes policies, and the numbers of a policy's task that options change.

    With `--help` and a policy, its task's numbers are listed with the values that they have for this purpose.
    """
    words, task_words = split_task_options(arguments)
    if asks_for_help(words):
        _show_help(arguments_class, words, purpose)
    return parse(arguments_class, words), lambda stored: task_values(stored.env, task_words, stored.numbers(purpose))


def _show_help(arguments_class: type[T], words: Sequence[str], purpose: Purpose) -> None:
    fields = []
    for name in words[:1]:
        try:
            stored = StoredPolicy.find(name)
            cls = envs.task_class(stored.env)
        except UsageError:  # an option, or no policy's name: the help is the command's own
            break
        if cls is not None:
            group = task_group(cls, stored.numbers(purpose))
            fields.append(("task", group, dataclasses.field(default=group())))
    shown = dataclasses.make_dataclass(arguments_class.__name__, fields, bases=(arguments_class,), frozen=True)
    tyro.cli(shown, args=["--help"], description=f"{arguments_class.__doc__}\n\n{TASK_HELP}")
