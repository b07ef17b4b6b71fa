"""PickAndPlace: an arm brings a cube to a goal in the air."""

from dataclasses import dataclass

import numpy as np

from envs.arm import Arm, between
from envs.simulation import Fields


@dataclass(frozen=True)
class PickAndPlace(Arm):
    """Bring a cube from anywhere in the arm's reach to a goal in the air, shown by a ball, and hold it there."""

    def goals(self, sim: Fields, draws: np.ndarray) -> np.ndarray:
        return self.somewhere(draws[:, :2], between(draws[:, 2], self.goal_height))
