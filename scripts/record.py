"""Film a policy: python scripts/record.py runs/Hopper-v5/trpo/NAME."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from locomotion.command_line import run
from locomotion.video import record


@dataclass(frozen=True)
class Arguments:
    """Film a policy, episode after episode, in real time."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A run's folder (its last checkpoint is filmed) or a checkpoint's."""
    out: Path | None = None
    """The video, .mp4, .gif or .webp (default: an MP4 in the run's videos folder)."""
    seconds: float = 10.0
    """Its length."""
    width: int = 640
    """Of the picture, in pixels."""
    height: int = 480
    """Of the picture, in pixels."""
    seed: int = 0
    """The first episode starts as the environment reset with it."""


def main(arguments: list[str]) -> None:
    """Film as the command line says."""
    wanted = tyro.cli(Arguments, args=arguments, description=Arguments.__doc__)
    made = record(wanted.policy, wanted.out, wanted.seconds, wanted.width, wanted.height, wanted.seed)
    score = f"{made.episode_return:.2f}" if made.finished else f"{made.episode_return:.2f} so far"
    print(f"{made.env}: {made.frames} frames, {made.seconds:.2f} s")
    print(f"{made.path}, return of the first episode {score}")


if __name__ == "__main__":
    run(main)
