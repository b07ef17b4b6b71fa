"""Running statistics as modules, so that they are part of the policy's state_dict."""

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.numpy_layers import Elementwise


class RunningMoments(nn.Module):
    """Mean and variance of each component over all rows since the beginning (Chan, Golub and LeVeque 1979)."""

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
    def update(self, rows: int, mean: Tensor, var: Tensor) -> None:
        """Update the moments with the number of new rows, their mean and variance (size,)."""
        count = self.count + rows
        share = rows / count
        delta = mean - self.mean
        self.var.copy_((1 - share) * self.var + share * var + share * (1 - share) * delta**2)
        self.mean.add_(share * delta)
        self.count.copy_(count)


class ObservationNormalizer(BaseFeaturesExtractor):
    """Flattens observations and scales each component to mean 0 and variance 1, clipped to +-`clip`.

    The parts of a Dict stand side by side.

    Its statistics change only in `update`, which a learner calls between rollouts; before the first call observations
    are only clipped.

    Args:
        observation_space: of the observations.
        clip: bound on the scaled components.
        epsilon: added to the variances, as in SB3's `VecNormalize`: a component that varies much less than its root
            stays small, such as the force on a limb that touches the floor once in a thousand steps.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, observation_space: spaces.Space, clip: float = 10.0, epsilon: float = 1e-8):
        parts = observation_space.spaces if isinstance(observation_space, spaces.Dict) else {}
        self.sizes = {name: get_flattened_obs_dim(part) for name, part in parts.items()}  # of a Dict's parts
        size = sum(self.sizes.values()) if parts else get_flattened_obs_dim(observation_space)
        super().__init__(observation_space, size)
        self.clip = clip
        self.epsilon = epsilon
        self.moments = RunningMoments(size)
        # Of the moments, in float32, for `forward`.
        self.register_buffer("scale", torch.ones(size), persistent=False)
        self.register_buffer("shift", torch.zeros(size), persistent=False)
        self.register_load_state_dict_post_hook(_refresh_after_loading)

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        return ((self.flat(observations) - self.shift) * self.scale).clamp(-self.clip, self.clip)

    def flat(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Return observations as rows (B, size), those of a Dict part after part."""
        if isinstance(observations, Tensor):
            return observations.flatten(1)
        return torch.cat([observations[name].flatten(1) for name in self.sizes], dim=1)

    def as_numpy(self) -> Elementwise:
        """Return `forward` of flat observations, with the statistics as they are now, for numpy."""
        shift, scale, clip = self.shift.numpy().copy(), self.scale.numpy().copy(), self.clip
        return Elementwise(
            lambda x: ((x.astype(np.float32) - shift) * scale).clip(-clip, clip),
            lambda x, y: np.where(np.abs(y) < clip, scale, np.float32(0.0)),
        )

    def update(self, count: int, mean: Tensor, var: Tensor) -> None:
        """Update the statistics with the number of new observations, their mean and variance (size,)."""
        self.moments.update(count, mean, var)
        self._refresh()

    def _refresh(self) -> None:
        self.shift.copy_(self.moments.mean)
        self.scale.copy_((self.moments.var + self.epsilon).rsqrt())


def _refresh_after_loading(normalizer: ObservationNormalizer, _: object) -> None:
    """Refresh after load_state_dict; a function, because a lambda could not be pickled along with its module."""
    normalizer._refresh()


class ScaledValue(nn.Linear):
    """A critic's last layer, linear in units of the returns' spread: V = mean + std (w h + b).

    When the statistics change, w and b are changed such that V stays the same (van Hasselt et al. 2016, "Learning
    values across many orders of magnitude", equation 4).
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
        """Return returns (B, 1) in the units of w h + b."""
        return (returns - self.mean) / self.std

    @torch.no_grad()
    def update(self, count: int, mean: Tensor, var: Tensor) -> None:
        """Update the statistics with the number of new returns, their mean and variance (1,)."""
        old_mean, old_std = self.mean, self.std
        self.moments.update(count, mean, var)
        self.weight.mul_(old_std / self.std)
        self.bias.copy_((old_std * self.bias + old_mean - self.mean) / self.std)
