"""Quadruped: a dog of four legs and eight joints runs forward."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.arguments import Cosine
from envs.orientation import body_frame
from envs.robots.legged import Runner
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class Quadruped(Runner):
    """Run forward on four legs without falling, after the 3D quadruped of Schulman et al. (2016), section 6.2.

    The reward's terms are the paper's; of its weights, 1e-6 for effort, 1e-3 for impact and 0.05 for being alive are
    changed. At 1e-3 per N^2 a body of 18 kg would lose more by standing still than all other terms can earn; higher
    weights of effort and being alive make the legs steadier. An episode also ends when the trunk tilts too far: without
    that, a policy ran on its front legs alone, nose down.

    Observed contacts are the numbers of front feet and of hind feet on the floor.
    """

    effort_weight: float = 2e-5  # cost per step and (N m)^2, over all joint torques
    impact_weight: float = 1e-6  # cost per step and N^2, over all contact forces on the feet
    alive_bonus: float = 0.5  # reward per step
    min_height: float = 0.2  # m, height of the centre of mass below which the robot has fallen
    min_upright: Cosine = 0.87  # cosine of the trunk's tilt (30 degrees) below which the robot has fallen

    model = "quadruped.xml"
    start_angles = 8 * (0.0,)
    mirrored_contacts = (0, 1)
    camera: ClassVar = {"distance": 2.4, "lookat": (0.0, 0.0, 0.35), "azimuth": 125.0, "elevation": -14.0}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        up, _ = body_frame(sim.qpos[:, 3:7], sim.qvel[:, :3])
        return super().measure(sim) | {"upright": up[:, 2]}  # cosine of the trunk's tilt

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return super().terminated(sim, now) | (now.upright < self.min_upright)

    def contacts(self, sim: Fields) -> np.ndarray:
        return super().contacts(sim).reshape(len(sim.qpos), 2, 2).sum(axis=2)
