"""MemoryMaze: a robot in a maze is told a colour and looks for the object of that colour, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count
from envs.robots.labyrinth import EATEN, FIGURES, GREY, Cells, Labyrinth
from envs.robots.mazes import cells_at
from envs.simulation import Fields
from envs.task import Measured, Trial

# RGB of the objects: no wall has one of them.
OBJECTS = np.array([(0.90, 0.10, 0.12), (0.10, 0.85, 0.20), (0.98, 0.98, 0.30)])


@dataclass(frozen=True)
class MemoryMaze(Labyrinth):
    """Touch the object of the colour that is told, as often as possible in 250 s (Pasukonis et al. 2022).

    The rules are those of Memory Maze: three objects stay where they are all episode long, touching the right one pays
    1, and then another one is told. A robot that remembers where they are need not search. The maze, the robot and its
    sight are those of Labyrinth: thin walls between 9 x 9 cells of 1 m, and a line of rays in place of pictures.
    """

    goal_reward: float = 1.0  # for each find of the object that was told
    cells: Cells = 9  # cells of 1 m along a side of a random maze
    apples: int = len(OBJECTS)  # the objects
    episode_steps: Count = 1000  # steps of 0.25 s after which an episode is truncated

    control_dt = 0.25  # s
    memory: ClassVar = {
        "told": 1,  # number of the object to be found
    }
    trials: ClassVar = {"forgetful": Trial({}, FIGURES, forget_at="found")}
    unused: ClassVar = ("apple_reward", "apples", "goal_moves", "sight")  # what is told is no part of a picture

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.option.timestep = self.control_dt / 6  # s
        for k, paint in enumerate(OBJECTS):
            for geom in spec.body(f"apple{k}").geoms:
                geom.rgba = (*paint, 1.0)
        return spec

    def move_on(self, sim: Fields) -> None:
        """Tell another object to the robots that found theirs."""
        found, _ = self.touched(sim)
        for i in np.flatnonzero(found).tolist():
            sim.memory.finds[i] += 1.0
            # Drawn from the course's seed, so that a saved simulation goes on exactly.
            another = np.random.default_rng([int(sim.memory.course[i]), int(sim.memory.finds[i])])
            sim.memory.told[i] = (sim.memory.told[i] + another.integers(1, len(OBJECTS))) % len(OBJECTS)

    def touched(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        _, objects = super().touched(sim)
        told = objects[np.arange(len(objects)), sim.memory.told.astype(int)]
        return told, np.zeros((len(objects), 0), bool)  # nothing is eaten

    def goal_cells(self, sim: Fields) -> list[int]:
        told = sim.mocap_pos[np.arange(len(sim.qpos)), 1 + sim.memory.told.astype(int), :2]
        return cells_at(self.rules.side, told).tolist()

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {**super().observe(sim, now), "told": OBJECTS[sim.memory.told.astype(int)] - GREY}  # RGB

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        super().place(sim, rngs, seeds)
        sim.memory.told = [rng.integers(len(OBJECTS)) for rng in rngs]
        sim.mocap_pos[:, 0, 2] = EATEN  # there is no goal besides the objects
