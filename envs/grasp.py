"""Grasp: an arm lifts a cube to a goal height and holds it there."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arm import CUBE_POSITION, Arm, between
from envs.simulation import Fields


@dataclass(frozen=True)
class Grasp(Arm):
    """Lift a cube from anywhere in the arm's reach straight up to a goal height, shown by a disc, and hold it there."""

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        disc = spec.geom("goal")
        disc.type, disc.size[:2] = mujoco.mjtGeom.mjGEOM_CYLINDER, (0.07, 0.001)
        return spec

    def goals(self, sim: Fields, draws: np.ndarray) -> np.ndarray:
        goals = sim.qpos[:, CUBE_POSITION].copy()
        goals[:, 2] = between(draws[:, 2], self.goal_height)
        return goals
