"""Distributions of actions that are choices: torch's, and SB3's around them, a policy's `action_dist`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    MultiCategoricalDistribution,
)
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, kl_divergence, register_kl

from agents.distributions import ClippedGaussian


class Numbered(Categorical):
    """Torch's categorical distribution over the numbers `start`, `start` + 1, ... instead of 0, 1, ...

    Args:
        logits: (B, choices), which torch does not validate: a learner's NaN is refused later.
        start: the number of the first choice.
    """

    def __init__(self, logits: Tensor, start: int):
        super().__init__(logits=logits, validate_args=False)
        self.start = start

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:  # type: ignore[override]
        return super().sample(torch.Size(sample_shape)) + self.start

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities (B,) of the environment's numbers of choices (B,)."""
        return super().log_prob(value - self.start)


class Several(Distribution):
    """Independent choices made at once.

    Args:
        choices: each a distribution over B samples.
    """

    def __init__(self, choices: Sequence[Numbered]):
        super().__init__(choices[0].batch_shape, torch.Size([len(choices)]), validate_args=False)
        self.choices = list(choices)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:  # type: ignore[override]
        return torch.stack([choice.sample(sample_shape) for choice in self.choices], dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities (B,) of choices (B, number of choices)."""
        parts = zip(self.choices, value.unbind(-1), strict=True)
        return torch.stack([choice.log_prob(part) for choice, part in parts]).sum(0)

    def entropy(self) -> Tensor:
        return torch.stack([choice.entropy() for choice in self.choices]).sum(0)


@register_kl(Several, Several)
def _kl_of_several(old: Several, new: Several) -> Tensor:
    pairs = zip(old.choices, new.choices, strict=True)
    return torch.stack([kl_divergence(*pair) for pair in pairs]).sum(0)


class Coins(Independent):
    """Independent throws of coins, each 0 or 1.

    Args:
        logits: of 1 (B, coins), which torch does not validate.
    """

    def __init__(self, logits: Tensor):
        super().__init__(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:  # type: ignore[override]
        return super().sample(torch.Size(sample_shape)).long()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities (B,) of throws (B, coins)."""
        return super().log_prob(value.float())


@register_kl(Coins, Coins)
def _kl_of_coins(old: Coins, new: Coins) -> Tensor:
    return kl_divergence(old.base_dist, new.base_dist).sum(-1)


class ByLogits:
    """What SB3 asks of a distribution, by torch's at the logits; a subclass says which that is, and its mode."""

    distribution: Any
    logits: Tensor

    def at(self, logits: Tensor) -> Distribution:
        """Return torch's distribution for logits (B, ...); its figures are (B,)."""
        raise NotImplementedError

    def mode_at(self, logits: Tensor) -> Tensor:
        """Return the likeliest choices (B, ...), for the parameters of `at`."""
        raise NotImplementedError

    def proba_distribution(self, action_logits: Tensor) -> Self:
        self.distribution = self.at(action_logits)
        self.logits = action_logits
        return self

    def log_prob(self, actions: Tensor) -> Tensor:
        return self.distribution.log_prob(actions)

    def entropy(self) -> Tensor:
        return self.distribution.entropy()

    def sample(self) -> Tensor:
        return self.distribution.sample()

    def mode(self) -> Tensor:
        return self.mode_at(self.logits)


class Softmax(ByLogits, CategoricalDistribution):
    """SB3's distribution of one choice, by `Numbered`.

    Args:
        action_space: how many choices there are, and the number of the first.
    """

    def __init__(self, action_space: spaces.Discrete):
        super().__init__(int(action_space.n))
        self.start = int(action_space.start)

    def at(self, logits: Tensor) -> Numbered:
        return Numbered(logits, self.start)

    def information(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        """Return each state's Fisher matrix by the logits, diag(p) - p p^T, times tangents (B, choices)."""
        return [softmax_information(parameters[0], tangents[0])]

    def mode_at(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) + self.start

    def noise(self, *shape: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Draw the random numbers of actions (*shape, choices), whose argmax with the logits samples a softmax."""
        return gumbel(*shape, self.action_dim, generator=generator)

    def sampled(self, noise: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return the choices (B,) that random numbers make, for the parameters of `at`."""
        return (logits + noise).argmax(1) + self.start


class Softmaxes(ByLogits, MultiCategoricalDistribution):
    """SB3's distribution of several choices at once, by `Several`.

    Args:
        action_space: how many choices there are each time, and the numbers of the first.
    """

    def __init__(self, action_space: spaces.MultiDiscrete):
        super().__init__([int(n) for n in action_space.nvec])
        self.starts = [int(start) for start in action_space.start]

    def at(self, logits: Tensor) -> Several:
        parts = zip(logits.split(self.action_dims, dim=1), self.starts, strict=True)
        return Several([Numbered(*part) for part in parts])

    def information(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        """Return each state's Fisher matrix by the logits, a block for each choice, times tangents (B, all choices)."""
        parts = zip(*(one.split(self.action_dims, dim=1) for one in (parameters[0], tangents[0])), strict=True)
        return [torch.cat([softmax_information(*part) for part in parts], dim=1)]

    def mode_at(self, logits: Tensor) -> Tensor:
        parts = zip(logits.split(self.action_dims, dim=1), self.starts, strict=True)
        return torch.stack([part.argmax(1) + start for part, start in parts], dim=1)

    def noise(self, *shape: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Draw the random numbers of actions (*shape, all choices), as `Softmax.noise`."""
        return gumbel(*shape, sum(self.action_dims), generator=generator)

    def sampled(self, noise: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return the choices (B, number of choices) that random numbers make, for the parameters of `at`."""
        parts = np.split(logits + noise, np.cumsum(self.action_dims)[:-1], axis=1)
        return np.stack([part.argmax(1) + start for part, start in zip(parts, self.starts, strict=True)], axis=1)


class CoinThrows(ByLogits, BernoulliDistribution):
    """SB3's distribution of several yes-or-no choices, by `Coins`.

    Args:
        action_space: how many there are.
    """

    def __init__(self, action_space: spaces.MultiBinary):
        super().__init__(int(action_space.shape[0]))

    def at(self, logits: Tensor) -> Coins:
        return Coins(logits)

    def information(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        """Return each state's Fisher matrix by the logits, diag(p (1 - p)), times tangents (B, choices)."""
        probability = parameters[0].sigmoid()
        return [probability * (1 - probability) * tangents[0]]

    def mode_at(self, logits: Tensor) -> Tensor:
        return (logits > 0).long()

    def noise(self, *shape: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Draw the random numbers of actions (*shape, choices), logistic ones: with the logit below 0 it is no."""
        uniform = torch.rand(*shape, self.action_dims, generator=generator).clamp(1e-10, 1 - 1e-7)
        return (uniform.log() - (-uniform).log1p()).numpy()

    def sampled(self, noise: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return the choices (B, choices) that random numbers make, for the parameters of `at`."""
        return (logits + noise > 0).astype(np.int64)


ActionDistribution = ClippedGaussian | Softmax | Softmaxes | CoinThrows


def distribution_for(action_space: spaces.Space) -> ActionDistribution:
    """Return the distribution of actions of a space that `require_actions` accepts."""
    if isinstance(action_space, spaces.Box):
        return ClippedGaussian(action_space)
    if isinstance(action_space, spaces.Discrete):
        return Softmax(action_space)
    if isinstance(action_space, spaces.MultiDiscrete):
        return Softmaxes(action_space)
    assert isinstance(action_space, spaces.MultiBinary)
    return CoinThrows(action_space)


def softmax_information(logits: Tensor, tangents: Tensor) -> Tensor:
    """Return the Fisher matrix of a softmax by its logits, diag(p) - p p^T, times tangents, both (B, choices)."""
    probabilities = logits.softmax(1)
    weighted = probabilities * tangents
    return weighted - probabilities * weighted.sum(1, keepdim=True)


def gumbel(*shape: int, generator: torch.Generator | None = None) -> np.ndarray:
    """Draw random numbers whose argmax with some logits samples their softmax (Gumbel 1954)."""
    uniform = torch.rand(*shape, generator=generator)
    return -torch.log(-torch.log(uniform.clamp(1e-10, 1 - 1e-7))).numpy()
