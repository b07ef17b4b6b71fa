"""Distributions of actions that are real vectors: torch's, and SB3's around it, a policy's `action_dist`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.preprocessing import get_action_dim
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from agents.numpy_layers import Elementwise

WIDEST = 1e15  # range of an action; the square of a wider one may not fit float32
NARROWEST = 1 / WIDEST  # nor may that of a narrower one
LAST_TAIL = 100.0  # standard deviations beyond which a tail's probability counts as that of this one
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class ClippedNormal(Normal):
    """A Gaussian whose samples are clipped to [low, high] by the environment; log_prob is that of the clipped ones.

    All samples beyond a bound have the same effect, so their log-probability is that of the whole tail, not the
    density at the sample. The policy gradient stays unbiased and loses the variance that comes from telling such
    samples apart (Fujita and Maeda 2018, "Clipped Action Policy Gradient", equation 8). The entropy is that of the
    clipped actions, too: that of the Gaussian grows without end with noise that is clipped away. Samples and KL are
    those of the Gaussian; its KL is an upper bound on that of the clipped actions.

    Args:
        mean: (B, actions).
        std: (B, actions), or broadcastable to it.
        low: bound (actions,).
        high: bound (actions,).
    """

    def __init__(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor):
        super().__init__(mean, std, validate_args=False)
        self.low = low
        self.high = high

    @property
    def clipped_mean(self) -> Tensor:
        """Mean of the clipped samples (B, actions), which differs from the clipped mean of the samples."""
        far = 1000 * self.stddev  # beyond, nothing changes but the rounding errors of two nearly equal numbers
        mean = self.mean.clamp(self.low - far, self.high + far)
        below = expected_excess((self.low - mean) / self.stddev)
        above = expected_excess((mean - self.high) / self.stddev)
        return mean + self.stddev * (below - above)

    def entropy(self) -> Tensor:
        """Return the expectations (B, actions) of -log_prob."""
        # In standard deviations; beyond 50 nothing changes, and an infinite bound would give NaN.
        low, high = (((bound - self.mean) / self.stddev).clamp(-50.0, 50.0) for bound in (self.low, self.high))
        tails = [log_tail(low), log_tail(-high)]
        density_low, density_high = (torch.exp(-0.5 * z**2 - HALF_LOG_TWO_PI) for z in (low, high))
        below, above = (tail.exp() for tail in tails)
        inside = 1 - below - above
        between = inside * (self.stddev.log() + HALF_LOG_TWO_PI + 0.5) + (low * density_low - high * density_high) / 2
        return between - below * tails[0] - above * tails[1]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities (B, actions): masses at and beyond the bounds, densities between them."""
        return ClippedLogProb.apply(self.mean, self.stddev, value, self.low, self.high)[0]


class ClippedLogProb(torch.autograd.Function):
    """The log-probabilities of `ClippedNormal`, with their slopes in closed form: autograd's take twice the time."""

    generate_vmap_rule = True

    @staticmethod
    def forward(mean: Tensor, std: Tensor, value: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the log-probabilities, and their slopes by mean and standard deviation, each (B, actions)."""
        z = (value - mean) / std
        log_prob = -0.5 * z**2 - std.log() - HALF_LOG_TWO_PI
        by_mean, by_std = z / std, (z**2 - 1) / std
        below = value <= low
        clipped = below | (value >= high)
        if clipped.any():
            std, below, to_low, to_high = (each.expand_as(z)[clipped] for each in (std, below, low - mean, mean - high))
            # From the mean to the bound, in standard deviations; negative where the tail is the smaller part.
            s = torch.where(below, to_low, to_high) / std
            tail = log_tail(s)
            s = s.clamp(min=-LAST_TAIL)
            hazard = torch.where(s > -LAST_TAIL, (-0.5 * s**2 - HALF_LOG_TWO_PI - tail).exp(), 0.0) / std
            log_prob[clipped] = tail
            by_mean[clipped] = torch.where(below, -hazard, hazard)
            by_std[clipped] = -s * hazard
        return log_prob, by_mean, by_std

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*output[1:])
        ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx: Any, by_log_prob: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        by_mean, by_std = ctx.saved_tensors
        return by_log_prob * by_mean, by_log_prob * by_std, None, None, None


class ActionRange(nn.Module):
    """From the actor's unit to the environment's: the middle of each action's range plus a multiple of half of it.

    An action without two finite bounds stays as it is; so does one whose bounds are so wide that they stand for none,
    or so narrow that they leave no choice.

    Args:
        action_space: its bounds.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, action_space: spaces.Box):
        super().__init__()
        low, high = (bound.astype(np.float64).ravel() for bound in (action_space.low, action_space.high))
        with np.errstate(invalid="ignore", over="ignore"):
            width = high - low
            self.bounded = (width > NARROWEST) & (width < WIDEST)  # (actions,)
            middle, reach = np.where(self.bounded, (low + high) / 2, 0.0), np.where(self.bounded, width / 2, 1.0)
        self.register_buffer("middle", torch.as_tensor(middle, dtype=torch.float32), persistent=False)
        self.register_buffer("reach", torch.as_tensor(reach, dtype=torch.float32), persistent=False)
        self.is_identity = bool((middle == 0.0).all() and (reach == 1.0).all())

    def forward(self, means: Tensor) -> Tensor:
        return self.middle + self.reach * means

    def as_numpy(self) -> Elementwise:
        """Return `forward` for numpy."""
        middle, reach = self.middle.numpy(), self.reach.numpy()
        return Elementwise(lambda x: middle + reach * x, lambda x, y: reach)


class ClippedGaussian(DiagGaussianDistribution):
    """SB3's distribution of real vectors, by `ClippedNormal`.

    Its mode is the mean of the clipped actions. Clipping the Gaussian's mean instead gives larger actions than any
    average seen in training, under which a robot may fall that otherwise would not.

    Args:
        action_space: its bounds clip the actions.
    """

    distribution: ClippedNormal

    def __init__(self, action_space: spaces.Box):
        super().__init__(get_action_dim(action_space))
        # Gradients by bounds that are as far as none would overflow.
        self.low = torch.as_tensor(action_space.low).flatten().clamp(-WIDEST, WIDEST)
        self.high = torch.as_tensor(action_space.high).flatten().clamp(-WIDEST, WIDEST)

    def at(self, mean: Tensor, log_std: Tensor) -> Independent:
        """Return torch's distribution for mean and log standard deviation (B, actions); its figures are (B,)."""
        low, high = self.low.to(mean), self.high.to(mean)
        return Independent(ClippedNormal(mean, log_std.exp(), low, high), 1, validate_args=False)

    def information(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        """Return each state's Fisher matrix by mean and log standard deviation times tangents, each (B, actions).

        It is the Hessian of KL(old || new) at new = old: 1 / sigma^2 by the mean, 2 by log sigma.
        """
        return [tangents[0] * (-2 * parameters[1]).exp(), 2 * tangents[1]]

    def proba_distribution(self, mean_actions: Tensor, log_std: Tensor) -> ClippedGaussian:
        self.distribution = self.at(mean_actions, log_std).base_dist
        return self

    def mode_at(self, mean: Tensor, log_std: Tensor) -> Tensor:
        """Return the mean (B, actions) of the clipped actions, for the parameters of `at`."""
        return self.at(mean, log_std).base_dist.clipped_mean

    def mode(self) -> Tensor:
        return self.distribution.clipped_mean

    def noise(self, *shape: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Draw the random numbers of actions (*shape, actions), standard normal ones."""
        return torch.randn(*shape, self.action_dim, generator=generator).numpy()

    def sampled(self, noise: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
        """Return the actions (B, actions) that random numbers choose, for the parameters of `at`."""
        return mean + np.exp(log_std) * noise


class BoundedMean(nn.Module):
    """The last layer of an actor whose means stay near the bounds of the actions: m + r tanh((x - m) / r).

    With a mean several standard deviations beyond a bound all samples are clipped to the same action, and exploration
    carries no signal. (Ours; squashed Gaussians apply the tanh to the samples instead.)

    Args:
        low: lower bounds of the actions (actions,).
        high: upper bounds of the actions (actions,).
        bound: largest distance r of the means from the middle m of the range, in half-ranges.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, low: Tensor, high: Tensor, bound: float):
        super().__init__()
        self.register_buffer("middle", ((low + high) / 2).float(), persistent=False)
        self.register_buffer("reach", (bound * (high - low) / 2).float(), persistent=False)

    def forward(self, means: Tensor) -> Tensor:
        return self.middle + self.reach * torch.tanh((means - self.middle) / self.reach)

    def as_numpy(self) -> Elementwise:
        """Return `forward` for numpy."""
        middle, reach = self.middle.numpy(), self.reach.numpy()
        return Elementwise(
            lambda x: middle + reach * np.tanh((x - middle) / reach), lambda x, y: 1.0 - ((y - middle) / reach) ** 2
        )


def log_tail(z: Tensor) -> Tensor:
    """Return log P(X < z) of a standard normal X; beyond 100 standard deviations it stays as it is there.

    From about 1000 on torch's gradient is wrong, and at some points infinite, which would spoil that of all samples.
    """
    return torch.special.log_ndtr(z.clamp(min=-LAST_TAIL))


def expected_excess(z: Tensor) -> Tensor:
    """Return E max(z - X, 0) of a standard normal X: z Phi(z) + phi(z)."""
    z = z.clamp(min=-30.0)  # where the excess is zero already: an infinite bound would give NaN
    return z * torch.special.ndtr(z) + torch.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
