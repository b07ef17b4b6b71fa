"""One cell of a sweep: a training on one core that returns its rows and writes no files."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pyarrow as pa
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from agents.policy_gradient import PolicyGradient
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.policies.card import installed_versions
from locomotion.sweeps.plan import Cell
from locomotion.sweeps.rows import SCHEMA
from locomotion.threads import set_threads
from locomotion.training.learners import build_learner

# Torch's random numbers belong to the process: a worker with several threads must train one cell at a time.
ONE_AT_A_TIME = threading.Lock()


class RowRecorder(BaseCallback):
    """Records a row for each iteration, about the episodes that ended in it, and ends training after the last one.

    Args:
        iterations: their number.
        gamma: discount of the discounted return.
        episodic: whether an iteration is one episode of each robot; later steps do not count.
    """

    def __init__(self, iterations: int, gamma: float, episodic: bool):
        super().__init__()
        self.iterations = iterations
        self.gamma = gamma
        self.episodic = episodic
        self.rows: list[dict[str, Any]] = []
        self.sound = 0  # episodes that have ended otherwise than by numbers that are not finite
        self.broken: Any = None  # what the environment said of the last that has not
        self._began = time.perf_counter()

    def _on_training_start(self) -> None:
        self._discount, self._discounted = np.ones((2, self.training_env.num_envs))
        self._discounted[:] = 0.0

    def _on_rollout_start(self) -> None:
        self._ended: list[tuple[float, float]] = []
        self._awaited = np.ones(self.training_env.num_envs, bool)
        if self.episodic:
            self._on_training_start()

    def _on_step(self) -> bool:
        dones, infos = self.locals["dones"], self.locals["infos"]
        self._discounted += self._discount * self.locals["rewards"]
        self._discount *= self.gamma
        for i in np.flatnonzero(dones):
            self.broken = infos[i].get("physics_error", self.broken)
            self.sound += "physics_error" not in infos[i]
        for i in np.flatnonzero(dones & self._awaited):
            if "episode" in infos[i]:  # absent for an episode that `stagger` cut short
                self._ended.append((infos[i]["episode"]["r"], self._discounted[i]))
        self._discount[dones] = 1.0
        self._discounted[dones] = 0.0
        if self.episodic:
            self._awaited &= ~dones
        return len(self.rows) < self.iterations

    def _on_rollout_end(self) -> None:
        means = [float(mean) for mean in np.mean(self._ended, axis=0)] if self._ended else [None, None]
        self.rows.append(
            {
                "iteration": len(self.rows) + 1,
                "steps": self.num_timesteps,
                "episodes": len(self._ended),
                "return_mean": means[0],
                "discounted_return_mean": means[1],
                "seconds": time.perf_counter() - self._began,
            }
        )


def untrained(cell: Cell) -> PolicyGradient:
    """Return the untrained learner of a cell, with its robots.

    Raises:
        UsageError: where it cannot be made.
    """
    s = cell.settings
    env = make_env(
        s.env,
        s.rollout.num_envs,
        seed=s.seed,
        threads=1,
        task=s.task,
        load=s.run.load,
        stagger=s.rollout.stagger,
    )
    learner = build_learner(s, env)
    learner.set_logger(Logger(None, []))
    return learner


def train_cell(cell: Cell) -> pa.Table:
    """Train a cell and return its rows; all but the seconds depend on the cell and the versions alone.

    Raises:
        UsageError: where all episodes have ended by numbers that are not finite: nothing can be learned from them.
    """
    with ONE_AT_A_TIME:
        set_threads(1)
        settings = cell.settings
        recorder = RowRecorder(cell.iterations, settings.advantage.gamma, settings.rollout.episodic)
        untrained(cell).learn(settings.steps, recorder)
    if recorder.broken is not None and not recorder.sound:
        reason = recorder.broken if isinstance(recorder.broken, str) else "the physics blew up"
        raise UsageError(f"all episodes of {settings.env} ended by numbers that are not finite: {reason}")
    same = {
        "env": settings.env,
        "algo": settings.algo,
        "gamma": settings.advantage.gamma,
        "lambda": settings.advantage.gae_lambda,
        "baseline": settings.advantage.baseline,
        "seed": settings.seed,
        "preset": cell.preset,
        "scale": cell.scale,
        "settings": cell.as_json(),
        "versions": json.dumps(installed_versions()),
    }
    return pa.Table.from_pylist([same | row for row in recorder.rows], SCHEMA)
