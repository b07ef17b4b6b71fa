"""InvertedDoublePendulum-v5: a cart balances two poles, one on top of the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import GymnasiumRobot, gaussian_states
from envs.simulation import Fields
from envs.task import Measured, fall_rate


@dataclass(frozen=True)
class InvertedDoublePendulum(GymnasiumRobot):
    """Balance two poles, one on top of the other, by a cart.

    Equal to `gymnasium.envs.mujoco.inverted_double_pendulum_v5.InvertedDoublePendulumEnv`, for N robots at once.
    """

    xml_file: str = "inverted_double_pendulum.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    healthy_reward: float = 10.0  # reward per step in which the robot is healthy
    reset_noise_scale: NotNegative = 0.1  # m, rad, m/s, rad/s: scale of the noise of the first state

    camera: ClassVar = {"trackbodyid": 0, "distance": 4.1225, "lookat": (0.0, 0.0, 0.5), "elevation": -10.0}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        x, _, height = sim.site_xpos[:, 0].T
        return {"x": x, "height": height, "fallen": height <= 1}  # m, of the tip

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        angles = sim.qpos[:, 1:]
        return {
            "position": sim.qpos[:, 0],  # m, of the cart
            "sines": np.sin(angles),  # of the poles' angles
            "cosines": np.cos(angles),
            "velocities": sim.qvel.clip(-10, 10),  # m/s of the cart, rad/s of the poles
            "constraint_force": sim.qfrc_constraint[:, 0].clip(-10, 10),  # N, on the cart
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        v1, v2 = sim.qvel[:, 1], sim.qvel[:, 2]
        return {
            "survive": self.healthy_reward * ~now.fallen,
            "distance": -(0.01 * now.x**2 + (now.height - 2) ** 2),
            "velocity": -(1e-3 * v1**2 + 5e-3 * v2**2),
        }

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return now.fallen

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return gaussian_states(model, rngs, self.reset_noise_scale)

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return fall_rate(episodes)
