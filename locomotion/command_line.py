"""The commands' common interface: results on stdout, one sentence for a mistake, exit code 2."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from locomotion.errors import UsageError
from locomotion.loading import load_files

T = TypeVar("T")

UNSET = ("None", "''")  # as `--help` would write a missing default


def optional(default: str, metavar: str = "INT") -> Any:
    """Return the help of an option that may be None: its values, and its default, with None in words."""
    return tyro.conf.arg(
        metavar=metavar, help_behavior_hint=lambda given: f"(default: {default if given in UNSET else given})"
    )


Robots = Annotated[tuple[str, ...], tyro.conf.arg(metavar="ENV ...")]

# Of every command: `load: Load = ()`.
Load = Annotated[
    tyro.conf.UseAppendAction[tuple[Path, ...]],
    tyro.conf.arg(
        metavar="FILE",
        help="A Python file that registers robots, recipes or update rules. It is run: load only files that you trust.",
    ),
]


def parse(arguments_class: type[T], arguments: Sequence[str], **options: Any) -> T:
    """Return a command's arguments, after loading the files that `--load` names.

    Args:
        arguments_class: a dataclass, whose docstring introduces `--help`.
        arguments: the command line's words.
        **options: of `tyro.cli`.
    """
    words = in_full(arguments)
    load_files(map(Path, values_of("--load", words)))
    return tyro.cli(arguments_class, args=words, **{"description": arguments_class.__doc__} | options)


def in_full(arguments: Sequence[str]) -> list[str]:
    """Return a command line's words with `~` and `~user` at the beginning of a path in full: shells leave some to us.

    Raises:
        UsageError: where there is no such home folder.
    """
    words = []
    for word in arguments:
        option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        full = os.path.expanduser(value)
        if full.startswith("~"):
            raise UsageError(f"there is no home folder {value.split('/')[0]}; ./{value} is a file of that name")
        words.append(option + equals + full)
    return words


def values_of(option: str, arguments: Sequence[str]) -> list[str]:
    """Return the values of an option, in their order, before the other options are parsed."""
    values = []
    for word, following in itertools.pairwise([*arguments, None]):
        if word == option and following is not None:
            values.append(following)
        elif word is not None and word.startswith(option + "="):
            values.append(word.removeprefix(option + "="))
    return values


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for `--help`."""
    return bool({"-h", "--help"} & set(arguments))


def flag(name: str) -> str:
    """Return a setting's name as it is written on the command line."""
    return "--" + name.replace("_", "-")


def listed(names: Sequence[str]) -> str:
    """Return names as a reader lists them: `a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def invocation(verb: str, *words: str | Path) -> str:
    """Return a verb's command line: `python scripts/train.py ...`, the path as it was typed, or `locomotion train ...`.

    Either works in the folder in which this process was started.
    """
    script = Path(sys.argv[0] if sys.argv else "").parent / f"{verb}.py"
    ours = script.is_file() and script.absolute().parent.name == "scripts"
    return " ".join([f"python {quoted(script)}" if ours else f"locomotion {verb}", *map(quoted, words)])


def quoted(word: str | Path) -> str:
    """Return a word as a shell reads it, on one line."""
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"  # else it would be an option
    if text.isprintable():
        return shlex.quote(text)
    # A newline, or a byte that is no text: bash, zsh and ksh know $'...'.
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(plain)}'"


def loading(files: Iterable[str | Path]) -> str:
    """Return the options that load files, as a shell reads them."""
    return " ".join(f"--load {quoted(file)}" for file in files)


def require_at_least_one(**numbers: int) -> None:
    """Check options that count something, given by their names.

    Raises:
        UsageError: naming the first that is below 1.
    """
    for name, value in numbers.items():
        if value < 1:
            raise UsageError(f"--{name} must be at least 1, got {value}")


def require_robots(option: str, robots: Sequence[str]) -> None:
    """Check an option that lists robots.

    Raises:
        UsageError: where it lists none, or one of them twice.
    """
    if not robots:
        raise UsageError(f"--{option} must name at least one robot, got none")
    if len(set(robots)) < len(robots):
        raise UsageError(f"--{option} names a robot twice: {' '.join(robots)}")
