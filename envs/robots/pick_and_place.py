"""PickAndPlace: an arm brings a cube to a goal in the air."""

from dataclasses import dataclass

import numpy as np

from envs.robots.arm import between
from envs.robots.carry import CUBE_POSITION, Carry
from envs.simulation import Fields
from envs.sources import Source, field_of_data


@dataclass(frozen=True)
class PickAndPlace(Carry):
    """Bring a cube from anywhere in the arm's reach to a goal in the air, shown by a ball, and hold it there."""

    goal_height: tuple[float, float] = (0.08, 0.25)  # m above the table, lowest and highest goal

    model = "cube.xml"

    def to_goal(self, sim: Fields) -> np.ndarray:
        return sim.mocap_pos[:, 0] - sim.qpos[:, CUBE_POSITION]

    def goal_source(self, sim: Fields) -> Source:
        return field_of_data("mocap_pos", range(3))

    def place_goals(self, sim: Fields, cube: np.ndarray, goal: np.ndarray) -> None:
        sim.mocap_pos[:, 0] = self.somewhere(self.goal_places(cube, goal), between(goal[:, 2], self.goal_height))

    def goal_places(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return draws (E, 2) of the places of the goals, from those of the cubes (E, 2) and their own (E, 3)."""
        return goal[:, :2]
