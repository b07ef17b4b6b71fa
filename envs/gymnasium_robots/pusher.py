"""Pusher-v5: an arm of seven joints pushes a cylinder to a goal."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import mujoco
import numpy as np

from envs.gymnasium_robots.robot import GymnasiumRobot, sum_of_squares
from envs.simulation import Fields
from envs.task import mean_over_time, norm


@dataclass(frozen=True)
class Pusher(GymnasiumRobot):
    """`gymnasium.envs.mujoco.pusher_v5.PusherEnv` for N robots at once."""

    xml_file: str = "pusher_v5.xml"
    frame_skip: int = 5
    reward_near_weight: float = 0.5  # per m between fingertip and cylinder
    reward_dist_weight: float = 1.0  # per m between cylinder and goal
    reward_control_weight: float = 0.1  # per squared control

    episode_steps = 100
    camera: ClassVar = {
        "trackbodyid": -1,
        "distance": 2.6,
        "azimuth": 140.0,
        "elevation": -30.0,
        "lookat": (0.2, -0.2, -0.1),
    }

    def observe(self, sim: Fields) -> np.ndarray:
        places = [sim.xpos[:, sim.body(name)] for name in ("tips_arm", "object", "goal")]
        return np.concatenate([sim.qpos[:, :7], sim.qvel[:, :7], *places], axis=1)

    def goal_distance(self, sim: Fields) -> np.ndarray:
        """Return the distance (N,) from the cylinder to the goal, in m."""
        return norm(sim.xpos[:, sim.body("object")] - sim.xpos[:, sim.body("goal")])

    def reach_distance(self, sim: Fields) -> np.ndarray:
        """Return the distance (N,) from the cylinder to the fingertip, in m."""
        return norm(sim.xpos[:, sim.body("object")] - sim.xpos[:, sim.body("tips_arm")])

    def rewards(self, sim: Fields, action: np.ndarray, before: SimpleNamespace) -> dict[str, np.ndarray]:
        return {
            "dist": -self.goal_distance(sim) * self.reward_dist_weight,
            "ctrl": -sum_of_squares(action) * self.reward_control_weight,
            "near": -self.reach_distance(sim) * self.reward_near_weight,
        }

    def initial_state(self, model: mujoco.MjModel, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        while True:
            cylinder = np.concatenate([rng.uniform(-0.3, 0, 1), rng.uniform(-0.2, 0.2, 1)])
            if np.linalg.norm(cylinder) > 0.17:  # m, from the goal
                break
        qpos = model.qpos0.copy()
        qpos[-4:-2] = cylinder
        qpos[-2:] = 0  # the goal
        qvel = rng.uniform(-0.005, 0.005, model.nv)
        qvel[-4:] = 0
        return qpos, qvel

    def track(self, sim: Fields, action: np.ndarray, before: SimpleNamespace) -> dict[str, np.ndarray]:
        return {"goal_distance": self.goal_distance(sim) * sim.dt}  # m s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"goal_distance_mean": mean_over_time(episodes, "goal_distance")}  # m
