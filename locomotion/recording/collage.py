"""Several robots in one picture: of one policy or of many, or one policy in the course of its training."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from locomotion.errors import UsageError
from locomotion.files import steps_in
from locomotion.policies.files import find_policy, read_card
from locomotion.policies.shipped import short_name
from locomotion.recording.overlay import Caption
from locomotion.recording.player import Player
from locomotion.recording.video import SMOOTH, Recording, check, default_path, enter, global_generators_kept, shoot
from locomotion.runs.folder import Run

MOST = 64  # cells
CELL = 320, 240  # pixels
STAGES = 4  # of a training, where nobody says how many


@dataclass(frozen=True)
class Grid:
    """How many robots stand side by side, and how many rows of them there are."""

    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """How many robots there are."""
        return self.columns * self.rows


@dataclass(frozen=True)
class Cell:
    """One robot of the picture."""

    folder: Path  # of its policy
    seed: int  # of its first episode
    left: str  # what stands below it
    right: str = ""  # by default the robot's speed


def parse_grid(text: str) -> Grid:
    """Return the grid that `3x2` stands for: three columns, two rows.

    Raises:
        UsageError: where it stands for none.
    """
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", text)
    grid = Grid(*map(int, match.groups())) if match else None
    if grid is None or grid.cells > MOST:
        raise UsageError(f"--grid takes columns x rows, such as 3x2, and at most {MOST} robots, got {text!r}")
    return grid


def grid_for(count: int) -> Grid:
    """Return the grid for so many policies: one row, or one nearly square."""
    columns = count if count < 4 else math.ceil(math.sqrt(count))
    return Grid(columns, math.ceil(count / columns))


def record_several(
    policies: Sequence[str | Path],
    grid: Grid | None = None,
    out: Path | None = None,
    seconds: float = 10.0,
    width: int | None = None,
    height: int | None = None,
    seed: int = 0,
    fps: float = SMOOTH,
) -> Recording:
    """Film policies in one picture: in order, and over again with the next seed until the grid is full.

    Args:
        policies: each what `find_policy` finds.
        grid: by default the smallest that has a place for each.
        out: the file, whose ending says the format; by default an MP4 where the first policy's own video goes.
        seconds: the video's length.
        width: of the whole picture, in pixels; by default 320 for each column.
        height: of the whole picture, in pixels; by default 240 for each row.
        seed: of the first episodes.
        fps: frames per second: from this to twice as many, or one for each action where there are fewer.

    Raises:
        UsageError: where there is no such policy, nothing can be drawn or written, or a number is out of bounds.
    """
    grid = grid or grid_for(len(policies))
    if len(policies) > grid.cells:
        raise UsageError(
            f"{len(policies)} policies do not fit into {grid.columns}x{grid.rows} places; name a larger --grid"
        )
    folders = [find_policy(name) for name in policies]
    names = [short_name(read_card(folder).env) for folder in folders]
    cells = [
        Cell(folders[i % len(folders)], seed + i // len(folders), names[i % len(folders)]) for i in range(grid.cells)
    ]
    if out is None:
        alone = default_path(folders[0], read_card(folders[0]))
        out = alone.with_name(f"{alone.stem}-{grid.columns}x{grid.rows}.mp4")
    return film(cells, grid, out, seconds, width, height, fps)


def record_progress(
    run: Path,
    grid: Grid | None = None,
    out: Path | None = None,
    seconds: float = 10.0,
    width: int | None = None,
    height: int | None = None,
    seed: int = 0,
    fps: float = SMOOTH,
) -> Recording:
    """Film one robot as it was at several moments of its training, with the same start, side by side.

    Args:
        run: the run's folder.
        grid: by default 4 robots in a row, or as many as the run has kept.
        out: the file; by default `progress.mp4` in the run's `videos`.
        seconds: as for `record_several`, and so are the others.
        width: of the whole picture, in pixels.
        height: of the whole picture, in pixels.
        seed: of the first episodes.
        fps: frames per second: from this to twice as many, or one for each action where there are fewer.

    Raises:
        UsageError: where there is no run, or none of its policies, nothing can be drawn or written, a number is wrong.
    """
    if not run.is_dir():
        raise UsageError(f"there is no folder {run}: --progress takes that of a run")
    files = Run(run)
    steps = steps_in(files.snapshots)
    if not steps:
        raise UsageError(
            f"{run} has kept no policies of its training: --progress takes the folder of a run with --evaluations"
        )
    if grid is not None and grid.cells == 1:
        raise UsageError("--progress shows several moments of a training; name a --grid of two places or more, not 1x1")
    grid = grid or Grid(min(STAGES, len(steps)), 1)
    if grid.cells > len(steps):
        raise UsageError(f"{run} has kept {len(steps)} policies, too few for --grid {grid.columns}x{grid.rows}")
    chosen = [steps[round(i * (len(steps) - 1) / max(1, grid.cells - 1))] for i in range(grid.cells)]
    cells = [stage(files.snapshot(step), seed) for step in chosen]
    return film(cells, grid, files.videos / "progress.mp4" if out is None else out, seconds, width, height, fps)


def stage(snapshot: Path, seed: int) -> Cell:
    """Return the robot of a moment of a training, below it the step and the mean return it was evaluated with."""
    path = snapshot / "evaluation.json"
    try:
        score = float(json.loads(path.read_text())["return_mean"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    return Cell(snapshot, seed, f"{read_card(snapshot).steps:,} steps", f"return {score:z,.0f}")


def film(
    cells: Sequence[Cell],
    grid: Grid,
    path: Path,
    seconds: float,
    width: int | None,
    height: int | None,
    fps: float,
) -> Recording:
    """Film the robots of a picture; whole pixels that no column or row has a share of stay dark."""
    width = CELL[0] * grid.columns if width is None else width
    height = CELL[1] * grid.rows if height is None else height
    check(path, seconds, width, height, min(cell.seed for cell in cells), fps)
    size = width // grid.columns, height // grid.rows
    caption = Caption(*size)
    with global_generators_kept(), contextlib.ExitStack() as stack:
        players = [enter(stack, cell.folder, cell.seed, *size) for cell in cells]

        def picture() -> Image.Image:
            whole = Image.new("RGB", (width, height))
            for i, (cell, player) in enumerate(zip(cells, players, strict=True)):
                image = player.picture(*size)
                caption.draw(image, cell.left, cell.right or deeds_of(player))
                whole.paste(image, (i % grid.columns * size[0], i // grid.columns * size[1]))
            return whole

        frames, rate = shoot(path, players, picture, seconds, width, height, fps)
    envs = dict.fromkeys(player.name for player in players)
    return Recording(", ".join(envs), path, frames, float(frames / rate))


def deeds_of(player: Player) -> str:
    """Return what is written below a robot: its speed, or whether it obeys, or nothing of one that goes nowhere."""
    obeyed = player.obedience()
    if obeyed is not None:
        told, done = obeyed
        return f"told {told[0]:z.1f}, does {done[0]:z.1f} m/s"
    speed = player.speed()
    return "" if speed is None else f"{speed:z.1f} m/s"
