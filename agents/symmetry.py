"""Mirror symmetry: a robot whose left and right are alike has no reason to act otherwise in its mirror image.

Averaging an actor's answers to an observation x and to its mirror image makes it symmetric: (f(x) + M f(M x)) / 2, the
group average (for locomotion Abdolhosseini et al. 2019, "On Learning Symmetric Locomotion").
"""

from collections.abc import Sequence

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_action_dim, get_flattened_obs_dim
from torch import Tensor, nn

# What mirroring does to a vector x, (order, sign): it becomes `sign * x[order]`.
SignedPermutation = tuple[np.ndarray | Sequence[int], np.ndarray | Sequence[float]]


def identity_mirror(
    observation_space: spaces.Space, action_space: spaces.Space
) -> tuple[SignedPermutation, SignedPermutation]:
    """Return permutations of observation and action that change nothing.

    They stand in for a symmetric policy's own, which its state_dict brings, until that is loaded.
    """
    sizes = (get_flattened_obs_dim(observation_space), get_action_dim(action_space))
    observation, action = ((np.arange(size), np.ones(size)) for size in sizes)
    return observation, action


class Reflection(nn.Module):
    """Returns mirror images; its numbers are kept in the state_dict.

    Args:
        order: which number comes to stand where (size,).
        sign: 1, or -1 where mirroring turns the number round (size,).
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


class MirrorAverage(Reflection):
    """The last layer of a symmetric actor: from its answers (2 B, size) to both, the one they agree on (B, size)."""

    def forward(self, vectors: Tensor) -> Tensor:
        straight, mirrored = vectors.chunk(2)
        return (straight + self.reflect(mirrored)) / 2
