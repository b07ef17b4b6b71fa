"""A robot that blows up, by a fault of its task: `--load faulty.py`, `--task.fault NAME`."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

import envs
from envs.gymnasium_robots.walker2d import Walker2d


@dataclass(frozen=True)
class Faulty(Walker2d):
    """A Walker2d in whose fifth step something goes wrong, if the robot's seed is odd."""

    fault: Literal["none", "control", "force", "push", "reward", "observation"] = "none"
    push: float = 3e8  # N m, on the leg, of the fault `push`

    memory: ClassVar = {"odd": 1}

    def place(self, sim, rngs, seeds):
        super().place(sim, rngs, seeds)
        sim.memory.odd = np.array([seed % 2 for seed in seeds])

    def wrong(self, sim, fault, time):
        """Which robots (N,) have this fault, in the step that begins or ends at this time."""
        return (self.fault == fault) & (sim.memory.odd == 1) & (np.abs(sim.time - time) < 1e-4)

    def apply(self, sim, action):
        super().apply(sim, action)
        begins = 4 * sim.dt
        sim.ctrl[self.wrong(sim, "control", begins), 1] = np.nan
        sim.xfrc_applied[:, 1, 0] = np.where(self.wrong(sim, "force", begins), 1e15, 0.0)
        sim.qfrc_applied[:, 4] = np.where(self.wrong(sim, "push", begins), self.push, 0.0)

    def rewards(self, sim, action, now, before):
        share = np.where(self.wrong(sim, "reward", 5 * sim.dt), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            return super().rewards(sim, action, now, before) | {"effort": -1e-9 / share}

    def observe(self, sim, now):
        height = np.where(self.wrong(sim, "observation", 5 * sim.dt), np.inf, sim.qpos[:, 1])
        return super().observe(sim, now) | {"height": height}


envs.register("Faulty", Faulty)
