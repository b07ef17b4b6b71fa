"""Go1Real: the robot dog with the senses of a real one, which has no gauge of its trunk's velocity."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.mirror import MirroredParts, SignedPermutation
from envs.robots.go1 import Go1
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class Go1Real(Go1):
    """Follow commands as Go1 does, without seeing the trunk's velocity, which no sensor of a real dog measures.

    A policy has to remember what its legs did to know how fast it goes. Its critic sees the velocity in training, and
    what else no sensor tells: floor friction, load, motor strength and which feet touch the ground.
    """

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {name: part for name, part in super().observe(sim, now).items() if name != "velocity"}

    def privileged(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        memory = sim.memory
        return {
            "velocity": now.velocity,  # m/s, of the trunk, in its frame
            "contact": now.contact,  # of each foot with the ground
            "friction": memory.friction,  # of the floor
            "load": memory.load,  # kg
            "strength": memory.strength,  # share of the motors' nominal stiffness
        }

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        parts, action = super().mirrored(model)
        alone = SignedPermutation.in_place(1)
        feet = SignedPermutation(np.array([1, 0, 3, 2]), np.ones(4))
        return MirroredParts(
            {**parts, "contact": feet, **dict.fromkeys(("friction", "load", "strength"), alone)}, action
        )
