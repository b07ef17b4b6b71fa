"""The actor as plain numpy, for rollouts: a third of the time torch takes for a network so small."""

from collections.abc import Callable

import numpy as np
from torch import nn

from agents.normalization import ObservationNormalizer
from agents.policies import ActorCritic
from agents.symmetry import MirrorAverage, WithMirrorImages

ACTIVATIONS: dict[type[nn.Module], Callable[[np.ndarray], np.ndarray]] = {
    nn.Tanh: np.tanh,
    nn.ReLU: lambda x: np.maximum(x, 0.0),
    nn.ELU: lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
}


def in_numpy(layer: nn.Module) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what a layer does to the rows (B, ...) it is given, or None where numpy does not have it."""
    if isinstance(layer, nn.Linear):
        # Copies: a matrix in the layout of the product is twice as fast, and later updates must not show here.
        weight, bias = layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()
        return lambda x: x @ weight + bias
    if isinstance(layer, WithMirrorImages):
        order, sign = layer.order.numpy(), layer.sign.numpy()
        return lambda x: np.concatenate([x, x[:, order] * sign])
    if isinstance(layer, MirrorAverage):
        order, sign = layer.order.numpy(), layer.sign.numpy()
        return lambda x: (x[: len(x) // 2] + x[len(x) // 2 :, order] * sign) / 2
    return ACTIVATIONS.get(type(layer))


def actor_in_numpy(policy: ActorCritic) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Return the policy's actor as it is now, or None where it is not a chain of layers that numpy has too.

    Returns:
        (observations (N, ...), noise (N, actions)) -> sampled actions (N, actions), as `ActorCritic.act` gives them,
        up to rounding.
    """
    normalizer = policy.pi_features_extractor
    parts = [policy.mlp_extractor.policy_net, policy.action_net]
    layers = [layer for part in parts for layer in (part if isinstance(part, nn.Sequential) else [part])]
    steps = [step for layer in layers if (step := in_numpy(layer)) is not None]
    known = len(steps) == len(layers)
    if not (known and policy.continuous and policy.plain_vectors and policy.device.type == "cpu"):
        return None
    assert isinstance(normalizer, ObservationNormalizer)
    shift, scale, clip = normalizer.shift.numpy(), normalizer.scale.numpy(), normalizer.clip
    std = policy.floored_log_std.detach().exp().numpy()

    def act(observations: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = (observations.reshape(len(observations), -1).astype(np.float32) - shift) * scale
        x = x.clip(-clip, clip)
        for step in steps:
            x = step(x)
        return (x + std * noise).reshape(len(observations), *policy.action_space.shape)  # type: ignore[misc]

    return act
