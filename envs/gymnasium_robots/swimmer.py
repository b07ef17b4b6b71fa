"""Swimmer-v5: a chain of three links swims forward in a viscous fluid."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import Runner, Symmetric, uniform_states


@dataclass(frozen=True)
class Swimmer(Symmetric, Runner):
    """Swim forward with three links in a viscous fluid (Coulom 2002).

    Equal to `gymnasium.envs.mujoco.swimmer_v5.SwimmerEnv`, for N robots at once.
    """

    xml_file: str = "swimmer.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 4  # physics steps per action
    ctrl_cost_weight: float = 1e-4  # cost per step and squared control
    reset_noise_scale: NotNegative = 0.1  # m, rad, m/s, rad/s: scale of the noise of the first state

    camera: ClassVar = {"distance": 7.0, "elevation": -50.0}

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return uniform_states(model, rngs, self.reset_noise_scale)
