"""The command line of a recording: its options, their checks, and the run.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import Load, optional
from locomotion.errors import UsageError
from locomotion.policies.stored import Numbers, as_trained
from locomotion.recording.film import Film


@dataclass(frozen=True)
class Record:
    """Film policies, episode after episode, in real time."""

    policies: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="POLICY ...", help_behavior_hint="")
    ] = ()
    """Shipped policies' names (Hopper), folders of runs or checkpoints, or hub:USER/NAME; several share one film."""
    grid: Annotated[str | None, optional("a place for each policy", "COLUMNSxROWS")] = None
    """Several robots in one picture; the policies take the places in turn, each time with the next seed."""
    progress: Annotated[Path | None, optional("none", "RUN")] = None
    """Instead of policies: one robot at several moments of its training, side by side."""
    film: Annotated[Film, tyro.conf.arg(name="")] = field(default_factory=Film)
    """The video."""
    load: Load = ()

    def __post_init__(self) -> None:
        if bool(self.policies) == (self.progress is not None):
            raise UsageError("name what to film: one or several POLICIES, or --progress RUN")

    def run(self, numbers: Numbers = as_trained) -> int:
        """Make the video; print its file and, of a single robot, the return of its first episode.

        Args:
            numbers: of a policy's task that differ from those it is filmed with.
        """
        from locomotion.recording.collage import parse_grid, record_progress, record_several
        from locomotion.recording.video import record

        grid = None if self.grid is None else parse_grid(self.grid)
        if self.progress is not None:
            video = record_progress(self.progress, grid, self.film, numbers)
        elif grid is not None or len(self.policies) > 1:
            video = record_several(self.policies, grid, self.film, numbers)
        else:
            video = record(self.policies[0], self.film, numbers)
        print(video.summary())
        return 0
