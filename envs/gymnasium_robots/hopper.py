"""Hopper-v5: one leg hops forward in a vertical plane."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.gymnasium_robots.planar_legs import PlanarLegs
from envs.simulation import Fields
from envs.task import inside


@dataclass(frozen=True)
class Hopper(PlanarLegs):
    """Hop forward on one leg, in a vertical plane (Erez, Tassa and Todorov 2011).

    Equal to `gymnasium.envs.mujoco.hopper_v5.HopperEnv`, for N robots at once.
    """

    xml_file: str = "hopper.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    healthy_state_range: tuple[float, float] = (-100.0, 100.0)  # healthy values of the state but its first two
    healthy_z_range: tuple[float, float] = (0.7, float("inf"))  # m, healthy heights of the torso
    healthy_angle_range: tuple[float, float] = (-0.2, 0.2)  # rad, healthy angles of the torso

    camera: ClassVar = {"trackbodyid": 2, "distance": 3.0, "lookat": (0.0, 0.0, 0.9), "elevation": -20.0}

    def healthy(self, sim: Fields) -> np.ndarray:
        state = np.concatenate([sim.qpos[:, 2:], sim.qvel], axis=1)
        return super().healthy(sim) & inside(state, self.healthy_state_range).all(axis=1)
