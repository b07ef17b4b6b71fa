"""Grasp: an arm lifts a cube to a goal height and holds it there."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arm import CUBE_POSITION, CUBE_VELOCITY, Arm, between
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class Grasp(Arm):
    """Lift a cube from anywhere in the arm's reach to a goal height, shown by a disc, and hold it there."""

    drift_weight: float = 10.0  # per (m/s)^2 of the lifted cube along the table: it is to be held still

    goal_numbers = 1

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        disc = spec.geom("goal")
        disc.type, disc.size[:2] = mujoco.mjtGeom.mjGEOM_CYLINDER, (0.07, 0.001)
        return spec

    def to_goal(self, sim: Fields) -> np.ndarray:
        return sim.mocap_pos[:, 0, 2:] - sim.qpos[:, CUBE_POSITION][:, 2:]

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        drift = np.square(sim.qvel[:, CUBE_VELOCITY][:, :2]).sum(axis=1)
        terms = super().rewards(sim, action, now, before)
        return terms | {"drift": -self.drift_weight * now.lifted * drift}

    def goals(self, sim: Fields, draws: np.ndarray) -> np.ndarray:
        goals = sim.qpos[:, CUBE_POSITION].copy()
        goals[:, 2] = between(draws[:, 2], self.goal_height)
        return goals
