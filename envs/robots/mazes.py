"""Mazes on a grid of square cells: drawn at random, or Mirowski's I; and the straight walls they consist of.

Cell (x, y) of n x n is number `y * n + x`; cells are 1 long, and the grid's middle is the origin.
"""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

I_CELLS = 5  # cells along a side of the I, an odd number


@dataclass(frozen=True)
class Maze:
    """Which of a grid's cells can be entered, and which neighbours have a wall between them."""

    between_columns: np.ndarray  # (n - 1, n), bool: a wall between cells (x, y) and (x + 1, y), at [x, y]
    between_rows: np.ndarray  # (n - 1, n), bool: a wall between cells (x, y) and (x, y + 1), at [y, x]
    free: np.ndarray  # (cells,) numbers of the cells that can be entered
    ends: np.ndarray  # (places,) those of them in which a goal may stand

    @property
    def cells(self) -> int:
        """Cells along a side."""
        return self.between_rows.shape[1]


class Boxes(NamedTuple):
    """Straight walls, each a longest run along a line of the grid."""

    centres: np.ndarray  # (walls, 2)
    halves: np.ndarray  # (walls, 2) half their sizes


class Ways(NamedTuple):
    """The shortest ways from all cells to one."""

    lengths: np.ndarray  # (cells,) steps from each cell; -1 where there is no way
    following: np.ndarray  # (cells,) number of the next cell on the way; the goal's own is the goal


def inner_walls(cells: int, loops: float) -> int:
    """Return the length of the walls inside a random maze: how many pairs of neighbours they part."""
    return round((1.0 - loops) * (cells - 1) ** 2)


def random_maze(rng: np.random.Generator, cells: int, loops: float) -> Maze:
    """Draw a maze: a tree that a depth-first walk leaves (Buck 2015, "Mazes for Programmers"), with openings added.

    Args:
        rng: of the draw.
        cells: along a side, at least 2.
        loops: share of the tree's inner walls that is removed; each wall less makes one loop more.
    """
    walls = np.ones((2, cells - 1, cells), bool)
    flat, neighbours = walls.reshape(-1), _neighbours(cells)
    choices = iter(rng.random(2 * cells * cells).tolist())
    here = int(next(choices) * cells * cells)
    unseen = [True] * (cells * cells)
    unseen[here] = False
    path, opened = [here], []
    while path:
        ways = [way for way in neighbours[path[-1]] if unseen[way[0]]]
        if not ways:
            path.pop()
            continue
        there, wall = ways[int(next(choices) * len(ways))]
        unseen[there] = False
        path.append(there)
        opened.append(wall)
    flat[opened] = False
    left = np.flatnonzero(flat)
    flat[rng.permutation(left)[inner_walls(cells, loops) :]] = False
    every = np.arange(cells * cells)
    return Maze(walls[0], walls[1], every, every)


@functools.cache
def i_maze() -> Maze:
    """Return the maze shaped like an I, with a goal in one of its four corners (Mirowski et al. 2017, figure 2)."""
    upright, across = np.zeros((2, I_CELLS - 1, I_CELLS), bool)
    stem = I_CELLS // 2
    upright[stem - 1 : stem + 1, 1:-1] = True  # along both sides of the stem
    across[[0, -1]] = True  # under and over the bars
    across[:, stem] = False
    grid = np.arange(I_CELLS * I_CELLS).reshape(I_CELLS, I_CELLS)
    free = np.concatenate([grid[0], grid[1:-1, stem], grid[-1]])
    return Maze(upright, across, free, grid[[0, 0, -1, -1], [0, -1, 0, -1]])


def boxes(maze: Maze, thickness: float) -> Boxes:
    """Return a maze's inner walls, with ends that fill the corners where walls meet."""
    along, centres, halves = maze.cells, [], []
    for axis, walls in enumerate((maze.between_columns, maze.between_rows)):
        edges = np.zeros((along - 1, along + 2), np.int8)
        edges[:, 1:-1] = walls
        steps = np.diff(edges, axis=1)
        line, start = (steps == 1).nonzero()
        stop = (steps == -1).nonzero()[1]  # in the same order
        centre, half = np.empty((2, len(line), 2))
        centre[:, axis], centre[:, 1 - axis] = line + 1.0, (start + stop) / 2
        half[:, axis], half[:, 1 - axis] = thickness / 2, (stop - start + thickness) / 2
        centres.append(centre)
        halves.append(half)
    return Boxes(np.concatenate(centres) - along / 2, np.concatenate(halves))


def ways(maze: Maze, goal: int) -> Ways:
    """Return the shortest ways through a maze from every cell to one of them."""
    lengths = np.full(maze.cells**2, -1)
    following = np.full(maze.cells**2, goal)
    lengths[goal] = 0
    walls = np.concatenate([maze.between_columns.reshape(-1), maze.between_rows.reshape(-1)]).tolist()
    neighbours = _neighbours(maze.cells)
    queue = deque([goal])
    while queue:
        here = queue.popleft()
        for there, wall in neighbours[here]:
            if not walls[wall] and lengths[there] < 0:
                lengths[there], following[there] = lengths[here] + 1, here
                queue.append(there)
    return Ways(lengths, following)


def borders(cells: int, thickness: float) -> Boxes:
    """Return the four walls around a maze: left, right, near and far."""
    reach, half = cells / 2, (cells + thickness) / 2
    centres = [[-reach, 0.0], [reach, 0.0], [0.0, -reach], [0.0, reach]]
    halves = [[thickness / 2, half], [thickness / 2, half], [half, thickness / 2], [half, thickness / 2]]
    return Boxes(np.array(centres), np.array(halves))


def middles(cells: int, numbers: np.ndarray) -> np.ndarray:
    """Return the middles (..., 2) of cells, given their numbers (...)."""
    return np.stack([numbers % cells, numbers // cells], axis=-1) + 0.5 - cells / 2


def cells_at(cells: int, places: np.ndarray) -> np.ndarray:
    """Return the numbers (...) of the cells in which places (..., 2) lie, or that are nearest to them."""
    columns, rows = np.moveaxis(np.clip((places + cells / 2).astype(int), 0, cells - 1), -1, 0)
    return rows * cells + columns


@functools.cache
def _neighbours(cells: int) -> list[list[tuple[int, int]]]:
    """Return for each cell the neighbours, each with the place of the wall between in both arrays, flattened."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(cells * cells)]
    per_axis = (cells - 1) * cells
    for line in range(cells - 1):
        for place in range(cells):
            here, wall = place * cells + line, line * cells + place
            below, across = line * cells + place, per_axis + line * cells + place
            found[here].append((here + 1, wall))
            found[here + 1].append((here, wall))
            found[below].append((below + cells, across))
            found[below + cells].append((below, across))
    return found
