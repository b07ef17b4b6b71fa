"""Action distributions."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal


class ClippedNormal(Normal):
    """A Gaussian whose samples are clipped to [low, high] before they act, scored by what they do.

    All samples beyond a bound act alike, so their log-probability is that of landing there at all, not the density
    where they happened to land. The policy gradient stays unbiased and loses the variance of a difference that makes
    no difference (Fujita and Maeda 2018, "Clipped Action Policy Gradient", equation 8). Samples, entropy and KL are
    those of the Gaussian; its KL is an upper bound on that of the clipped actions.

    Args:
        mean: (B, actions).
        std: (B, actions).
        low: bound (actions,).
        high: bound (actions,).
    """

    def __init__(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor):
        super().__init__(mean, std, validate_args=False)
        self.low = low
        self.high = high

    @property
    def clipped_mean(self) -> Tensor:
        """Mean (B, actions) of what acts, the samples after clipping: not where a mean beyond a bound is clipped to."""
        below = expected_excess((self.low - self.mean) / self.stddev)
        above = expected_excess((self.mean - self.high) / self.stddev)
        return self.mean + self.stddev * (below - above)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities (B, actions): masses at and beyond the bounds, densities between them."""
        below = torch.special.log_ndtr((self.low - self.mean) / self.stddev)
        above = torch.special.log_ndtr((self.mean - self.high) / self.stddev)
        between = super().log_prob(value)
        return torch.where(value <= self.low, below, torch.where(value >= self.high, above, between))


class BoundedMean(nn.Module):
    """The last layer of an actor whose means do not go far beyond what acts: m + r tanh((x - m) / r).

    A mean several standard deviations beyond a bound acts alike whatever the noise: it has nothing left to learn from.
    (Ours; squashed Gaussians put the tanh behind the noise instead.)

    Args:
        low: bound of what acts (actions,).
        high: bound of what acts (actions,).
        bound: how far from the middle m of the two the means may be, in half the distance between them: r in that unit.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, low: Tensor, high: Tensor, bound: float):
        super().__init__()
        self.register_buffer("middle", (low + high) / 2, persistent=False)
        self.register_buffer("reach", bound * (high - low) / 2, persistent=False)

    def forward(self, means: Tensor) -> Tensor:
        return self.middle + self.reach * torch.tanh((means - self.middle) / self.reach)


def expected_excess(z: Tensor) -> Tensor:
    """Return E max(z - X, 0) of a standard normal X: z Phi(z) + phi(z)."""
    z = z.clamp(min=-30.0)  # where it is zero: a bound may be infinite
    return z * torch.special.ndtr(z) + torch.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
