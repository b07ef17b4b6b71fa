"""Shipping a policy: a finished run's final policy goes into the package, with a card that tells its origin."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import envs
from locomotion.command_line import flag, invocation
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import EVALUATION_SEED, evaluate_folder
from locomotion.evaluation.scores import Evaluation, on_the_card
from locomotion.files import atomic_folder
from locomotion.interrupts import keeping
from locomotion.policies.card import installed_versions, read_card, save_card
from locomotion.policies.shipped import FOLDER, short_name
from locomotion.runs.folder import Run
from locomotion.runs.recipes import usual_settings
from locomotion.runs.settings import CHANGEABLE, Settings, read_config
from locomotion.task_options import task_flag

LARGEST = 600_000  # bytes


@dataclass(frozen=True)
class Shipped:
    """A policy that was put into the package."""

    folder: Path
    scores: Evaluation


def ship(
    folder: Path, episodes: int | None = None, threads: int | None = None, evaluation_steps: int | None = None
) -> Shipped:
    """Score a finished run's final policy and put it into the package, in place of the robot's former one.

    Args:
        folder: the run's.
        episodes: of the score; by default as many as at the end of the run.
        threads: of the physics.
        evaluation_steps: after which an episode is cut off; by default as at the end of the run.

    Raises:
        UsageError: where the run is not finished, or was made with other versions than are here; where the policy is
            too large, or cannot be written.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, once a line has said what is kept.
    """
    settings, run = read_config(folder), Run(folder)
    final = run.latest()
    if final is None or run.steps()[-1] < settings.steps or not (folder / "evaluation.json").exists():
        raise UsageError(
            f"{folder} is not finished ({(run.steps() or [0])[-1]:,} of {settings.steps:,} steps); finish it by:"
            f" {invocation('train', '--resume', folder)}"
        )
    tensors = final / "policy.safetensors"
    if tensors.stat().st_size > LARGEST:
        raise UsageError(f"{tensors} takes {tensors.stat().st_size:,} bytes; a shipped policy may take {LARGEST:,}")
    card = read_card(final)
    if card.versions != installed_versions():
        raise UsageError(f"{folder} was trained with {card.versions}, here is {installed_versions()}; train it anew")
    count = settings.run.final_episodes if episodes is None else episodes
    limit = settings.run.evaluation_steps if evaluation_steps is None else evaluation_steps
    with keeping(lambda: "stopped; nothing was shipped"):
        scores = evaluate_folder(final, count, EVALUATION_SEED, threads=threads, evaluation_steps=limit)
    card = replace(
        card, recipe=trained_with(settings), command=training_command(settings), evaluation=on_the_card(scores)
    )
    target = FOLDER / short_name(card.env)
    try:
        unsure = f"stopped; {target} holds this policy whole, or what was there before"
        with keeping(lambda: unsure), atomic_folder(target) as temporary:
            shutil.copyfile(tensors, temporary / tensors.name)
            save_card(card, temporary)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    return Shipped(target, scores)


def trained_with(settings: Settings) -> dict[str, Any]:
    """Return the settings on which the policy depends, as JSON values."""
    values = settings.as_json()
    return {name: values[name] for name in values if name == "steps" or name not in CHANGEABLE}


def training_command(settings: Settings) -> str:
    """Return the command line that trains such a policy: robot, files, seed and what differs from the recipe."""
    wanted = settings.flat()
    usual = usual_settings(settings.env, settings.algo).flat() | {"algo": Settings.algo}
    words = ["python", "scripts/train.py", short_name(settings.env) if envs.is_own(settings.env) else settings.env]
    words += [word for file in settings.run.load for word in ("--load", file.name)]
    for name in trained_with(settings):
        if name == "task":
            words += [word for number, value in settings.task.items() for word in written(task_flag(number), value)]
        elif name != "env" and (wanted[name] != usual[name] or name == "seed"):
            words += written(flag(name), wanted[name])
    return shlex.join(words)


def written(option: str, value: Any) -> list[str]:
    """Return an option with its value as the words of a command line."""
    if isinstance(value, bool):
        prefix, name = option[: option.rindex(".") + 1] if "." in option else "--", option.split(".")[-1].lstrip("-")
        return [option if value else f"{prefix}no-{name}"]
    return [option, *map(str, value if isinstance(value, tuple | list) else (value,))]
