"""Baselines, subtracted from the return; none depends on the action (the lecture's slides 8 to 10).

A baseline is fitted after the policy update that used it, so that it is independent of the returns it is subtracted
from, and the policy gradient stays unbiased.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from agents.cannot_learn import CannotLearn
from agents.critics import CriticFit
from agents.policies import ActorCritic
from agents.samples import Samples
from agents.team import Shards


class Baseline(Protocol):
    """A prediction of the return before an action is taken."""

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the predictions (B,) at observations (B, ...), `times` (B,) steps after an episode's beginning."""

    def fit(self, samples: Samples) -> None:
        """Fit the predictions to the returns of samples."""

    def state(self) -> dict[str, np.ndarray]:
        """Return the learned state that is not part of the policy."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""


class ValueNetwork:
    """The critic: V(s), the policy's value network.

    Args:
        policy: holds the network.
        critic: fits it.
    """

    def __init__(self, policy: ActorCritic, critic: CriticFit):
        self.policy = policy
        self.critic = critic

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        return self.policy.rollout_values(observations).cpu().numpy()

    def fit(self, samples: Samples) -> None:
        self.policy.value_net.update(*samples.shards.moments(samples.returns[:, None]))
        self.critic.fit(self.policy, samples.critic_inputs, samples.returns, samples.shards)

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        assert not state


class Constant:
    """The mean return; 0 before the first fit."""

    def __init__(self) -> None:
        self.value = np.zeros(1, np.float32)

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.repeat(self.value, len(times))

    def fit(self, samples: Samples) -> None:
        self.value = np.array([float(samples.shards.mean(samples.returns))], np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {"value": self.value}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.value = state["value"]


class NoBaseline(Constant):
    """Nothing is subtracted."""

    def fit(self, samples: Samples) -> None:
        pass


class OptimalConstant(Constant):
    """The constant of least variance: the mean return, weighted by the squared length of each action's score.

    E[|grad log pi|^2 R] / E[|grad log pi|^2] (Greensmith, Bartlett and Baxter 2004, theorem 13, for the sum of the
    components' variances).

    Args:
        policy: the one whose actions are scored.
    """

    def __init__(self, policy: ActorCritic):
        super().__init__()
        if policy.actor_memory is not None:
            raise CannotLearn(
                "the optimal constant scores single actions: a policy with a memory needs another baseline"
            )
        self.policy = policy

    def fit(self, samples: Samples) -> None:
        parts = zip(*(rows.split(samples.shards.sizes) for rows in (samples.inputs, samples.actions)), strict=True)
        weights = torch.cat([squared_scores(self.policy, *part) for part in parts if len(part[0])])
        self.value = np.array([optimal_constant(weights, samples.returns, samples.shards)], np.float32)


def optimal_constant(squared_scores: Tensor, returns: Tensor, shards: Shards) -> float:
    """Return the b that minimises the mean of |score|^2 (R - b)^2, for samples (B,); without any score, the mean R."""
    weight, weighted, plain = shards.mean(torch.stack([squared_scores, squared_scores * returns, returns], dim=1))
    return float(weighted / weight if weight > 0 else plain)  # 0: of a policy that is certain of every action


def squared_scores(policy: ActorCritic, inputs: Tensor, actions: Tensor) -> Tensor:
    """Return |grad log pi(a|s)|^2 by the actor's parameters (B,), for the actor's inputs (B, ...) and actions."""
    parameters = policy.actor_parameters()
    squares = []
    for some, taken in zip(inputs.split(64), actions.split(64), strict=True):  # more do not fit the caches
        log_prob = policy.log_prob(some, taken)
        each = torch.eye(len(some), device=some.device)
        scores = torch.autograd.grad(log_prob, parameters, each, is_grads_batched=True)
        squares.append(sum((score.flatten(1) ** 2).sum(1) for score in scores))
    return torch.cat(squares)  # type: ignore[arg-type]


def apart(shards: Shards, *columns: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Return the rows (b, ...) of each shard, from columns (B, ...)."""
    ends = np.cumsum(shards.sizes)[:-1]
    return zip(*(np.split(column, ends) for column in columns), strict=True)


class TimeDependent:
    """The mean return at each time of an episode (the "no value function" of Schulman et al. 2016, section 6)."""

    def __init__(self) -> None:
        self.means = np.zeros(1, np.float32)  # by time; at later times the last one

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        return self.means[np.minimum(times, len(self.means) - 1)]

    def fit(self, samples: Samples) -> None:
        longest = samples.shards.team.most(int(samples.times.max(initial=0)) + 1)
        returns = samples.returns.cpu().numpy()
        sums_of_shards = [
            np.stack([np.bincount(times, minlength=longest), np.bincount(times, some, minlength=longest)])
            for times, some in apart(samples.shards, samples.times, returns)
        ]
        counts, sums = samples.shards.team.total(torch.from_numpy(np.stack(sums_of_shards))).numpy()
        known = counts > 0  # the mean is linear between them
        self.means = np.interp(np.arange(len(counts)), np.flatnonzero(known), sums[known] / counts[known]).astype(
            np.float32
        )

    def state(self) -> dict[str, np.ndarray]:
        return {"means": self.means}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.means = state["means"]


class LinearFeatures:
    """Linear in the observation, its squares and powers of time (Duan et al. 2016, section 4), by ridge regression.

    Args:
        ridge: added to the mean squares' diagonal.
    """

    def __init__(self, ridge: float = 1e-5):
        self.ridge = ridge
        self.weights = np.zeros(0)

    def values(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        if not len(self.weights):
            return np.zeros(len(times), np.float32)
        return (self.features(observations, times) @ self.weights).astype(np.float32)

    def fit(self, samples: Samples) -> None:
        features = self.features(samples.observations, samples.times)
        returns = samples.returns.double().cpu().numpy()
        parts = apart(samples.shards, features, returns)
        products = [some.T @ np.column_stack([some, targets]) for some, targets in parts]
        mean = samples.shards.mean_of(torch.from_numpy(np.stack(products))).numpy()
        self.weights = np.linalg.solve(mean[:, :-1] + self.ridge * np.eye(len(mean)), mean[:, -1])

    def features(self, observations: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the features (B, 2 size + 4): observation clipped to +-10, squares, powers of time, 1."""
        seen = np.clip(observations.reshape(len(observations), -1).astype(float), -10.0, 10.0)
        time = times[:, None] / 100.0
        return np.concatenate([seen, seen**2, time, time**2, time**3, np.ones_like(time)], axis=1)

    def state(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.weights = state["weights"]
