"""Advantage estimators: pure functions over arrays (T, N), T steps of N robots, and the choice among them.

Arguments of the same name mean the same everywhere:

    rewards: r_t (T, N).
    values: V(s_t) (T, N), or what another baseline says of it.
    next_values: V of the observation each step led to (T, N): at an episode's end of its final observation, never of
        the first one of the next episode.
    terminated: whether the step ended its episode for good (T, N).
    truncated: whether the step was its episode's last because time ran out (T, N).
    first: whether the step was its episode's first (T, N).
    gamma: discount, in [0, 1].

Where an episode terminated there is no future: V(s') counts as 0. Where it was truncated, or the rollout ends, V(s')
stands for the future that was cut off, if the estimator looks that way at all.
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
    """Look k steps ahead, then ask the critic: r_t + ... + gamma^(k-1) r_{t+k-1} + gamma^k V(s_{t+k}) - V(s_t).

    The lecture's slide on function approximation; A3C's choice (Mnih et al. 2016, section 4). Where the episode or
    the rollout ends sooner, the look ahead ends there.
    """
    deltas = residuals(rewards, values, next_values, terminated, gamma)
    decay = np.where(terminated | truncated, 0.0, gamma)
    advantages = deltas
    for _ in range(min(k, len(rewards)) - 1):  # A^(k)_t = delta_t + gamma A^(k-1)_{t+1}
        advantages = np.concatenate([deltas[:-1] + decay[:-1] * advantages[1:], deltas[-1:]])
    return advantages.astype(rewards.dtype)


def rewards_to_go(rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, gamma: float) -> np.ndarray:
    """Return r_t + gamma r_{t+1} + ... to the episode's end (T, N): what an action can still change.

    The lecture's slide on temporal structure (Sutton et al. 1999; Baxter and Bartlett 2001). An episode that the
    rollout cuts off is short of its future: `whole_episodes` tells which are complete.
    """
    return discounted_sums(rewards, np.where(terminated | truncated, 0.0, gamma))


def path_returns(
    rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, first: np.ndarray, gamma: float
) -> np.ndarray:
    """Return for each step the return of its whole episode, from the episode's first step on (T, N).

    The weight of REINFORCE as the lecture first states it: R(tau) (Williams 1992).
    """
    return held(rewards_to_go(rewards, terminated, truncated, gamma), first)


def held(numbers: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return what each episode's first step says, at all of its steps (T, N)."""
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
    """What an estimator is told of T steps of N robots: a rollout, once its values are known."""

    rewards: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    gamma: float

    @property
    def first(self) -> np.ndarray: ...


class AdvantageEstimator(Protocol):
    """A way to tell how much better than expected actions turned out."""

    whole: ClassVar[bool]  # whether only the steps of whole episodes count

    def __call__(self, steps: Steps) -> np.ndarray:
        """Return the advantages (T, N)."""


@dataclass(frozen=True)
class GAE:
    """Generalised advantage estimation: `gae`, lambda in [0, 1]."""

    gae_lambda: float
    whole: ClassVar = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.gae_lambda <= 1.0:
            raise ValueError(f"gae_lambda must lie in [0, 1], got {self.gae_lambda}")

    def __call__(self, steps: Steps) -> np.ndarray:
        s = steps
        return gae(s.rewards, s.values, s.next_values, s.terminated, s.truncated, s.gamma, self.gae_lambda)


@dataclass(frozen=True)
class KStep:
    """A look k steps ahead: `k_step`, k at least 1."""

    k: int
    whole: ClassVar = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")

    def __call__(self, steps: Steps) -> np.ndarray:
        s = steps
        return k_step(s.rewards, s.values, s.next_values, s.terminated, s.truncated, s.gamma, self.k)


@dataclass(frozen=True)
class RewardToGo:
    """The discounted rewards to the episode's end, less the baseline; the critic stands in for nothing.

    An episode that ran out of time is whole: its horizon is part of the problem.
    """

    whole: ClassVar = True

    def __call__(self, steps: Steps) -> np.ndarray:
        return rewards_to_go(steps.rewards, steps.terminated, steps.truncated, steps.gamma) - steps.values


@dataclass(frozen=True)
class PathReturn:
    """The return of the whole path, less what the baseline said at its beginning."""

    whole: ClassVar = True

    def __call__(self, steps: Steps) -> np.ndarray:
        returns = path_returns(steps.rewards, steps.terminated, steps.truncated, steps.first, steps.gamma)
        return returns - held(steps.values, steps.first)
