"""Sight by a horizontal line of rays: how far things are and which colours they have; and the picture that shows it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.simulation import Fields

SEEN = np.array([0, 1, 0, 0, 0, 0], np.uint8)  # the geom group that rays meet
FLOOR, SKY = np.array([0.55, 0.57, 0.60]), np.array([0.75, 0.84, 0.92])  # RGB; the sky's where a ray meets nothing
COLUMN, ROWS = 8, 96  # pixels: the width of a ray, the height of a picture
HEIGHT_ANGLE = 60.0  # degrees from a picture's lower edge to its upper one


class Seen(NamedTuple):
    """What the rays of N robots meet."""

    distances: np.ndarray  # (N, rays), m; infinite where a ray meets nothing
    colours: np.ndarray  # (N, rays, 3), RGB from 0 to 1


def look(sim: Fields, places: np.ndarray, headings: np.ndarray, rays: int, view: float) -> Seen:
    """Return what robots see along a line of rays, from left to right.

    Args:
        sim: the robots.
        places: of their eyes (N, 3), in m.
        headings: (N,) in rad.
        rays: how many; each looks through the middle of its share of the view.
        view: angle between the view's left and right edges, in degrees.
    """
    angles = headings[:, None] + np.radians(view) * (0.5 - (np.arange(rays) + 0.5) / rays)
    directions = np.zeros((*angles.shape, 3))
    np.cos(angles, out=directions[:, :, 0])
    np.sin(angles, out=directions[:, :, 1])
    lengths, geoms = sim.ray(places[:, None], directions, SEEN)
    lengths[lengths < 0.0] = np.inf
    return Seen(lengths, np.vstack([sim.model.geom_rgba[:, :3], SKY])[geoms])  # -1, for nothing, is the last row


def picture(seen: Seen, eye: float, height: float) -> np.ndarray:
    """Return pictures (N, ROWS, COLUMN * rays, 3), uint8, of what robots see: the nearer a thing, the higher it is.

    Each ray is a column, and all that it meets is drawn as a wall, darker the farther it is.

    Args:
        seen: by the robots.
        eye: height of the eyes above the floor, in m.
        height: of walls, in m.
    """
    middle, scale = ROWS / 2, ROWS / 2 / np.tan(np.radians(HEIGHT_ANGLE / 2))  # pixels
    rows = np.arange(ROWS)[:, None] + 0.5
    distances = seen.distances[:, None]
    above, below = middle - scale * (height - eye) / distances, middle + scale * eye / distances
    wall = (rows >= above) & (rows < below)
    ground = np.where(rows[:, :, None] < middle, SKY, FLOOR)
    shade = (0.4 + 0.6 * np.exp(-distances / 4.0))[..., None]
    image = np.where(wall[..., None], shade * seen.colours[:, None], ground)
    return np.repeat(np.round(255 * image).astype(np.uint8), COLUMN, axis=2)
