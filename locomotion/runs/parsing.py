"""From a command line to the settings of a training: recipe, options, the task's numbers, the run to go on with."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import envs
from envs.arguments import check_fields
from locomotion.command_line import Load, asks_for_help, flag, in_full, invocation, values_of
from locomotion.environments import known_environment, stored_environment
from locomotion.errors import UsageError
from locomotion.field_notes import field_notes, option_group
from locomotion.loading import load_files
from locomotion.runs.options import refuse_without_effect
from locomotion.runs.recipes import usual_settings
from locomotion.runs.rules import RULES, rule_named
from locomotion.runs.settings import GROUPS, Settings, differences, field_types, read_config
from locomotion.task_options import split_task_options, task_group, task_values

COMMON = ("steps", "seed", "start_from")  # settings that stand in no group


def parse(arguments: Sequence[str]) -> Settings:
    """Read the settings from a command line, over the recipe's or, with --resume, the run's own.

    Raises:
        UsageError: for an unknown robot, a value out of bounds, an option that what was chosen does not take, or a
            resume with changed settings.
    """
    arguments = in_full(arguments)
    load_files(map(Path, values_of("--load", arguments)))
    words, task_words = split_task_options(arguments)
    shows_help = asks_for_help(words)
    resumed = values_of("--resume", words)
    if resumed:
        usual = read_config(Path(resumed[-1]))
        stored_environment(usual.env, usual.run.load)
    else:
        algo = ([*values_of("--algo", words)] or [Settings.algo])[-1]
        usual = usual_settings(_robot(words, algo), algo)
        if not usual.env and not shows_help:
            raise UsageError(f"which robot? For example: {invocation('train')} Hopper-v5")
    options = command_line(usual, notes=shows_help)
    off = (tyro.conf.HelptextFromCommentsOff,)  # the help is given; looking for more takes time
    chosen: Any = tyro.cli(options, args=words, description=inspect.getdoc(Settings), config=off)
    values = _flat(chosen, usual.algo)
    if chosen.load:
        values["load"] = tuple(file.resolve() for file in chosen.load)
    if task_words:
        values["task"] = task_values(usual.env, task_words)
    foreign = _foreign(chosen, usual.algo)
    values["env"] = known_environment(values["env"], usual.run.load)
    if not resumed:
        settings = Settings.of(algo=usual.algo, **values)
        refuse_without_effect(settings, usual, foreign)
        return settings
    run = Path(resumed[-1])
    if chosen.algo != usual.algo:
        raise UsageError(another("algo", chosen.algo, usual.algo))
    settings = usual.changed(**values | {"out": run, "resume": run})
    refuse_without_effect(settings, settings, foreign)
    for name in differences(settings, usual):
        raise UsageError(another(name, settings.flat()[name], usual.flat()[name]))
    return settings


def another(name: str, now: Any, then: Any) -> str:
    """Return in one sentence that a resumed run was begun with another value of a setting."""
    begun = f"{flag(name)} {now} differs from the {then} this run was begun with"
    return f"{begun}; a resumed run goes on with its own settings"


def _robot(words: Sequence[str], algo: str) -> str:
    """Return the canonical id of the robot that a command line names, which decides the defaults; or nothing."""
    words = [word for word in words if word not in ("-h", "--help")]
    if not words:
        return ""
    chosen: Any = tyro.cli(command_line(Settings.of(algo=algo), notes=False), args=words)
    env = chosen.env
    return known_environment(env) if env else ""


def command_line(usual: Settings, *, notes: bool) -> type:
    """Return the dataclass that tyro makes the command line of: a group of options for each group of settings.

    Args:
        usual: the defaults.
        notes: whether `--help` is asked for: then only what the rule takes is shown. Otherwise all options are
            understood, so that one without effect can be refused by name.
    """
    defaults, rule, meanings = usual.flat(), rule_named(usual.algo), field_notes(Settings)
    place = tyro.conf.arg(metavar="ENV", help_behavior_hint="", help=meanings["env"])
    fields: list[Any] = [
        ("env", Annotated[tyro.conf.Positional[str], place], usual.env),
        ("algo", Annotated[Literal[*RULES], tyro.conf.arg(help=meanings["algo"])], usual.algo),
    ]
    hints = field_types(Settings)
    fields += [(name, Annotated[hints[name], tyro.conf.arg(help=meanings[name])], defaults[name]) for name in COMMON]
    groups = {**GROUPS, heading(usual.algo): rule.options}
    groups["run"] = groups.pop("run")  # last
    group: Any
    flat: Any = tyro.conf.OmitArgPrefixes  # options go by their own names
    for name, cls in groups.items():
        shown = [one for one in field_types(cls) if one != "load" and not (notes and one in rule.without)]
        group = option_group(cls, defaults, shown, notes=notes)
        if shown:
            fields.append((name, flat[group], dataclasses.field(default=group())))
    fields.append(("load", Load, ()))
    task = envs.task_class(usual.env) if usual.env else None
    if notes and task is not None:
        group = task_group(task, usual.task)
        fields.append(("task", group, dataclasses.field(default=group())))
    if not notes:
        foreign = _foreign_options(usual.algo)
        group = dataclasses.make_dataclass("Foreign", [(name, *foreign[name]) for name in foreign])
        fields.append(("foreign", flat[group], dataclasses.field(default_factory=group)))
    return dataclasses.make_dataclass("CommandLine", fields)


def heading(algo: str) -> str:
    """Return a rule's name as an identifier, under which `--help` lists its own options."""
    return re.sub(r"\W", "_", algo)


def _foreign_options(algo: str) -> dict[str, tuple[Any, Any]]:
    """Return the types and defaults of the options that other rules take and this one does not."""
    own, found = RULES[algo].option_names, {}
    for rule in RULES.values():
        cls: Any = rule.options
        for name, hint in field_types(cls).items():
            if name not in own:
                found[name] = hint, getattr(rule.options(), name)
    return found


def _flat(chosen: Any, algo: str) -> dict[str, Any]:
    """Return what was chosen by the settings' names."""
    groups = [*GROUPS, heading(algo)]
    parts = [vars(getattr(chosen, name)) for name in groups if hasattr(chosen, name)]
    return {name: getattr(chosen, name) for name in ("env", *COMMON)} | {
        k: v for part in parts for k, v in part.items()
    }


def _foreign(chosen: Any, algo: str) -> dict[str, tuple[Any, Any]]:
    """Return the options of other rules: what was given, and their defaults.

    Raises:
        UsageError: for a value out of bounds.
    """
    options, given = _foreign_options(algo), vars(chosen.foreign)
    try:
        check_fields({name: hint for name, (hint, _) in options.items()}, given, flag)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    return {name: (given[name], default) for name, (_, default) in options.items()}
