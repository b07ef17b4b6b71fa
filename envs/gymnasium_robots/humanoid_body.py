"""The common part of Humanoid-v5 and HumanoidStandup-v5: observations and first state."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arguments import NotNegative
from envs.gymnasium_robots.robot import Symmetric, uniform_states
from envs.mirror import SignedPermutation
from envs.reflection import INERTIA, SPATIAL, Reflection
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class HumanoidBody(Symmetric):
    """A body of 13 parts and 17 joints that observes its inertias, velocities, joint torques and contact forces."""

    reset_noise_scale: NotNegative = 1e-2  # m, rad, m/s, rad/s: scale of the noise of the first state
    include_cinert_in_observation: bool = True  # whether the bodies' inertias are observed
    include_cvel_in_observation: bool = True  # whether the bodies' velocities are observed
    include_qfrc_actuator_in_observation: bool = True  # whether the joint torques are observed
    include_cfrc_ext_in_observation: bool = True  # whether the contact forces on the bodies are observed

    contact_forces = True

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        robots = len(sim.qpos)
        parts = super().observe(sim, now)
        if self.include_cinert_in_observation:
            parts["inertias"] = sim.cinert[:, 1:].reshape(robots, -1)  # kg m^2, kg m, kg: of each body
        if self.include_cvel_in_observation:
            parts["body_velocities"] = sim.cvel[:, 1:].reshape(robots, -1)  # rad/s, m/s
        if self.include_qfrc_actuator_in_observation:
            parts["joint_torques"] = sim.qfrc_actuator[:, 6:]  # N m, of the motors
        if self.include_cfrc_ext_in_observation:
            parts["contacts"] = sim.cfrc_ext[:, 1:].reshape(robots, -1)  # N m, N: on each body
        return parts

    def reflected(self, reflection: Reflection) -> dict[str, SignedPermutation]:
        optional = {
            "inertias": (self.include_cinert_in_observation, reflection.of_each_body(INERTIA)),
            "body_velocities": (self.include_cvel_in_observation, reflection.of_each_body(SPATIAL)),
            "joint_torques": (self.include_qfrc_actuator_in_observation, reflection.velocities.part(6)),
            "contacts": (self.include_cfrc_ext_in_observation, reflection.of_each_body(SPATIAL)),
        }
        return super().reflected(reflection) | {name: part for name, (observed, part) in optional.items() if observed}

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)
