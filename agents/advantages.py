"""Advantage estimators: pure functions over arrays (T, N), T steps of N robots, and the choice among them.

Arguments of the same name have the same meaning everywhere:

    rewards: r_t (T, N).
    values: V(s_t) (T, N), or another baseline's prediction.
    next_values: V of the observation that each step led to (T, N): at an episode's end of its final observation, never
        of the next episode's first one.
    terminated: whether the step ended its episode for good (T, N).
    truncated: whether the step was its episode's last because time ran out (T, N).
    first: whether the step was its episode's first (T, N).
    gamma: discount, in [0, 1].

Where an episode terminated there is no future: V(s') counts as 0. Where it was truncated, or the rollout ends, V(s')
replaces the future that was cut off, in the estimators that use next_values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np


def discounted_sums(terms: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """Return x_t = terms_t + decay_t x_{t+1} (T, N), with nothing after the last row, in the dtype of `terms`."""
    sums = np.empty_like(terms)
    following = np.zeros_like(terms[0])
    for t in reversed(range(len(terms))):
        following = terms[t] + decay[t] * following
        sums[t] = following
    return sums


def residuals(
    rewards: np.ndarray, values: np.ndarray, next_values: np.ndarray, terminated: np.ndarray, gamma: float
) -> np.ndarray:
    """Return r_t + gamma V(s_{t+1}) - V(s_t) (T, N), the one-step advantages (Schulman et al. 2016, section 3)."""
    return rewards + gamma * np.where(terminated, 0.0, next_values) - values


def gae(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """Generalised advantage estimates: sum over l of (gamma lambda)^l delta_{t+l}.

    Schulman, Moritz, Levine, Jordan and Abbeel 2016, equation 16; equally (1 - lambda) sum_k lambda^(k-1) A^(k), the
    weighted mean of the k-step estimates. Lambda 0 is the one-step residual, 1 the discounted return minus V.

    Returns:
        The advantages (T, N), of the dtype of `rewards`.
    """
    deltas = residuals(rewards, values, next_values, terminated, gamma)
    return discounted_sums(deltas, np.where(terminated | truncated, 0.0, gamma * gae_lambda)).astype(rewards.dtype)


def k_step(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    gamma: float,
    k: int,
) -> np.ndarray:
    """Return r_t + ... + gamma^(k-1) r_{t+k-1} + gamma^k V(s_{t+k}) - V(s_t) (T, N): k rewards, then the critic.

    The lecture's slide on function approximation; A3C's choice (Mnih et al. 2016, section 4). Where the episode or
    the rollout ends within k steps, V is that of its end.
    """
    deltas = residuals(rewards, values, next_values, terminated, gamma)
    decay = np.where(terminated | truncated, 0.0, gamma)
    advantages = deltas
    for _ in range(min(k, len(rewards)) - 1):  # A^(k)_t = delta_t + gamma A^(k-1)_{t+1}
        advantages = np.concatenate([deltas[:-1] + decay[:-1] * advantages[1:], deltas[-1:]])
    return advantages.astype(rewards.dtype)


def rewards_to_go(rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, gamma: float) -> np.ndarray:
    """Return r_t + gamma r_{t+1} + ... to the episode's end (T, N), all that an action can change.

    The lecture's slide on temporal structure (Sutton et al. 1999; Baxter and Bartlett 2001). For an episode that the
    rollout cuts off, later rewards are missing: `whole_episodes` returns which ones are complete.
    """
    return discounted_sums(rewards, np.where(terminated | truncated, 0.0, gamma))


def path_returns(
    rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, first: np.ndarray, gamma: float
) -> np.ndarray:
    """Return, at each step, the return of its whole episode, discounted from the episode's first step (T, N).

    The weight of REINFORCE in its first form, R(tau) (Williams 1992).
    """
    return first_of_episode(rewards_to_go(rewards, terminated, truncated, gamma), first)


def first_of_episode(numbers: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return, at each step, the number of its episode's first step within the rollout (T, N)."""
    kept = numbers.copy()
    for t in range(1, len(kept)):
        kept[t] = np.where(first[t], numbers[t], kept[t - 1])
    return kept


def whole_episodes(first: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> np.ndarray:
    """Return which steps (T, N) belong to an episode that both began and ended within the rollout."""
    began = np.logical_or.accumulate(first, axis=0)
    ends = np.logical_or.accumulate((terminated | truncated)[::-1], axis=0)[::-1]
    return began & ends


class Steps(Protocol):
    """T steps of N robots as an estimator needs them: a rollout, once its values are known."""

    rewards: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray

    @property
    def first(self) -> np.ndarray: ...


class AdvantageEstimator(Protocol):
    """An estimator of how much better than expected the actions turned out."""

    whole: ClassVar[bool]  # whether only the steps of whole episodes count

    def __call__(self, steps: Steps, gamma: float) -> np.ndarray:
        """Return the advantages (T, N)."""


@dataclass(frozen=True)
class GAE:
    """Generalised advantage estimation: `gae`, lambda in [0, 1]."""

    gae_lambda: float
    whole: ClassVar = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.gae_lambda <= 1.0:
            raise ValueError(f"gae_lambda must lie in [0, 1], got {self.gae_lambda}")

    def __call__(self, steps: Steps, gamma: float) -> np.ndarray:
        s = steps
        return gae(s.rewards, s.values, s.next_values, s.terminated, s.truncated, gamma, self.gae_lambda)


@dataclass(frozen=True)
class KStep:
    """k rewards, then the critic: `k_step`, k at least 1."""

    k: int
    whole: ClassVar = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")

    def __call__(self, steps: Steps, gamma: float) -> np.ndarray:
        s = steps
        return k_step(s.rewards, s.values, s.next_values, s.terminated, s.truncated, gamma, self.k)


@dataclass(frozen=True)
class RewardToGo:
    """The discounted rewards to the episode's end, minus the baseline; no value replaces a future that was cut off.

    An episode that ran out of time is whole: its horizon is part of the problem.
    """

    whole: ClassVar = True

    def __call__(self, steps: Steps, gamma: float) -> np.ndarray:
        return rewards_to_go(steps.rewards, steps.terminated, steps.truncated, gamma) - steps.values


@dataclass(frozen=True)
class PathReturn:
    """The return of the whole path, minus the baseline's value at its first step."""

    whole: ClassVar = True

    def __call__(self, steps: Steps, gamma: float) -> np.ndarray:
        returns = path_returns(steps.rewards, steps.terminated, steps.truncated, steps.first, gamma)
        return returns - first_of_episode(steps.values, steps.first)
