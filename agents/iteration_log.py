"""The log of a learner's iterations: speed, rollout and recent episodes."""

from __future__ import annotations

import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import safe_mean

from agents.policies import ActorCritic
from agents.rollout import Rollout, Rows

FEW_SAMPLES = 0.1  # share of a rollout below which an iteration hardly learns
MOST_CLIPPED = 0.9  # share of the actions


def seconds_since(moment: float) -> float:
    """Return the seconds since a moment of `time.perf_counter`: more than none, so that one can divide by them."""
    return max(time.perf_counter() - moment, time.get_clock_info("perf_counter").resolution)


class IterationLog:
    """Measures iterations and records their figures by SB3's logger."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._env_seconds = 0.0
        self._warned_of_few_samples = False
        self._warned_of_clipping = False

    def begin(self) -> None:
        """Start the clock of an iteration."""
        self._begun = time.perf_counter()
        self._env_seconds = 0.0

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Count the time spent inside as the environment's."""
        before = time.perf_counter()
        yield
        self._env_seconds += time.perf_counter() - before

    def record_speed(self, logger: Logger, steps: int) -> None:
        """Record the environment steps per second of this iteration."""
        logger.record("time/steps_per_second", steps / seconds_since(self._begun))

    def record_physics_share(self, logger: Logger) -> None:
        """Record the environment's share of this iteration's time."""
        logger.record("time/physics_share", self._env_seconds / seconds_since(self._begun))

    def warn_of_few_samples(self, counted: int, steps: int, n_steps: int) -> None:
        """Warn, once, where hardly any steps of a rollout count: the learner would otherwise idle without a reason.

        Args:
            counted: number of the steps that count.
            steps: number of all.
            n_steps: of each robot.
        """
        share = counted / steps
        if share >= FEW_SAMPLES or self._warned_of_few_samples:
            return
        self._warned_of_few_samples = True
        few = f"only {share:.1%}" if share else "none"
        warn_caller(
            f"this iteration learns from {few} of its {steps:,} steps, because only whole episodes count:"
            f" n_steps, {n_steps}, should be several times an episode's length"
        )

    def warn_of_clipping(self, share: float) -> None:
        """Warn where nearly all actions of a rollout are clipped; once, until most are not."""
        if share >= MOST_CLIPPED and not self._warned_of_clipping:
            warn_caller(
                f"{share:.0%} of the actions lie beyond their bounds and are clipped, so that exploration tells little:"
                " less noise at first, or means that are bounded, may help"
            )
        self._warned_of_clipping = share >= (0.5 if self._warned_of_clipping else MOST_CLIPPED)


def warn_caller(message: str) -> None:
    """Warn at the line that called the learner: how many of its own frames lie between differs from rule to rule."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(("agents.", "stable_baselines3.")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def record_rollout(logger: Logger, rollout: Rollout, policy: ActorCritic, counted: Rows, steps: Rows) -> None:
    """Record the critic's fit to a rollout, the samples it gave, and the noise of its actions.

    Args:
        logger: takes the figures.
        rollout: of this process.
        policy: that acted.
        counted: the steps that are learned from.
        steps: all steps.
    """
    values, returns = (torch.from_numpy(counted.of(array)).double() for array in (rollout.values, rollout.returns))
    _, _, (unexplained, variance) = counted.shards.moments(torch.stack([returns - values, returns], dim=1))
    if variance > 0 and torch.isfinite(unexplained / variance):  # equal returns have no variance to explain
        logger.record("train/explained_variance", float(1 - unexplained / variance))
    logger.record("train/samples", counted.shards.count)
    if policy.continuous:
        logger.record("train/std", float(policy.floored_log_std.detach().exp().mean()))
        low, high = (bound.ravel() for bound in (policy.action_space.low, policy.action_space.high))  # type: ignore[attr-defined]
        actions = steps.of(rollout.actions)
        clipped = ((actions < low) | (actions > high)).reshape(len(actions), -1).mean(axis=1)
        logger.record("train/clipped_actions", float(steps.shards.mean(torch.from_numpy(clipped))))


def record_episodes(logger: Logger, episodes: Iterable[dict[str, Any]]) -> None:
    """Record means over recent episodes, as SB3's `ep_info_buffer` holds them.

    Args:
        logger: takes `reward/NAME` for each of an episode's reward "terms" and `episode/NAME` for each "tracked"
            quantity, where the VecEnv reports them.
        episodes: SB3's dictionaries.
    """
    seen = defaultdict(list)
    for episode in episodes:
        for group, key in (("reward", "terms"), ("episode", "tracked")):
            for name, value in episode.get(key, {}).items():
                seen[f"{group}/{name}"].append(value)
    for name, values in seen.items():
        logger.record(name, safe_mean(values))
