"""Mirror symmetry of actors, for robots whose left and right are alike.

The average of an actor's outputs for an observation x and for its mirror image is symmetric: (f(x) + M f(M x)) / 2, the
group average (for locomotion Abdolhosseini et al. 2019, "On Learning Symmetric Locomotion").
"""

from collections.abc import Sequence

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_action_dim, get_flattened_obs_dim
from torch import Tensor, nn

from agents.numpy_layers import Rearrangement

# (order, sign): the mirror image of a vector x is `sign * x[order]`.
SignedPermutation = tuple[np.ndarray | Sequence[int], np.ndarray | Sequence[float]]


def identity_mirror(
    observation_space: spaces.Space, action_space: spaces.Space
) -> tuple[SignedPermutation, SignedPermutation]:
    """Return permutations of observation and action that change nothing.

    A symmetric policy that is about to be loaded is made with them: its own are in its state_dict.
    """
    sizes = (get_flattened_obs_dim(observation_space), get_action_dim(action_space))
    observation, action = ((np.arange(size), np.ones(size)) for size in sizes)
    return observation, action


class Reflection(nn.Module):
    """A signed permutation, kept in the state_dict.

    Args:
        order: index of the component that moves to each place (size,).
        sign: 1, or -1 where mirroring changes the component's sign (size,).
    """

    order: Tensor
    sign: Tensor

    def __init__(self, order: np.ndarray | Sequence[int], sign: np.ndarray | Sequence[float]):
        super().__init__()
        self.register_buffer("order", torch.as_tensor(np.asarray(order), dtype=torch.int64))
        self.register_buffer("sign", torch.as_tensor(np.asarray(sign), dtype=torch.float32))

    def reflect(self, vectors: Tensor) -> Tensor:
        """Return the mirror images (B, size) of vectors (B, size)."""
        return vectors[:, self.order] * self.sign


class WithMirrorImages(Reflection):
    """The first layer of a symmetric actor: observations (B, size) and, below them, their mirror images (2 B, size)."""

    def forward(self, vectors: Tensor) -> Tensor:
        return torch.cat([vectors, self.reflect(vectors)])

    def of_both(self, count: int, mean: Tensor, var: Tensor) -> tuple[int, Tensor, Tensor]:
        """Return number, mean and variance (size,) of vectors and their mirror images together, given the vectors'."""
        mirrored, spread = mean[self.order] * self.sign, var[self.order]
        return 2 * count, (mean + mirrored) / 2, (var + spread) / 2 + (mean - mirrored) ** 2 / 4

    def as_numpy(self) -> Rearrangement:
        """Return `forward` for numpy."""
        order, sign = self.order.numpy(), self.sign.numpy()
        back = np.argsort(order)

        def transpose(y: np.ndarray) -> np.ndarray:
            straight, mirrored = np.split(y, 2, axis=-2)
            return straight + (mirrored * sign)[..., back]

        return Rearrangement(lambda x: np.concatenate([x, x[..., order] * sign], axis=-2), transpose)


class MirrorAverage(Reflection):
    """The last layer of a symmetric actor: the average (B, size) of the outputs for both (2 B, size)."""

    def forward(self, vectors: Tensor) -> Tensor:
        straight, mirrored = vectors.unflatten(0, (2, -1))
        return (straight + self.reflect(mirrored)) / 2

    def as_numpy(self) -> Rearrangement:
        """Return `forward` for numpy."""
        order, sign = self.order.numpy(), self.sign.numpy()
        back = np.argsort(order)

        def average(x: np.ndarray) -> np.ndarray:
            straight, mirrored = np.split(x, 2, axis=-2)
            return (straight + mirrored[..., order] * sign) / 2

        def transpose(y: np.ndarray) -> np.ndarray:
            half = y / 2
            return np.concatenate([half, (half * sign)[..., back]], axis=-2)

        return Rearrangement(average, transpose)
