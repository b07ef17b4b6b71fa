"""Several robots in one picture: policies side by side, or one policy at several moments of its training."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from locomotion.errors import UsageError
from locomotion.files import steps_in
from locomotion.policies.scores import read_scores
from locomotion.policies.shipped import short_name
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained
from locomotion.recording.film import Film
from locomotion.recording.overlay import Caption
from locomotion.recording.player import Player
from locomotion.recording.video import Video, default_path, enter, global_generators_kept, shoot
from locomotion.runs.folder import Run

MAX_TILES = 64
TILE_SIZE = 320, 240  # pixels
STAGES = 4  # of a training, by default


@dataclass(frozen=True)
class Grid:
    """The tiles of a picture: one robot in each."""

    columns: int
    rows: int

    @property
    def tiles(self) -> int:
        """Number of robots."""
        return self.columns * self.rows


@dataclass(frozen=True)
class Tile:
    """One robot of the picture."""

    stored: StoredPolicy
    seed: int  # of its first episode
    left: str  # caption below the robot
    right: str = ""  # caption; by default the robot's speed


def parse_grid(text: str) -> Grid:
    """Return the grid of a text such as `3x2`: three columns, two rows.

    Raises:
        UsageError: where the text is no grid.
    """
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", text)
    grid = Grid(*map(int, match.groups())) if match else None
    if grid is None or grid.tiles > MAX_TILES:
        raise UsageError(f"--grid takes columns x rows, such as 3x2, and at most {MAX_TILES} robots, got {text!r}")
    return grid


def grid_for(count: int) -> Grid:
    """Return a grid for `count` policies: one row of up to three, else nearly square."""
    columns = count if count < 4 else math.ceil(math.sqrt(count))
    return Grid(columns, math.ceil(count / columns))


def record_several(
    policies: Sequence[str | Path], grid: Grid | None = None, film: Film | None = None, numbers: Numbers = as_trained
) -> Video:
    """Film policies in one picture: in order, and over again with the next seed until the grid is full.

    Args:
        policies: each as `StoredPolicy.find` takes it.
        grid: by default the smallest that has a tile for each.
        film: the video's options. By default it is an MP4 where the first policy's own video goes, of 320 x 240 pixels
            for each tile; width and height are those of the whole picture.
        numbers: of a policy's task that differ from those it is filmed with.

    Raises:
        UsageError: where there is no such policy, nothing can be drawn or written, or a number is out of bounds.
    """
    film, grid = film or Film(), grid or grid_for(len(policies))
    if len(policies) > grid.tiles:
        raise UsageError(
            f"{len(policies)} policies do not fit into {grid.columns}x{grid.rows} places; name a larger --grid"
        )
    found = [StoredPolicy.find(name) for name in policies]
    tiles = []
    for i in range(grid.tiles):
        stored = found[i % len(found)]
        tiles.append(Tile(stored, film.seed + i // len(found), short_name(stored.env)))
    single = default_path(found[0])
    default_out = single.with_name(f"{single.stem}-{grid.columns}x{grid.rows}.mp4")
    return shoot_tiles(tiles, grid, film, default_out, numbers)


def record_progress(
    run: Path, grid: Grid | None = None, film: Film | None = None, numbers: Numbers = as_trained
) -> Video:
    """Film one robot at several moments of its training, from the same start, side by side.

    Args:
        run: the run's folder.
        grid: by default one row of 4 tiles, or of as many as the run has kept policies.
        film: the video's options, as for `record_several`; by default it is `progress.mp4` in the run's `videos`.
        numbers: of the task that differ from those it is filmed with.

    Raises:
        UsageError: where there is no run, it has kept no policies, nothing can be drawn or written, or a number is out
            of bounds.
    """
    film = film or Film()
    if not run.is_dir():
        raise UsageError(f"there is no folder {run}: --progress takes that of a run")
    files = Run(run)
    steps = steps_in(files.snapshots)
    if not steps:
        raise UsageError(
            f"{run} has kept no policies of its training: --progress takes the folder of a run with --evaluations"
        )
    if grid is not None and grid.tiles == 1:
        raise UsageError("--progress shows several moments of a training; name a --grid of two places or more, not 1x1")
    grid = grid or Grid(min(STAGES, len(steps)), 1)
    if grid.tiles > len(steps):
        raise UsageError(f"{run} has kept {len(steps)} policies, too few for --grid {grid.columns}x{grid.rows}")
    chosen = [steps[round(i * (len(steps) - 1) / max(1, grid.tiles - 1))] for i in range(grid.tiles)]
    tiles = [stage(files.snapshot(step), film.seed) for step in chosen]
    return shoot_tiles(tiles, grid, film, files.videos / "progress.mp4", numbers)


def stage(snapshot: Path, seed: int) -> Tile:
    """Return the tile of one moment of a training, captioned with its step and mean return in evaluation."""
    stored = StoredPolicy.find(snapshot)
    score = read_scores(snapshot / "evaluation.json")["return_mean"]
    return Tile(stored, seed, f"{stored.card.steps:,} steps", f"return {score:z,.0f}")


def shoot_tiles(tiles: Sequence[Tile], grid: Grid, film: Film, default_out: Path, numbers: Numbers) -> Video:
    """Film the robots of a picture; pixels left over by the division into columns and rows stay dark."""
    film = film.with_defaults(default_out, TILE_SIZE[0] * grid.columns, TILE_SIZE[1] * grid.rows)
    width, height = film.size[0] // grid.columns, film.size[1] // grid.rows
    caption = Caption(width, height)
    with global_generators_kept(), contextlib.ExitStack() as stack:
        players = [enter(stack, tile.stored, tile.seed, (width, height), numbers(tile.stored)) for tile in tiles]

        def picture() -> Image.Image:
            whole = Image.new("RGB", film.size)
            for i, (tile, player) in enumerate(zip(tiles, players, strict=True)):
                image = player.picture(width, height)
                caption.draw(image, tile.left, tile.right or caption_for(player))
                whole.paste(image, (i % grid.columns * width, i // grid.columns * height))
            return whole

        frames, rate = shoot(film, players, picture)
    envs = dict.fromkeys(player.name for player in players)
    return Video(", ".join(envs), film.path, frames, float(frames / rate))


def caption_for(player: Player) -> str:
    """Return the caption of a robot: its speed, or speed and command; empty where its task tracks no distance."""
    tracking = player.command_tracking()
    if tracking is not None:
        commands, actual = tracking
        return f"{actual[0]:z.1f} of {commands[0]:z.1f} m/s"
    speed = player.speed()
    return "" if speed is None else f"{speed:z.1f} m/s"
