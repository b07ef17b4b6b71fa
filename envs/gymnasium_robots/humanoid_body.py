"""What Humanoid-v5 and HumanoidStandup-v5 share: the body's senses and its first state."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import Symmetric, uniform_states
from envs.reflection import INERTIA, SPATIAL, Reflection
from envs.simulation import Fields
from envs.task import Measured, SignedPermutation


@dataclass(frozen=True)
class HumanoidBody(Symmetric):
    """A body of 13 parts and 17 joints that feels its inertia, its velocities, its muscles and its contacts."""

    reset_noise_scale: float = 1e-2  # m or rad, and their rates
    include_cinert_in_observation: bool = True
    include_cvel_in_observation: bool = True
    include_qfrc_actuator_in_observation: bool = True
    include_cfrc_ext_in_observation: bool = True

    contact_forces = True

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        robots = len(sim.qpos)
        parts = [sim.qpos[:, 2 if self.exclude_current_positions_from_observation else 0 :], sim.qvel]
        if self.include_cinert_in_observation:
            parts.append(sim.cinert[:, 1:].reshape(robots, -1))
        if self.include_cvel_in_observation:
            parts.append(sim.cvel[:, 1:].reshape(robots, -1))
        if self.include_qfrc_actuator_in_observation:
            parts.append(sim.qfrc_actuator[:, 6:])
        if self.include_cfrc_ext_in_observation:
            parts.append(sim.cfrc_ext[:, 1:].reshape(robots, -1))
        return np.concatenate(parts, axis=1)

    def reflected(self, reflection: Reflection) -> list[SignedPermutation]:
        parts = super().reflected(reflection)
        if self.include_cinert_in_observation:
            parts.append(reflection.of_each_body(INERTIA))
        if self.include_cvel_in_observation:
            parts.append(reflection.of_each_body(SPATIAL))
        if self.include_qfrc_actuator_in_observation:
            parts.append(reflection.velocities.without_first(6))
        if self.include_cfrc_ext_in_observation:
            parts.append(reflection.of_each_body(SPATIAL))
        return parts

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)
