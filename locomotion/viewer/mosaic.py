"""Small pictures as coloured rectangles, for a panel that can draw nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CELLS = 48  # rows and columns, at most


class Block(NamedTuple):
    """A rectangle of one colour, from its left upper corner, in pixels; colours run from 0 to 255."""

    left: float
    top: float
    right: float
    bottom: float
    red: int
    green: int
    blue: int


def mosaic(picture: np.ndarray, width: int, height: int) -> Iterator[Block]:
    """Give the rectangles that show a picture (rows, columns, 3), uint8, in so many pixels."""
    rows, columns = (np.unique(np.arange(CELLS) * size // CELLS) for size in picture.shape[:2])
    cells = picture[rows[:, None], columns]
    high, wide = height / len(rows), width / len(columns)
    for x in range(len(columns)):
        changes = np.flatnonzero((np.diff(cells[:, x].astype(int), axis=0) != 0).any(axis=1)) + 1
        edges = [0, *changes.tolist(), len(rows)]
        for top, bottom in pairwise(edges):
            yield Block(x * wide, top * high, (x + 1) * wide, bottom * high, *cells[top, x].tolist())
