"""Pusher-v5: an arm of seven joints pushes a cylinder to a goal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count
from envs.gymnasium_robots.robot import GymnasiumRobot, sum_of_squares
from envs.simulation import Fields
from envs.task import Measured, mean_over_time, norm


@dataclass(frozen=True)
class Pusher(GymnasiumRobot):
    """Push a cylinder to a goal with an arm of seven joints.

    Equal to `gymnasium.envs.mujoco.pusher_v5.PusherEnv`, for N robots at once.
    """

    xml_file: str = "pusher_v5.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    reward_near_weight: float = 0.5  # cost per step and m between fingertip and cylinder
    reward_dist_weight: float = 1.0  # cost per step and m between cylinder and goal
    reward_control_weight: float = 0.1  # cost per step and squared control
    episode_steps: Count = 100  # steps after which an episode is truncated

    camera: ClassVar = {
        "trackbodyid": -1,
        "distance": 2.6,
        "azimuth": 140.0,
        "elevation": -30.0,
        "lookat": (0.2, -0.2, -0.1),
    }

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        fingertip, cylinder, goal = (sim.xpos[:, sim.body(name)] for name in ("tips_arm", "object", "goal"))
        return {
            "fingertip": fingertip,  # (N, 3), m, like the next two
            "cylinder": cylinder,
            "goal": goal,
            "goal_distance": norm(cylinder - goal),  # m
            "reach_distance": norm(cylinder - fingertip),  # m
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "joint_angles": sim.qpos[:, :7],  # rad
            "joint_speeds": sim.qvel[:, :7],  # rad/s
            "fingertip": now.fingertip,  # m
            "cylinder": now.cylinder,  # m
            "goal": now.goal,  # m
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "dist": -now.goal_distance * self.reward_dist_weight,
            "ctrl": -sum_of_squares(action) * self.reward_control_weight,
            "near": -now.reach_distance * self.reward_near_weight,
        }

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        qpos = np.tile(model.qpos0, (len(rngs), 1))
        qpos[:, -4:-2] = [self.place_cylinder(rng) for rng in rngs]
        qpos[:, -2:] = 0  # the goal
        qvel = np.array([rng.uniform(-0.005, 0.005, model.nv) for rng in rngs])
        qvel[:, -4:] = 0
        return qpos, qvel

    def place_cylinder(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the cylinder's first place (2,), in m, until it is clear of the goal."""
        while True:
            cylinder = np.concatenate([rng.uniform(-0.3, 0, 1), rng.uniform(-0.2, 0.2, 1)])
            if np.linalg.norm(cylinder) > 0.17:  # m, from the goal
                return cylinder

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"goal_distance": now.goal_distance * sim.dt}  # m s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"goal_distance_mean": mean_over_time(episodes, "goal_distance")}  # m
