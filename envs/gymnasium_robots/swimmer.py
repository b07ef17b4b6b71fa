"""Swimmer-v5: a chain of three links swims forward in a viscous fluid."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import Runner, Symmetric, sum_of_squares, uniform_states
from envs.simulation import Fields
from envs.task import Measured


@dataclass(frozen=True)
class Swimmer(Symmetric, Runner):
    """`gymnasium.envs.mujoco.swimmer_v5.SwimmerEnv` for N robots at once (Coulom 2002)."""

    xml_file: str = "swimmer.xml"
    frame_skip: int = 4
    forward_reward_weight: float = 1.0  # per m/s
    ctrl_cost_weight: float = 1e-4  # per squared control
    reset_noise_scale: float = 0.1  # m or rad, and their rates

    camera: ClassVar = {"distance": 7.0, "elevation": -50.0}

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        start = 2 if self.exclude_current_positions_from_observation else 0
        return np.concatenate([sim.qpos[:, start:], sim.qvel], axis=1)

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.forward_reward_weight * self.speed(sim, now, before),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(action),
        }

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)
