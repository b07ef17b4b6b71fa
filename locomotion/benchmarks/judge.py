"""The judge of a race: asks a learner for its policy's score every so many steps, with the clock stopped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from locomotion.benchmarks.contender import EPISODES, Contender
from locomotion.benchmarks.curves import Curve, Point

Actor = Callable[[Any, np.ndarray], np.ndarray]  # as `evaluate_actor` takes it


class Judge(BaseCallback):
    """Scores the untrained policy, the first one after every so many steps, and the final one.

    Args:
        contender: that trains.
        started: moment at which its process was started, by `time.time`.
        actor: returns its policy as it is now, without exploration.
    """

    def __init__(self, contender: Contender, started: float, actor: Callable[[], Actor]):
        super().__init__()
        self.contender = contender
        self.points: list[Point] = []
        self._started = started
        self._actor = actor
        self._asking = 0.0  # s so far
        self._race = os.getppid()

    @property
    def curve(self) -> Curve:
        """The scores so far."""
        return Curve(tuple(self.points))

    def _on_rollout_start(self) -> None:
        if os.getppid() != self._race:
            os._exit(1)  # the race was killed
        asked = self.points[-1].step // self.contender.every if self.points else -1
        if self.model.num_timesteps // self.contender.every > asked:
            self._ask()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self.points[-1].step < self.model.num_timesteps:
            self._ask()

    def _ask(self) -> None:
        begun = time.time()
        # Here, where the clock stands: peers have no use for them.
        from locomotion.evaluation.episodes import EVALUATION_SEED, evaluate_actor

        scores = evaluate_actor(self._actor(), self.contender.env, EPISODES, EVALUATION_SEED)
        step, seconds = self.model.num_timesteps, begun - self._started - self._asking
        self.points.append(Point(step, seconds, scores.return_mean, scores.metrics))
        print(f"  after {seconds:.1f} s, {step:,} steps: return {scores.return_mean:.1f}", file=sys.stderr)
        self._asking += time.time() - begun
