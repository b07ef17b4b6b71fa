"""Layers of a user's own between features and heads: which parameters are the actor's, and which the critic's."""

from __future__ import annotations

import torch
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn


def parameters_apart(layers: MlpExtractor, features: Tensor) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters that the actor depends on, and those that the critic alone depends on.

    Args:
        layers: with SB3's methods `forward_actor` and `forward_critic`.
        features: any (1, F).
    """
    parameters = list(layers.parameters())

    def reached(latent: Tensor) -> set[int]:
        slopes = torch.autograd.grad(latent.sum(), parameters, allow_unused=True)
        return {id(one) for one, slope in zip(parameters, slopes, strict=True) if slope is not None}

    actors, critics = reached(layers.forward_actor(features)), reached(layers.forward_critic(features))
    return (
        [one for one in parameters if id(one) in actors],
        [one for one in parameters if id(one) in critics - actors],
    )
