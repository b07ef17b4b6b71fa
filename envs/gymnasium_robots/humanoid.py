"""Humanoid-v5: a body of 13 parts walks forward in three dimensions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.arguments import Count
from envs.gymnasium_robots.humanoid_body import HumanoidBody
from envs.gymnasium_robots.robot import FallingRunner, sum_of_squares
from envs.simulation import Fields
from envs.task import Measured, inside


@dataclass(frozen=True)
class Humanoid(HumanoidBody, FallingRunner):
    """Walk forward on two legs, with a body of 13 parts (Tassa, Erez and Todorov 2012).

    Equal to `gymnasium.envs.mujoco.humanoid_v5.HumanoidEnv`, for N robots at once.
    """

    xml_file: str = "humanoid.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    forward_reward_weight: float = 1.25  # reward per step and m/s
    ctrl_cost_weight: float = 0.1  # cost per step and squared control
    contact_cost_weight: float = 5e-7  # cost per step and squared contact force (N, N m)
    contact_cost_range: tuple[float, float] = (float("-inf"), 10.0)  # range to which the contact cost is clipped
    healthy_reward: float = 5.0  # reward per step in which the robot is healthy
    terminate_when_unhealthy: bool = True  # whether an episode ends when the robot is not healthy
    healthy_z_range: tuple[float, float] = (1.0, 2.0)  # m, healthy heights of the torso

    camera: ClassVar = {"trackbodyid": 1, "distance": 4.0, "lookat": (0.0, 0.0, 1.1), "elevation": -20.0}

    def position(self, sim: Fields) -> np.ndarray:
        # The centre of mass.
        mass = sim.model.body_mass
        return np.einsum("b,nb->n", mass, sim.xipos[:, :, 0]) / mass.sum()

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        contact_cost = self.contact_cost_weight * sum_of_squares(sim.cfrc_ext)
        return {
            "forward": self.forward_reward_weight * self.speed(sim, now, before),
            "survive": self.survival(now),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(sim.ctrl),
            "contact": -contact_cost.clip(*self.contact_cost_range),
        }

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        return (terms["forward"] + terms["survive"]) + (terms["ctrl"] + terms["contact"])

    def healthy(self, sim: Fields) -> np.ndarray:
        return inside(sim.qpos[:, 2], self.healthy_z_range)
