"""HumanoidStandup-v5: a body of 13 parts gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.arguments import Count
from envs.gymnasium_robots.humanoid_body import HumanoidBody
from envs.gymnasium_robots.robot import sum_of_squares
from envs.simulation import Fields
from envs.task import Measured, mean_over_time


@dataclass(frozen=True)
class HumanoidStandup(HumanoidBody):
    """Get up from lying on the back, with a body of 13 parts.

    Equal to `gymnasium.envs.mujoco.humanoidstandup_v5.HumanoidStandupEnv`, for N robots at once.
    """

    xml_file: str = "humanoidstandup.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    uph_cost_weight: float = 1.0  # without effect, as in Gymnasium
    ctrl_cost_weight: float = 0.1  # cost per step and squared control
    impact_cost_weight: float = 0.5e-6  # cost per step and squared contact force (N, N m)
    impact_cost_range: tuple[float, float] = (float("-inf"), 10.0)  # range to which the impact cost is clipped

    camera: ClassVar = {"trackbodyid": 1, "distance": 4.0, "lookat": (0.0, 0.0, 0.8925), "elevation": -20.0}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {"height": sim.qpos[:, 2]}  # m, of the torso

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        impact_cost = self.impact_cost_weight * sum_of_squares(sim.cfrc_ext)
        return {
            "linup": now.height / sim.model.opt.timestep,
            "quadctrl": -self.ctrl_cost_weight * sum_of_squares(sim.ctrl),
            "impact": -impact_cost.clip(*self.impact_cost_range),
            "alive": np.ones(len(sim.qpos)),
        }

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"height": now.height * sim.dt}  # m s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"height_mean": mean_over_time(episodes, "height")}  # m, of the torso
