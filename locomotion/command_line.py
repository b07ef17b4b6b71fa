"""How every script speaks to its user: results on stdout, one sentence for a mistake, exit code 2."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import tyro

from locomotion.errors import UsageError

UNSET = ("None", "''")  # as `--help` would write a default that is not there


Robots = Annotated[tuple[str, ...], tyro.conf.arg(metavar="ENV ...")]


def optional(default: str, metavar: str = "INT") -> Any:
    """Return what `--help` says of an option that may be None: what it takes, and its default, None in words."""
    return tyro.conf.arg(
        metavar=metavar, help_behavior_hint=lambda given: f"(default: {default if given in UNSET else given})"
    )


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

    A UsageError is printed as one sentence, with exit code 2; Ctrl-C exits with 130, and who is told to end (SIGTERM)
    with 143: an exit like any other, so that half-written files are removed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]) or 0)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
