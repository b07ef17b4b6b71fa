"""The layers between features and heads: SB3's, of which an actor's see what it may see, and memories behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn

from agents.memory import Memory
from agents.numpy_layers import Rearrangement
from agents.sequences import remembering


class Seen(nn.Module):
    """The first layer of an actor that sees some of the features (B, features) alone: those (B, seen).

    Args:
        columns: of the features that it sees.
        features: how many there are.
    """

    columns: Tensor

    def __init__(self, columns: np.ndarray, features: int):
        super().__init__()
        self.features = features
        self.register_buffer("columns", torch.as_tensor(columns), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return features[:, self.columns]

    def as_numpy(self) -> Rearrangement:
        """Return `forward` for numpy."""
        columns, features = self.columns.numpy(), self.features

        def transpose(y: np.ndarray) -> np.ndarray:
            slopes = np.zeros((*y.shape[:-1], features), y.dtype)
            slopes[..., columns] = y
            return slopes

        return Rearrangement(lambda x: x[..., columns], transpose)


class Layers(MlpExtractor):
    """SB3's layers, with memories behind them where a policy remembers.

    SB3's methods, which take single rows, see each as the first of its episode.

    Args:
        feature_dim: number of features.
        net_arch: as SB3 has it, `pi` the actor's layers and `vf` the critic's.
        activation_fn: of the layers.
        device: of the parameters.
        seen: columns of the features that the actor sees; None: all.
        memory: "gru" or "lstm"; None: without one.
        memory_size: numbers of a memory's output.
        images: of each robot, itself included, for which the actor acts: 2 where it is mirror symmetric.
    """

    def __init__(
        self,
        feature_dim: int,
        net_arch: dict[str, list[int]],
        activation_fn: type[nn.Module],
        device: torch.device | str,
        seen: np.ndarray | None = None,
        memory: str | None = None,
        memory_size: int = 0,
        images: int = 1,
    ):
        super().__init__(feature_dim, net_arch, activation_fn, device)  # type: ignore[arg-type]
        if seen is not None:
            own: Any = MlpExtractor(len(seen), {"pi": net_arch["pi"], "vf": []}, activation_fn, device)
            self.policy_net = nn.Sequential(Seen(seen, feature_dim).to(device), *own.policy_net)
            self.latent_dim_pi = own.latent_dim_pi
        self.actor_memory = self.critic_memory = None
        if memory is not None:
            self.actor_memory = Memory(memory, self.latent_dim_pi, memory_size, images).to(device)
            self.critic_memory = Memory(memory, self.latent_dim_vf, memory_size).to(device)
            self.latent_dim_pi, self.latent_dim_vf = self.actor_memory.outputs, self.critic_memory.outputs

    def forward_actor(self, features: Tensor) -> Tensor:
        return remembering(self.actor_memory, features, super().forward_actor(features))

    def forward_critic(self, features: Tensor) -> Tensor:
        return remembering(self.critic_memory, features, super().forward_critic(features))
