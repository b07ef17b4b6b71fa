"""Rough ground as height maps: rubble, slopes and steps in patches, side by side in fields of rising difficulty."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import mujoco
import numpy as np

CELL = 0.08  # m between two heights of the map
PATCH = 50  # cells along the side of a patch: 4 m
FIELD = 7  # patches along the side of a field: 28 m
BLOCK = 4  # cells along the side of a block of rubble


@dataclass(frozen=True)
class Terrain:
    """A height map centred at the origin.

    Args:
        heights: in m (rows along y, columns along x).
    """

    heights: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the heights in m at these places in m, by the nearest point of the map."""
        rows, columns = self.heights.shape
        column = np.rint(x / CELL + (columns - 1) / 2).astype(int)
        row = np.rint(y / CELL + (rows - 1) / 2).astype(int)
        return self.heights[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]

    def lay(self, spec: mujoco.MjSpec, floor: str, material: str = "") -> None:
        """Replace the geom `floor` of a model by this ground, in one of the model's materials."""
        low, high = self.heights.min(), self.heights.max()
        spread = max(high - low, 1e-3)
        rows, columns = self.heights.shape
        half = [(columns - 1) * CELL / 2, (rows - 1) * CELL / 2]
        relief = (self.heights - low) / spread
        spec.add_hfield(
            name="terrain", nrow=rows, ncol=columns, size=[*half, spread, 0.1], userdata=relief.ravel().tolist()
        )
        geom = spec.geom(floor)
        geom.type = mujoco.mjtGeom.mjGEOM_HFIELD
        geom.hfieldname = "terrain"
        geom.material = material
        geom.pos = [0.0, 0.0, low]


@functools.lru_cache(maxsize=4)
def patchwork(seed: int, difficulties: tuple[float, ...], rubble: float, slope: float, step: float) -> Terrain:
    """Return one square field for each difficulty, in a row along x, of patches of random kinds.

    Args:
        seed: of the whole ground.
        difficulties: factors of the following three numbers.
        rubble: height of the largest blocks, in m.
        slope: rise over run of the hillsides.
        step: rise of a step 0.32 m deep, in m.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for difficulty in difficulties:
        for _ in range(FIELD):
            column = [_patch(rng, difficulty * rubble, difficulty * slope, difficulty * step) for _ in range(FIELD)]
            columns.append(np.concatenate(column, axis=0))
    return Terrain(np.concatenate(columns, axis=1))


def field_middle(field: np.ndarray, fields: int) -> np.ndarray:
    """Return x of the middles of fields (E,) of a patchwork, given how many there are, in m."""
    return (field - (fields - 1) / 2) * FIELD * PATCH * CELL


def blocks(rng: np.random.Generator, rows: int, columns: int, height: float) -> np.ndarray:
    """Return the heights in m (rows, columns) of rubble: square blocks, each of a random height up to `height`."""
    count = -(-rows // BLOCK), -(-columns // BLOCK)
    return np.kron(rng.uniform(0.0, height, count), np.ones((BLOCK, BLOCK)))[:rows, :columns]


def _patch(rng: np.random.Generator, rubble: float, slope: float, step: float) -> np.ndarray:
    """Return the heights in m (PATCH, PATCH) of rubble, or of a hill or a pit with even or stepped sides."""
    kind = rng.choice(["rubble", "slope", "steps"])
    if kind == "rubble":
        return blocks(rng, PATCH, PATCH, rubble)
    along = np.minimum(np.arange(PATCH), np.arange(PATCH)[::-1]) * CELL
    inwards = np.minimum(np.minimum.outer(along, along), 1.6)  # m from the nearest border
    heights = slope * inwards if kind == "slope" else step * np.floor(inwards / 0.32 + 1e-9)
    return heights * rng.choice([-1.0, 1.0])
