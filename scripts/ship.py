"""Put a finished run's final policy into the package: python scripts/ship.py runs/Hopper-v5/trpo/NAME."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import optional, run
from locomotion.training.ship import ship


@dataclass(frozen=True)
class Arguments:
    """Score a finished run's final policy and put it into the package, with a card that says where it came from."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    episodes: Annotated[int | None, optional("as many as at the end of the run")] = None
    """By which it is scored."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""


def main(arguments: list[str]) -> None:
    """Ship as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    shipped = ship(wanted.run, wanted.episodes, wanted.threads)
    print(shipped.scores.table())
    print(f"shipped: {shipped.folder}")


if __name__ == "__main__":
    run(main)
