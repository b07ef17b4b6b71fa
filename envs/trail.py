"""The ways that robots have come, as lines in pictures."""

from __future__ import annotations

import mujoco
import numpy as np

WIDTH = 0.025  # m
HEIGHT = 0.02  # m above the floor
COLOUR = np.array([0.10, 0.10, 0.12, 1.0], np.float32)
LEAP = 1.0  # m: a robot that is farther from its last place was set down elsewhere


class Trail:
    """The places of one robot in its present episode, as often as they were noted."""

    def __init__(self) -> None:
        self._age = -1.0  # steps of the episode at the last place
        self._places: list[np.ndarray] = []  # (3,) in m, on the floor

    def note(self, age: float, place: np.ndarray) -> None:
        """Add a place (2,), in m, of an episode that is `age` steps old; a younger one begins anew."""
        if age < self._age:
            self._places.clear()
        if age != self._age:
            self._places.append(np.append(place, HEIGHT))
        self._age = age

    def draw(self, scene: mujoco.MjvScene) -> None:
        """Add lines between these places to a scene, as far as it has room."""
        for start, end in zip(self._places, self._places[1:], strict=False):
            if np.linalg.norm(end - start) > LEAP or scene.ngeom >= scene.maxgeom:
                continue
            line = scene.geoms[scene.ngeom]
            kind = mujoco.mjtGeom.mjGEOM_CAPSULE.value
            mujoco.mjv_initGeom(line, kind, np.zeros(3), np.zeros(3), np.zeros(9), COLOUR)
            mujoco.mjv_connector(line, kind, WIDTH, start, end)
            scene.ngeom += 1
