"""The command line of shipping a policy.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import Load, optional


@dataclass(frozen=True)
class Ship:
    """Score a finished run's final policy and put it into the package, with a card that says where it came from."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    episodes: Annotated[int | None, optional("as many as at the end of the run")] = None
    """Number of episodes by which it is scored."""
    evaluation_steps: Annotated[int | None, optional("as at the end of the run")] = None
    """Steps after which an episode is cut off."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    load: Load = ()

    def run(self) -> int:
        """Print the scores and the folder."""
        from locomotion.training.ship import ship

        shipped = ship(self.folder, self.episodes, self.threads, self.evaluation_steps)
        print(shipped.scores.table())
        print(f"shipped: {shipped.folder}")
        return 0
