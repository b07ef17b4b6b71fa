"""Quadruped: a dog of four legs and eight joints runs forward."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.legged import Runner
from envs.simulation import Fields


@dataclass(frozen=True)
class Quadruped(Runner):
    """Run forward on four legs without falling, after the 3D quadruped of Schulman et al. (2016), section 6.2.

    The reward's terms are theirs. Of their weights, 1e-6 for effort, 1e-3 for impact and 0.05 for being alive are
    changed. At 1e-3 per N^2 a body of 18 kg would pay more for standing still than all else could bring it; dearer
    effort and being alive make for steadier legs.

    Observations are 29 numbers: the trunk's height and orientation (a quaternion), eight joint angles, the trunk's
    velocity along the world's axes, its turning rates about its own, eight joint velocities (m, rad and s), and how
    many of the front and of the hind feet touch the floor.
    """

    effort_weight: float = 2e-5  # per (N m)^2, over all joint torques
    impact_weight: float = 1e-6  # per N^2, over all contact forces on the feet
    alive_bonus: float = 0.5  # per step
    min_height: float = 0.2  # m, of the centre of mass: below it the robot has fallen

    model = "quadruped.xml"
    start_angles = 8 * (0.0,)
    mirrored_joints = (2, 3, 0, 1, 6, 7, 4, 5)
    mirrored_contacts = (0, 1)
    camera: ClassVar = {"distance": 2.4, "lookat": (0.0, 0.0, 0.35), "azimuth": 125.0, "elevation": -14.0}

    def contacts(self, sim: Fields) -> np.ndarray:
        return super().contacts(sim).reshape(len(sim.qpos), 2, 2).sum(axis=2)
