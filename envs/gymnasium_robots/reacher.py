"""Reacher-v5: an arm of two links brings its fingertip to a target."""

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
class Reacher(GymnasiumRobot):
    """`gymnasium.envs.mujoco.reacher_v5.ReacherEnv` for N robots at once."""

    xml_file: str = "reacher.xml"
    frame_skip: int = 2
    reward_dist_weight: float = 1.0  # per m
    reward_control_weight: float = 1.0  # per squared control

    episode_steps = 50
    camera: ClassVar = {"trackbodyid": 0, "distance": 0.75, "elevation": -60.0}

    def to_target(self, sim: Fields) -> np.ndarray:
        """Return the vectors (N, 3) from the target to the fingertip, in m."""
        return sim.xpos[:, sim.body("fingertip")] - sim.xpos[:, sim.body("target")]

    def observe(self, sim: Fields) -> np.ndarray:
        angles = sim.qpos[:, :2]
        return np.concatenate(
            [np.cos(angles), np.sin(angles), sim.qpos[:, 2:], sim.qvel[:, :2], self.to_target(sim)[:, :2]], axis=1
        )

    def rewards(self, sim: Fields, action: np.ndarray, before: SimpleNamespace) -> dict[str, np.ndarray]:
        return {
            "dist": -norm(self.to_target(sim)) * self.reward_dist_weight,
            "ctrl": -sum_of_squares(action) * self.reward_control_weight,
        }

    def initial_state(self, model: mujoco.MjModel, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        qpos = rng.uniform(-0.1, 0.1, model.nq) + model.qpos0
        while np.linalg.norm(target := rng.uniform(-0.2, 0.2, 2)) >= 0.2:  # m, the arm's reach
            pass
        qpos[-2:] = target
        qvel = rng.uniform(-0.005, 0.005, model.nv)
        qvel[-2:] = 0
        return qpos, qvel

    def track(self, sim: Fields, action: np.ndarray, before: SimpleNamespace) -> dict[str, np.ndarray]:
        return {"target_distance": norm(self.to_target(sim)) * sim.dt}  # m s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"target_distance_mean": mean_over_time(episodes, "target_distance")}  # m
