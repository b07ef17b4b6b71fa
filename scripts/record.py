"""Film a policy: python scripts/record.py Hopper, or runs/Hopper-v5/trpo/NAME."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import optional, run
from locomotion.errors import UsageError
from locomotion.recording.collage import parse_grid, record_progress, record_several
from locomotion.recording.video import SMOOTH, record


@dataclass(frozen=True)
class Arguments:
    """Film policies, episode after episode, in real time."""

    policies: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="POLICY ...", help_behavior_hint="")
    ] = ()
    """Shipped policies' names (Hopper), runs' folders (the last checkpoint is filmed) or checkpoints'; several are
    filmed in one picture."""
    grid: Annotated[str | None, optional("a place for each policy", "COLUMNSxROWS")] = None
    """Several robots in one picture; the policies take the places in turn, each time with the next seed."""
    progress: Annotated[Path | None, optional("none", "RUN")] = None
    """Instead of policies: one robot at several moments of its training, side by side."""
    out: Annotated[Path | None, optional("an MP4 in the run's videos folder, or here", "FILE")] = None
    """The video, .mp4, .gif or .webp."""
    seconds: float = 10.0
    """Its length."""
    width: Annotated[int | None, optional("640, or 320 for each column")] = None
    """Of the picture, in pixels."""
    height: Annotated[int | None, optional("480, or 240 for each row")] = None
    """Of the picture, in pixels."""
    seed: int = 0
    """The first episode starts as the environment reset with it."""
    fps: float = SMOOTH
    """Frames per second: from this to twice as many, or one for each action where there are fewer."""


def main(arguments: list[str]) -> None:
    """Film as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    if bool(wanted.policies) == (wanted.progress is not None):
        raise UsageError("name what to film: one or several POLICIES, or --progress RUN")
    grid = None if wanted.grid is None else parse_grid(wanted.grid)
    what = {name: getattr(wanted, name) for name in ("out", "seconds", "width", "height", "seed", "fps")}
    if wanted.progress is not None:
        made = record_progress(wanted.progress, grid, **what)
    elif grid is not None or len(wanted.policies) > 1:
        made = record_several(wanted.policies, grid, **what)
    else:
        made = record(wanted.policies[0], **{name: value for name, value in what.items() if value is not None})
    print(f"{made.env}: {made.frames} frames, {made.seconds:.2f} s")
    if made.episode_return is None:
        print(made.path)
    else:
        score = f"{made.episode_return:.2f}" if made.finished else f"{made.episode_return:.2f} so far"
        print(f"{made.path}, return of the first episode {score}")


if __name__ == "__main__":
    run(main)
