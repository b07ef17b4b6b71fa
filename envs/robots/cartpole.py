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
    """Balance a pole on a cart by a force of any size up to a limit (after Barto, Sutton and Anderson 1983).

    Observations are the cart's place and speed and the pole's angle and turning rate (m, m/s, rad, rad/s).
    """

    max_force: NotNegative = 10.0  # N, at action 1 (to the right) and -1
    max_position: Positive = 2.4  # m from the middle of the rail: beyond it the cart has failed
    max_angle: Positive = 0.20943951023931953  # rad (12 degrees) from upright: beyond it the pole has fallen
    alive_weight: float = 1.0  # per step that ends upright and on the rail
    reset_noise: NotNegative = 0.05  # m, m/s, rad, rad/s: each number of the first state is drawn within it
    episode_steps: Count = 500  # of 0.02 s

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

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        return np.concatenate([sim.qpos, sim.qvel], axis=1)[:, [0, 2, 1, 3]]

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
