"""Running statistics as parts of the network: they travel in the policy's state_dict."""

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn


class RunningMoments(nn.Module):
    """Mean and variance, by component, of all the rows it was ever updated with (Chan, Golub and LeVeque 1979)."""

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, size: int):
        super().__init__()
        # float64: the sums run over millions of rows.
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("var", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def update(self, rows: Tensor) -> None:
        """Take in rows (B, size)."""
        rows = rows.double()
        count = self.count + len(rows)
        share = len(rows) / count
        delta = rows.mean(0) - self.mean
        var = rows.var(0, unbiased=False)
        self.var.copy_((1 - share) * self.var + share * var + share * (1 - share) * delta**2)
        self.mean.add_(share * delta)
        self.count.copy_(count)


class ObservationNormalizer(BaseFeaturesExtractor):
    """Flattens observations and brings each component to mean 0 and variance 1, clipped to +-`clip`.

    `epsilon` is added to the variances that it divides by, as in SB3's `VecNormalize`: what varies much less than its
    root stays small, such as the forces on a limb that touches the floor once in a thousand steps.

    Its statistics change only in `update`, which a learner calls between rollouts; before the first call it leaves
    observations as they are.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, observation_space: spaces.Space, clip: float = 10.0, epsilon: float = 1e-8):
        size = get_flattened_obs_dim(observation_space)
        super().__init__(observation_space, size)
        self.clip = clip
        self.epsilon = epsilon
        self.moments = RunningMoments(size)
        # What forward needs of the moments, ready in float32.
        self.register_buffer("scale", torch.ones(size), persistent=False)
        self.register_buffer("shift", torch.zeros(size), persistent=False)
        self.register_load_state_dict_post_hook(_refresh_after_loading)

    def forward(self, observations: Tensor) -> Tensor:
        return ((observations.flatten(1) - self.shift) * self.scale).clamp(-self.clip, self.clip)

    def update(self, observations: Tensor) -> None:
        """Take in observations (B, ...)."""
        self.moments.update(observations.flatten(1))
        self._refresh()

    def _refresh(self) -> None:
        self.shift.copy_(self.moments.mean)
        self.scale.copy_((self.moments.var + self.epsilon).rsqrt())


def _refresh_after_loading(normalizer: ObservationNormalizer, _: object) -> None:
    """Be a hook that, unlike a lambda, can be pickled along with its module."""
    normalizer._refresh()


class ScaledValue(nn.Linear):
    """A critic's last layer, linear in units of the returns it has seen: V = mean + std (w h + b).

    When the statistics move, w and b move against them, so that V itself stays what it was (van Hasselt et al. 2016,
    "Learning values across many orders of magnitude", equation 4).
    """

    def __init__(self, in_features: int):
        super().__init__(in_features, 1)
        self.moments = RunningMoments(1)

    @property
    def mean(self) -> Tensor:
        """Mean of the returns (1,)."""
        return self.moments.mean.float()

    @property
    def std(self) -> Tensor:
        """Standard deviation of the returns (1,)."""
        return (self.moments.var + 1e-8).sqrt().float()

    def forward(self, latent: Tensor) -> Tensor:
        return self.mean + self.std * super().forward(latent)

    def normalise(self, returns: Tensor) -> Tensor:
        """Return values (B, 1) in the units of w h + b."""
        return (returns - self.mean) / self.std

    @torch.no_grad()
    def update(self, returns: Tensor) -> None:
        """Take in returns (B, 1)."""
        old_mean, old_std = self.mean, self.std
        self.moments.update(returns)
        self.weight.mul_(old_std / self.std)
        self.bias.copy_((old_std * self.bias + old_mean - self.mean) / self.std)
