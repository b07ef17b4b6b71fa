"""HalfCheetah-v5: two legs and a spine run forward in a vertical plane."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import Runner, gaussian_states, sum_of_squares
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class HalfCheetah(Runner):
    """`gymnasium.envs.mujoco.half_cheetah_v5.HalfCheetahEnv` for N robots at once (Wawrzynski 2007)."""

    xml_file: str = "half_cheetah.xml"
    frame_skip: int = 5
    forward_reward_weight: float = 1.0  # per m/s
    ctrl_cost_weight: float = 0.1  # per squared control
    reset_noise_scale: float = 0.1  # m or rad, and their rates
    exclude_current_positions_from_observation: bool = True

    camera: ClassVar = {"distance": 4.0}

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        start = 1 if self.exclude_current_positions_from_observation else 0
        return np.concatenate([sim.qpos[:, start:], sim.qvel], axis=1)

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.forward_reward_weight * self.speed(sim, now, before),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(action),
        }

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return gaussian_states(model, rngs, self.reset_noise_scale)
