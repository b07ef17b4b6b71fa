"""Where episodes begin: each robot's generator, and a batch of its own for the robots that begin one."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

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
        self._shared: dict[str, np.ndarray] = {}  # of the model: the fields that `Task.physics` changes

    def seed(self, i: int, seed: int) -> None:
        """Give robot i a new generator."""
        self.rngs[i], self.seeds[i] = np_random(whole_number(seed, "the seed"))

    def place(self, ids: np.ndarray, memory: np.ndarray) -> tuple[First, np.ndarray, Mapping[str, np.ndarray]]:
        """Begin the next episodes of the robots `ids`.

        Args:
            ids: rows of E robots.
            memory: what their last episodes left in `userdata` (E, numbers).

        Returns:
            The robots, in their own physics; their states as rows of a batch; and the fields of the model (E, ...) that
            are their own. The first two are views: the next call changes them.

        Raises:
            InvalidTask: where the task draws a state that is not finite.
        """
        task, sim, rows = self._task, self.sim.first(len(ids)), ids.tolist()
        states, first = self.sim.batch.state[: len(rows)], np.arange(len(rows))
        states[:] = self._rest
        sim.userdata[:] = memory
        self.sim.individualise(first, self._shared)  # the last episodes that began here had a physics of their own
        placed = task.place(sim, [self.rngs[i] for i in rows], [self.seeds[i] for i in rows])  # type: ignore[func-returns-value]
        contract.require_nothing(task, "place", placed)
        contract.require_finite_state(task, sim, states)
        physics = contract.require_named(task, "physics", task.physics(sim), "fields of the model")
        new = physics.keys() - self._shared.keys()
        self._shared |= {name: np.copy(attrgetter(name)(sim.model)) for name in new}  # `opt.gravity` is one, too
        self.sim.individualise(first, physics)
        sim.forward()
        return sim, states, physics
