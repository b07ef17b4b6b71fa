"""The common part of Hopper and Walker2d: a torso on legs, upright in a vertical plane."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import FallingRunner, sum_of_squares, uniform_states
from envs.simulation import Fields
from envs.task import Measured, inside


@dataclass(frozen=True)
class PlanarLegs(FallingRunner):
    """A torso on legs that runs along the x axis and fails when it is too low or leans too far."""

    frame_skip: Count = 4  # physics steps per action
    ctrl_cost_weight: float = 1e-3  # cost per step and squared control
    healthy_z_range: tuple[float, float] = (0.0, float("inf"))  # m, healthy heights of the torso
    healthy_angle_range: tuple[float, float] = (-float("inf"), float("inf"))  # rad, healthy angles of the torso
    reset_noise_scale: NotNegative = 5e-3  # m, rad, m/s, rad/s: scale of the noise of the first state

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return super().observe(sim, now) | {"velocities": sim.qvel.clip(-10, 10)}  # m/s, rad/s

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.forward_reward_weight * self.speed(sim, now, before),
            "survive": self.survival(now),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(action),
        }

    def healthy(self, sim: Fields) -> np.ndarray:
        return inside(sim.qpos[:, 1], self.healthy_z_range) & inside(sim.qpos[:, 2], self.healthy_angle_range)

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)
