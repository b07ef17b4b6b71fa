"""Ant-v5: four legs run forward in three dimensions."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import FallingRunner, Symmetric, gaussian_states, sum_of_squares
from envs.mirror import SignedPermutation
from envs.reflection import SPATIAL, Reflection
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class Ant(Symmetric, FallingRunner):
    """Run forward on four legs, in three dimensions (Schulman et al. 2016).

    Equal to `gymnasium.envs.mujoco.ant_v5.AntEnv`, for N robots at once.
    """

    xml_file: str = "ant.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    ctrl_cost_weight: float = 0.5  # cost per step and squared control
    contact_cost_weight: float = 5e-4  # cost per step and squared contact force (N, N m), clipped
    healthy_reward: float = 1.0  # reward per step in which the robot is healthy
    main_body: int | str = 1  # number or name of the body whose speed is rewarded
    terminate_when_unhealthy: bool = True  # whether an episode ends when the robot is not healthy
    healthy_z_range: tuple[float, float] = (0.2, 1.0)  # m, healthy heights of the torso
    contact_force_range: tuple[float, float] = (-1.0, 1.0)  # N, N m: range to which contact forces are clipped
    reset_noise_scale: NotNegative = 0.1  # m, rad, m/s, rad/s: scale of the noise of the first state
    include_cfrc_ext_in_observation: bool = True  # whether the contact forces on the bodies are observed

    contact_forces = True
    camera: ClassVar = {"distance": 4.0, "azimuth": 120.0, "elevation": -25.0}

    def position(self, sim: Fields) -> np.ndarray:
        return sim.xpos[:, sim.body(self.main_body), 0]

    def healthy(self, sim: Fields) -> np.ndarray:
        low, high = self.healthy_z_range
        height = sim.qpos[:, 2]
        return (low <= height) & (height <= high)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        # The forces and torques on each body: (N, bodies, 6), in N and N m.
        return super().measure(sim) | {"contact": sim.cfrc_ext.clip(*self.contact_force_range)}

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        parts = super().observe(sim, now)
        if self.include_cfrc_ext_in_observation:
            parts["contacts"] = now.contact[:, 1:].reshape(len(sim.qpos), -1)  # N m, N: on each body
        return parts

    def reflected(self, reflection: Reflection) -> dict[str, SignedPermutation]:
        parts = super().reflected(reflection)
        if self.include_cfrc_ext_in_observation:
            parts["contacts"] = reflection.of_each_body(SPATIAL)
        return parts

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.speed(sim, now, before) * self.forward_reward_weight,
            "survive": self.survival(now),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(action),
            "contact": -self.contact_cost_weight * sum_of_squares(now.contact),
        }

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        return (terms["forward"] + terms["survive"]) + (terms["ctrl"] + terms["contact"])

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return gaussian_states(model, rngs, self.reset_noise_scale)
