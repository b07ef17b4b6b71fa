"""An episode's course through a maze: its walls, apples, goals, and the places where the robot is set down."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from envs.robots.mazes import Boxes, Maze, boxes, i_maze, inner_walls, middles, random_maze, ways

THICKNESS = 0.1  # m, of walls
VISITS = 64  # goals that are drawn: after so many finds they come again
KEPT = 1024  # courses that are kept at hand: more than there are robots
OUTSIDE = -100.0  # m, x and y of a wall that a maze does not need


@dataclass(frozen=True)
class Rules:
    """How courses are drawn."""

    layout: Literal["random", "i-maze"]
    cells: int  # along a side of a random maze
    loops: float  # share of a random maze's inner walls that is removed
    apples: int  # fewer where there are not enough cells
    goal_moves: bool  # whether the goal moves when it is found

    @property
    def side(self) -> int:
        """Cells along a side."""
        return i_maze().cells if self.layout == "i-maze" else self.cells

    @property
    def walls(self) -> int:
        """The greatest number of straight walls inside a maze."""
        if self.layout == "i-maze":
            return len(boxes(i_maze(), THICKNESS).centres)
        return inner_walls(self.cells, self.loops)

    def maze(self, rng: np.random.Generator) -> Maze:
        """Draw a maze."""
        return i_maze() if self.layout == "i-maze" else random_maze(rng, self.cells, self.loops)


class MazeCourse(NamedTuple):
    """A maze of an episode, and all places in it; positions are in m."""

    maze: Maze
    walls: Boxes  # (rules.walls,), in an order that gives each a random colour; those not needed lie outside
    apples: np.ndarray  # (apples, 2)
    goals: np.ndarray  # (VISITS, 2) before the first find, before the second, ...
    starts: np.ndarray  # (VISITS, 3) x, y and heading (rad) at the beginning, after the first find, ...


@functools.lru_cache(maxsize=KEPT)
def maze_course(seed: int, rules: Rules) -> MazeCourse:
    """Draw a course, the same from the same seed.

    The robot never starts where the goal is; its first start has no apple, and neither has the first goal.
    """
    rng = np.random.default_rng(seed)
    maze = rules.maze(rng)
    walls = _shuffled(rng, boxes(maze, THICKNESS), rules.walls)
    ends, free = len(maze.ends), len(maze.free)
    steps = rng.integers(1, ends, VISITS) if rules.goal_moves else np.zeros(VISITS, int)
    goals = maze.ends[(rng.integers(ends) + steps.cumsum()) % ends]
    starts = _other(rng, maze.free, goals)
    left = maze.free[(maze.free != goals[0]) & (maze.free != starts[0])]
    apples = rng.permutation(left)[: min(rules.apples, free - 2)]
    headings = rng.uniform(-np.pi, np.pi, (VISITS, 1))
    side = maze.cells
    placed = np.concatenate([middles(side, starts), headings], axis=1)
    return MazeCourse(maze, walls, middles(side, apples), middles(side, goals), placed)


class Guide(NamedTuple):
    """The shortest ways to a cell: for each one the point to drive to, and how far the end is from there, in m."""

    points: np.ndarray  # (cells, 2)
    lengths: np.ndarray  # (cells,)


@functools.lru_cache(maxsize=KEPT)
def guide(seed: int, rules: Rules, cell: int) -> Guide:
    """Return the ways through a course to a cell."""
    lengths, following = ways(maze_course(seed, rules).maze, cell)
    return Guide(middles(rules.side, following), lengths[following].astype(float))


def _other(rng: np.random.Generator, cells: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Draw for each number of a cell that is taken one of the other cells."""
    places = np.searchsorted(cells, taken)
    return cells[(places + rng.integers(1, len(cells), len(taken))) % len(cells)]


def _shuffled(rng: np.random.Generator, walls: Boxes, count: int) -> Boxes:
    """Return `count` walls in random order: these, and others outside."""
    order = rng.permutation(count)[: len(walls.centres)]
    centres, halves = np.full((count, 2), OUTSIDE), np.full((count, 2), THICKNESS / 2)
    centres[order], halves[order] = walls.centres, walls.halves
    return Boxes(centres, halves)
