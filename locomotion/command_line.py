"""The commands' common interface: results on stdout, one sentence for a mistake, exit code 2."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

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
    load_files(map(Path, values_of("--load", arguments)))
    return tyro.cli(arguments_class, args=list(arguments), **{"description": arguments_class.__doc__} | options)


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


def invocation(verb: str) -> str:
    """Return the command of a verb, as the user types it: `python scripts/train.py` or `locomotion train`."""
    script = Path(sys.argv[0] if sys.argv else "")
    return f"python scripts/{verb}.py" if script.suffix == ".py" or not script.name else f"locomotion {verb}"


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


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Call `main` with the command line's arguments and exit with the code it returns (None: 0).

    A UsageError is printed as one sentence, with exit code 2. Ctrl-C exits with 130, SIGTERM with 143; both unwind
    normally, so that half-written files are removed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]) or 0)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
