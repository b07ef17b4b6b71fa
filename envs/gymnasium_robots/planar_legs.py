"""What Hopper and Walker2d have in common: a torso on legs, upright in a vertical plane."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import FallingRunner, sum_of_squares, uniform_states
from envs.simulation import Fields
from envs.task import Measured, inside


@dataclass(frozen=True)
class PlanarLegs(FallingRunner):
    """A torso on legs that runs along the x axis and has failed where it is too low or leans too far."""

    frame_skip: int = 4
    ctrl_cost_weight: float = 1e-3  # per squared control
    healthy_z_range: tuple[float, float] = (0.0, float("inf"))  # m, of the torso
    healthy_angle_range: tuple[float, float] = (-float("inf"), float("inf"))  # rad, of the torso
    reset_noise_scale: float = 5e-3  # m or rad, and their rates

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
