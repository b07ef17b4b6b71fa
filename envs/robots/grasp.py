"""Grasp: an arm lifts a cube to a goal height and holds it there."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Share
from envs.robots.pick_and_place import PickAndPlace


@dataclass(frozen=True)
class Grasp(PickAndPlace):
    """Lift a cube from anywhere in the arm's reach straight up to a goal height, shown by a disc, and hold it there.

    In training the goals stand aside, too. If all of them are above the cube, moving the hand sideways gains nothing,
    and a policy may learn to hold the cube with both pads without ever lifting it.
    """

    goal_aside: Share = 0.5  # share of the way from above the cube to a random place in reach

    evaluation: ClassVar = {**PickAndPlace.evaluation, "goal_aside": 0.0}
    shown: ClassVar = evaluation

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        disc = spec.geom("goal")
        disc.type, disc.size[:2] = mujoco.mjtGeom.mjGEOM_CYLINDER, (0.07, 0.001)
        return spec

    def goal_places(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return cube + self.goal_aside * (goal[:, :2] - cube)
