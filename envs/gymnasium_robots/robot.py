"""What the eleven Gymnasium robots have in common as tasks: Gymnasium's XML, its frame skip, its spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_env import expand_model_path

from envs.simulation import Simulation
from envs.task import Task


@dataclass(frozen=True)
class GymnasiumRobot(Task):
    """A robot of `gymnasium.envs.mujoco` (version 5), equal to it to the last bit.

    The fields of each subclass are the constructor arguments of Gymnasium's class, with its defaults; the order of
    its floating-point operations is Gymnasium's too, which is why some sums below look longer than they need be.
    """

    xml_file: str
    frame_skip: int  # physics steps for each action
    default_camera_config: Mapping[str, Any] | None = None  # mujoco.MjvCamera's attributes

    def model_path(self) -> Path:
        return Path(expand_model_path(self.xml_file))

    def substeps(self, model: mujoco.MjModel) -> int:
        return self.frame_skip

    def dt(self, sim: Simulation) -> float:
        """Return the seconds between two actions."""
        return sim.model.opt.timestep * self.frame_skip

    def action_space(self, model: mujoco.MjModel) -> spaces.Box:
        low, high = model.actuator_ctrlrange.astype(np.float32).T
        return spaces.Box(low, high, dtype=np.float32)

    def apply(self, sim: Simulation, action: np.ndarray) -> None:
        sim.ctrl[:] = action


def uniform_state(
    model: mujoco.MjModel, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions (nq,) and velocities (nv,) uniformly within `scale` of the model's rest position."""
    qpos = model.qpos0 + rng.uniform(-scale, scale, model.nq)
    qvel = rng.uniform(-scale, scale, model.nv)
    return qpos, qvel
