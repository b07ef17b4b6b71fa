"""A challenge course as a height map: lanes side by side, each with the same sections, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from envs.robots.terrain import CELL, Terrain, blocks

LENGTH, START = 24.0, 2.0  # m, of a lane, and of the level ground before and behind it
WIDTH = 2.4  # m, of a lane
RIM = 0.3  # m, height of the walls between lanes above the ground beside them
TREAD = 3  # cells of a stair: 0.24 m
FLIGHT = 8  # stairs down, and up again
NARROWEST = 2 * CELL  # m, width of the narrowest beam, whatever the difficulty
TRENCH, RAMP = 0.3, 0.25  # m, depth beside the beam; rise over run of the ways out


class Section(NamedTuple):
    """A part of a lane, in m from its beginning."""

    start: float
    end: float


SECTIONS: Mapping[str, Section] = {
    "rubble": Section(0.0, 4.0),
    "slope": Section(4.0, 6.4),
    "platform": Section(6.4, 8.0),
    "stairs": Section(8.0, 12.0),
    "descent": Section(12.0, 14.4),
    "beam": Section(14.4, 17.2),
    "ice": Section(17.2, 20.4),
    "pushes": Section(20.4, 24.0),
}


class Size(NamedTuple):
    """What a lane is like at difficulty 1."""

    rubble: float  # m, height of the largest blocks
    slope: float  # rise over run
    stair: float  # m, rise of a stair
    beam: float  # m, width of the beam; at difficulty 0 it fills the lane


@functools.lru_cache(maxsize=4)
def challenge(seed: int, difficulties: tuple[float, ...], size: Size) -> Terrain:
    """Return lanes along x, one for each difficulty, the first at the least y; the ground's middle is the origin.

    Args:
        seed: of the whole ground.
        difficulties: of the lanes; factors of `size`.
        size: of what lies in the way.
    """
    rng = np.random.default_rng(seed)
    lanes = [_lane(rng, difficulty, size) for difficulty in difficulties]
    return Terrain(np.concatenate(lanes))


def middle(lane: np.ndarray, lanes: int) -> np.ndarray:
    """Return y of the middles of lanes (E,), given how many there are, in m."""
    return (lane - (lanes - 1) / 2) * WIDTH


def _cells(length: float) -> int:
    return round(length / CELL)


def _lane(rng: np.random.Generator, difficulty: float, size: Size) -> np.ndarray:
    """Return the heights (rows along y, columns along x) of a lane with its walls, in m."""
    rows = _cells(WIDTH)
    before = np.zeros((rows, _cells(START)))
    parts = {name: _cells(section.end - section.start) for name, section in SECTIONS.items()}
    rise = difficulty * size.slope * CELL * np.arange(1, parts["slope"] + 1)
    top = rise[-1]
    flights = difficulty * size.stair * np.arange(1, FLIGHT + 1)
    down = np.repeat(flights, TREAD)
    level = parts["stairs"] - 2 * len(down)
    profile = {
        "slope": rise,
        "platform": np.full(parts["platform"], top),
        "stairs": top - np.concatenate([down, np.full(level, down[-1]), down[::-1]]),
        "descent": rise[::-1],
        "ice": np.zeros(parts["ice"]),
        "pushes": np.zeros(parts["pushes"]),
    }
    grounds = {name: np.tile(heights, (rows, 1)) for name, heights in profile.items()}
    grounds["rubble"] = blocks(rng, rows, parts["rubble"], difficulty * size.rubble)
    grounds["beam"] = _beam(rng, rows, parts["beam"], difficulty, size.beam)
    lane = np.concatenate([before, *(grounds[name] for name in SECTIONS), before], axis=1)
    lane[[0, -1]] = lane.max(axis=0) + RIM
    return lane


def _beam(rng: np.random.Generator, rows: int, columns: int, difficulty: float, width: float) -> np.ndarray:
    """Return a beam between trenches, narrower than the lane by the difficulty; the trenches end in ramps."""
    half = max(WIDTH + difficulty * (width - WIDTH), NARROWEST) / 2
    aside = 0.1 * rng.uniform(-1.0, 1.0)  # m, of the beam from the lane's middle
    across = CELL * (np.arange(rows) - (rows - 1) / 2)
    left = CELL * np.arange(columns)[::-1]  # m to the end
    floor = -np.minimum(TRENCH, RAMP * left)
    return np.where((np.abs(across - aside) <= half)[:, None], 0.0, floor)
