"""PickAndPlace: an arm brings a cube to a goal in the air."""

from dataclasses import dataclass

import numpy as np

from envs.robots.arm import between
from envs.robots.carry import Carry


@dataclass(frozen=True)
class PickAndPlace(Carry):
    """Bring a cube from anywhere in the arm's reach to a goal in the air, shown by a ball, and hold it there."""

    def goals(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return self.somewhere(goal[:, :2], between(goal[:, 2], self.goal_height))
