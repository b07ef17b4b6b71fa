"""Where episodes begin: each robot's generator, and a batch of its own for the robots that begin one."""

from __future__ import annotations

import mujoco
import numpy as np
from gymnasium.utils.seeding import np_random
from mujoco.batch import Batch

from envs import contract
from envs.arguments import whole_number
from envs.simulation import First, Simulation
from envs.task import Task


class Starts:
    """The first states of N robots' episodes, drawn by the task with each robot's own generator.

    Args:
        task: the robots' task.
        model: compiled.
        num_robots: N.
        dt: s between two actions.
    """

    def __init__(self, task: Task, model: mujoco.MjModel, num_robots: int, dt: float):
        seeded = [np_random() for _ in range(num_robots)]
        self.rngs = [rng for rng, _ in seeded]
        self.seeds = [seed for _, seed in seeded]  # what the generators were made of
        self._task = task
        # On one thread: waking others for a few robots takes longer.
        self.sim = Simulation(Batch(model, num_robots, nthread=1), dt, task.memory, task.contact_forces)
        self._rest = self.sim.batch.state[0].copy()  # with which every episode begins

    def seed(self, i: int, seed: int) -> None:
        """Give robot i a new generator."""
        self.rngs[i], self.seeds[i] = np_random(whole_number(seed, "the seed"))

    def place(self, ids: np.ndarray, memory: np.ndarray) -> tuple[First, np.ndarray]:
        """Return the robots `ids` at the start of their next episodes, and their states as rows of a batch.

        Both are views: the next call changes them.

        Args:
            ids: rows of E robots.
            memory: what their last episodes left in `userdata` (E, numbers).

        Raises:
            InvalidTask: where the task draws a state that is not finite.
        """
        task, sim, rows = self._task, self.sim.first(len(ids)), ids.tolist()
        states = self.sim.batch.state[: len(rows)]
        states[:] = self._rest
        sim.userdata[:] = memory
        placed = task.place(sim, [self.rngs[i] for i in rows], [self.seeds[i] for i in rows])  # type: ignore[func-returns-value]
        contract.require_nothing(task, "place", placed)
        contract.require_finite_state(task, sim, states)
        sim.forward()
        return sim, states
