"""CartPole: a cart pushed left and right keeps a pole upright."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative, Positive
from envs.simulation import Fields
from envs.task import Measured, Task, fall_rate, mean_over_time


@dataclass(frozen=True)
class CartPole(Task):
    """Balance a pole on a cart by a bounded force of any size (after Barto, Sutton and Anderson 1983)."""

    max_force: NotNegative = 10.0  # N, force on the cart at action 1 (to the right) and -1 (to the left)
    max_position: Positive = 2.4  # m, distance from the middle of the rail beyond which the cart has failed
    max_angle: Positive = 0.20943951023931953  # rad (12 degrees), angle from upright beyond which the pole has fallen
    alive_weight: float = 1.0  # reward per step that ends upright and on the rail
    reset_noise: NotNegative = 0.05  # m, m/s, rad, rad/s: bound on each number of the first state
    episode_steps: Count = 500  # steps of 0.02 s after which an episode is truncated

    model = "cartpole.xml"
    control_dt = 0.02  # s
    camera: ClassVar = {"trackbodyid": 1, "distance": 2.6, "lookat": (0.0, 0.0, 0.8), "elevation": -10.0}

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.ctrl[:] = self.max_force * np.clip(action, -1.0, 1.0)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        offset, tilt = np.abs(sim.qpos.T)
        return {
            "offset": offset,  # m from the middle of the rail
            "tilt": tilt,  # rad from upright
            "failed": (offset > self.max_position) | (tilt > self.max_angle),
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "position": sim.qpos[:, 0],  # m, of the cart
            "velocity": sim.qvel[:, 0],  # m/s, of the cart
            "angle": sim.qpos[:, 1],  # rad, of the pole
            "turning": sim.qvel[:, 1],  # rad/s, of the pole
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"alive": np.where(now.failed, 0.0, self.alive_weight)}

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return now.failed

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        noise = np.array([rng.uniform(-self.reset_noise, self.reset_noise, model.nq + model.nv) for rng in rngs])
        return noise[:, : model.nq], noise[:, model.nq :]

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"offset": now.offset * sim.dt, "tilt": now.tilt * sim.dt}  # m s, rad s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return fall_rate(episodes) | {
            "offset_mean": mean_over_time(episodes, "offset"),  # m from the middle of the rail
            "tilt_mean": mean_over_time(episodes, "tilt"),  # rad from upright
        }
