"""HalfCheetah-v5: two legs and a spine run forward in a vertical plane."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.gymnasium_robots.robot import Runner, gaussian_states


@dataclass(frozen=True)
class HalfCheetah(Runner):
    """Run forward on two legs with a stiff back, in a vertical plane (Wawrzynski 2007).

    Equal to `gymnasium.envs.mujoco.half_cheetah_v5.HalfCheetahEnv`, for N robots at once.
    """

    xml_file: str = "half_cheetah.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count = 5  # physics steps per action
    reset_noise_scale: NotNegative = 0.1  # m, rad, m/s, rad/s: scale of the noise of the first state

    camera: ClassVar = {"distance": 4.0}

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        return gaussian_states(model, rngs, self.reset_noise_scale)
