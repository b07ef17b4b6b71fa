"""PickAndPlace: an arm brings a cube to a goal in the air."""

from dataclasses import dataclass

import numpy as np

from envs.arm import CUBE_POSITION, Arm, between
from envs.simulation import Fields


@dataclass(frozen=True)
class PickAndPlace(Arm):
    """Bring a cube from anywhere in the arm's reach to a goal in the air, shown by a ball, and hold it there."""

    goal_numbers = 3

    def to_goal(self, sim: Fields) -> np.ndarray:
        return sim.mocap_pos[:, 0] - sim.qpos[:, CUBE_POSITION]

    def goals(self, sim: Fields, draws: np.ndarray) -> np.ndarray:
        return self.somewhere(draws[:, :2], between(draws[:, 2], self.goal_height))
