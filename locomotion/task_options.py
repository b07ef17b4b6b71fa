"""The numbers of a task as options, `--task.NAME VALUE`: typed, range-checked, with unit and meaning in `--help`."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import tyro
from gymnasium.envs.registration import load_env_creator

import envs
from envs.arguments import check_fields
from locomotion.command_line import flag
from locomotion.errors import UsageError
from locomotion.field_notes import option_group

PREFIX = "--task."


def split_task_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part a command line: return its other words, and those of the task's options.

    All words that follow a task's option, up to the next option, are its values: a robot's or a policy's name comes
    before them.
    """
    parts: tuple[list[str], list[str]] = [], []
    of_task = False
    for word in arguments:
        if word.startswith("-") and not _is_number(word):
            of_task = word.startswith(PREFIX)
        parts[of_task].append(word)
    return parts


def task_values(env: str, words: Sequence[str], usual: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the numbers of a task that options change, by their names: those that differ from the usual ones.

    Args:
        env: canonical id; of a foreign environment the options are its keyword arguments, each a JSON value or a word.
        words: as `split_task_options` returns them.
        usual: numbers without any options, where they differ from the task's defaults.

    Raises:
        UsageError: for a value out of bounds.
        SystemExit: where tyro has said what is wrong with a name or a value's type.
    """
    if not words:
        return {}
    cls = envs.task_class(env)
    if cls is None:
        return checked_against(foreign_defaults(env), foreign_values(words))
    group = task_group(cls, usual, notes=False)
    options = dataclasses.make_dataclass("TaskOptions", [("task", group)])
    chosen: Any = tyro.cli(options, args=list(words), description=f"Numbers of {env}.").task
    hints = typing.get_type_hints(cls, include_extras=True)
    values = {one.name: getattr(chosen, one.name) for one in dataclasses.fields(group)}
    try:
        check_fields(hints, values, task_flag)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    without = field_defaults(cls) | dict(usual or {})
    return {name: value for name, value in values.items() if value != without[name]}


def task_group(cls: type[envs.Task], values: Mapping[str, Any] | None = None, *, notes: bool = True) -> type:
    """Return a dataclass of a task's numbers for tyro; values that a command line cannot write are left out.

    Args:
        cls: the task.
        values: in place of its defaults.
        notes: whether `--help` is asked for.
    """
    return option_group(cls, field_defaults(cls) | dict(values or {}), writable_numbers(cls), notes=notes)


def writable_numbers(cls: type[envs.Task]) -> list[str]:
    """Return the names of a task's numbers that a command line can write."""
    hints = typing.get_type_hints(cls).items()
    return [name for name, hint in hints if "Mapping" not in str(hint) and name not in cls.unused]


def field_defaults(cls: type[envs.Task]) -> dict[str, Any]:
    """Return the defaults of a task's numbers."""
    return {
        one.name: one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
        for one in dataclasses.fields(cls)
    }


def task_flag(name: str) -> str:
    """Return a number of a task as it is written on the command line."""
    return PREFIX + flag(name).removeprefix("--")


def foreign_values(words: Sequence[str]) -> dict[str, Any]:
    """Return keyword arguments of a foreign environment: JSON values, or words where they are none."""
    found: dict[str, list[Any]] = {}
    for word in words:
        if word.startswith(PREFIX):
            name, sign, value = word.removeprefix(PREFIX).partition("=")
            found[name.replace("-", "_")] = [_value(value)] if sign else []
        else:
            found[[*found][-1]].append(_value(word))
    return {name: values[0] if len(values) == 1 else values or True for name, values in found.items()}


def foreign_defaults(env: str) -> dict[str, Any]:
    """Return the keyword arguments that a foreign environment's class names, with their defaults.

    Arguments without a default are left out. An environment whose class cannot be imported has none: making it will
    say why.
    """
    try:
        entry = gymnasium.spec(env).entry_point
        creator: Any = load_env_creator(entry) if isinstance(entry, str) else entry
        parameters = inspect.signature(creator).parameters
    except (gymnasium.error.Error, ImportError, AttributeError, TypeError, ValueError):
        return {}
    return {name: one.default for name, one in parameters.items() if one.default is not inspect.Parameter.empty}


def checked_against(defaults: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a foreign environment's keyword arguments, after comparing their types with those of the defaults.

    Raises:
        UsageError: naming the first value of another type.
    """
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(default, bool) and not isinstance(value, bool):
            raise UsageError(f"{task_flag(name)} must be true or false, got {value!r}")
        if _is_real(default) and not _is_real(value):
            raise UsageError(f"{task_flag(name)} must be a number, got {value!r}")
    return values


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(word: str) -> Any:
    try:
        return json.loads(re.sub(r"^([+-]?)\.(?=\d)", r"\g<1>0.", word).removeprefix("+"))  # .5 is a number to a user
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(word, word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
