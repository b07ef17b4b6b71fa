"""Walker2d-v5: two legs walk forward in a vertical plane."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import FallingRunner, sum_of_squares, uniform_states
from envs.simulation import Fields
from envs.task import Measured, inside


@dataclass(frozen=True)
class Walker2d(FallingRunner):
    """`gymnasium.envs.mujoco.walker2d_v5.Walker2dEnv` for N robots at once (Erez, Tassa and Todorov 2011)."""

    xml_file: str = "walker2d_v5.xml"
    frame_skip: int = 4
    forward_reward_weight: float = 1.0  # per m/s
    ctrl_cost_weight: float = 1e-3  # per squared control
    healthy_reward: float = 1.0  # per step
    terminate_when_unhealthy: bool = True
    healthy_z_range: tuple[float, float] = (0.8, 2.0)  # m, of the torso
    healthy_angle_range: tuple[float, float] = (-1.0, 1.0)  # rad, of the torso
    reset_noise_scale: float = 5e-3  # m or rad, and their rates
    exclude_current_positions_from_observation: bool = True

    camera: ClassVar = {"trackbodyid": 2, "distance": 2.8, "lookat": (0.0, 0.0, 0.75), "elevation": -12.0}

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        start = 1 if self.exclude_current_positions_from_observation else 0
        return np.concatenate([sim.qpos[:, start:], sim.qvel.clip(-10, 10)], axis=1)

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
