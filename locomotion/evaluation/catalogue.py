"""The robots at a glance: a table of all of them, and a page of one robot's task."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
from gymnasium import spaces

import envs
from locomotion.environments import known_environment
from locomotion.field_notes import field_notes
from locomotion.policies.card import read_card
from locomotion.policies.shipped import find_shipped
from locomotion.tables import markdown_table
from locomotion.task_options import field_defaults, foreign_defaults, task_flag, writable_numbers

FIGURES = 3  # of a task's own, in the table


def table() -> str:
    """Return all batched robots as a Markdown table: their tasks, the policies that ship, and the policies' scores."""
    rows = []
    for env in envs.robot_ids():
        cls = envs.task_class(env)
        assert cls is not None
        folder = find_shipped(env)
        row = [envs.short_name(env), _first_sentence(cls), "", "", ""]
        if folder is not None:
            scores = read_card(folder).evaluation or {}
            figures = [f"{name} {value:.3g}" for name, value in scores.get("metrics", {}).items()]
            row[2:] = [folder.name, f"{scores['return_mean']:.1f}" if scores else "", ", ".join(figures[:FIGURES])]
        rows.append(row)
    return markdown_table(["robot", "task", "policy", "return", "figures"], rows)


def page(robot: str) -> str:
    """Return a robot's task: observations, actions, reward terms, and every number with its unit and meaning.

    Of a foreign environment, whose task is its own, the keyword arguments are returned.

    Raises:
        UsageError: where the robot is unknown.
    """
    env = known_environment(robot)
    cls = envs.task_class(env)
    if cls is None:
        options = ", ".join(f"{task_flag(name)} {default}" for name, default in foreign_defaults(env).items())
        return f"{env}: not one of the batched robots. Its keyword arguments, with their defaults: {options or 'none'}"
    task = envs.make_task(env)
    assert task is not None
    world = envs.World(task, 1)
    space = world.action_space
    if isinstance(space, spaces.Discrete):
        actions = f"one of {space.n} choices"
    else:
        actions = f"{space.shape[0]} numbers: {np.min(space.low):g} to {np.max(space.high):g}"
    numbers = markdown_table(["number", "default", "evaluation", "film", "meaning"], _numbers(cls))
    seen = {name: size for name, size in world.layout.items() if name not in world.privileged}
    observations = markdown_table(["observation", "numbers"], seen.items())
    hidden = [f"{name} ({world.layout[name]})" for name in world.privileged]
    sections = [
        f"{env}: {inspect.getdoc(cls)}",
        f"Observations, {sum(seen.values())} numbers:\n\n{observations}",
        *([f"Privileged, seen in training by the critic alone: {', '.join(hidden)}"] if hidden else []),
        f"Actions, {actions}, every {world.dt:g} s",
        f"Reward terms: {', '.join(world.episodes.terms)}",
        f"Numbers, each an option {task_flag('NAME')}:\n\n{numbers}",
    ]
    for prefix, trial in task.trials.items():
        changes = " ".join(f"{task_flag(name)} {_written(value)}" for name, value in trial.fields.items())
        if trial.forget_at is not None:
            changes = f"{changes} memories wiped at {trial.forget_at}".strip()
        figures = ", ".join(f"{prefix}_{metric}" for metric in trial.metrics)
        sections.append(f"Further trial of an evaluation: {changes}, which gives {figures}")
    return "\n\n".join(sections)


def _numbers(cls: type[envs.Task]) -> list[list[Any]]:
    """Return a row for each option of a task: its default, where evaluation or film differ, and its meaning."""
    notes, defaults = field_notes(cls), field_defaults(cls)
    rows, writable = [], writable_numbers(cls)
    for one in dataclasses.fields(cls):
        if one.name not in writable:
            continue
        changes = [
            _written(changes[one.name]) if one.name in changes else "" for changes in (cls.evaluation, cls.shown)
        ]
        rows.append([one.name, _written(defaults[one.name]), *changes, notes.get(one.name, "")])
    return rows


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _first_sentence(cls: type) -> str:
    return (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
