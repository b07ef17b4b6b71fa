"""Reacher-v5: an arm of two links brings its fingertip to a target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count
from envs.gymnasium_robots.robot import GymnasiumRobot, sum_of_squares
from envs.simulation import Fields
from envs.sources import Source, field_of_data, total
from envs.task import Measured, mean_over_time, norm


@dataclass(frozen=True)
class Reacher(GymnasiumRobot):
    """Bring the fingertip of an arm of two links to a target.

    Equal to `gymnasium.envs.mujoco.reacher_v5.ReacherEnv`, for N robots at once.
    """

    xml_file: str = "reacher.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 2  # physics steps per action
    reward_dist_weight: float = 1.0  # cost per step and m between fingertip and target
    reward_control_weight: float = 1.0  # cost per step and squared control
    episode_steps: Count = 50  # steps after which an episode is truncated

    camera: ClassVar = {"trackbodyid": 0, "distance": 0.75, "elevation": -60.0}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        to_target = sim.xpos[:, sim.body("fingertip")] - sim.xpos[:, sim.body("target")]
        return {"to_target": to_target, "target_distance": norm(to_target)}  # (N, 3) and (N,), m

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        angles = sim.qpos[:, :2]
        return {
            "cosines": np.cos(angles),
            "sines": np.sin(angles),
            "target": sim.qpos[:, 2:],  # m
            "joint_speeds": sim.qvel[:, :2],  # rad/s
            "to_target": now.to_target[:, :2],  # m, from the target to the fingertip
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        fingertip, target = (3 * sim.body(name) + np.arange(2) for name in ("fingertip", "target"))
        ends = field_of_data("xpos", fingertip.tolist()), field_of_data("xpos", target.tolist(), scale=-1.0)
        return {"to_target": total(*ends, unit="m")}

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "dist": -now.target_distance * self.reward_dist_weight,
            "ctrl": -sum_of_squares(action) * self.reward_control_weight,
        }

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        qpos, qvel = np.empty((len(rngs), model.nq)), np.empty((len(rngs), model.nv))
        for i, rng in enumerate(rngs):
            qpos[i] = rng.uniform(-0.1, 0.1, model.nq) + model.qpos0
            while np.linalg.norm(target := rng.uniform(-0.2, 0.2, 2)) >= 0.2:  # m, the arm's reach
                pass
            qpos[i, -2:] = target
            qvel[i] = rng.uniform(-0.005, 0.005, model.nv)
        qvel[:, -2:] = 0
        return qpos, qvel

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"target_distance": now.target_distance * sim.dt}  # m s

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"target_distance_mean": mean_over_time(episodes, "target_distance")}  # m
