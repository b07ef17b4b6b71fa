"""InvertedPendulum-v5: a cart balances a pole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import GymnasiumRobot, uniform_states
from envs.simulation import Fields
from envs.task import Measured, fall_rate


@dataclass(frozen=True)
class InvertedPendulum(GymnasiumRobot):
    """Balance a pole by a cart (Barto et al. 1983).

    Equal to `gymnasium.envs.mujoco.inverted_pendulum_v5.InvertedPendulumEnv`, for N robots at once.
    """

    xml_file: str = "inverted_pendulum.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 2  # physics steps per action
    reset_noise_scale: NotNegative = 0.01  # m, rad, m/s, rad/s: scale of the noise of the first state

    camera: ClassVar = {"trackbodyid": 0, "distance": 2.6, "elevation": -10.0}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {"fallen": np.abs(sim.qpos[:, 1]) > 0.2}  # rad

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "position": sim.qpos[:, 0],  # m, of the cart
            "angle": sim.qpos[:, 1],  # rad, of the pole
            "velocity": sim.qvel[:, 0],  # m/s, of the cart
            "turning": sim.qvel[:, 1],  # rad/s, of the pole
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"survive": np.where(now.fallen, 0.0, 1.0)}

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return now.fallen

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return fall_rate(episodes)
