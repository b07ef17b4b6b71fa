"""The actor as plain numpy, for rollouts: a third of the time torch takes for a network so small."""

from collections.abc import Callable

import numpy as np
from torch import nn

from agents.normalization import ObservationNormalizer
from agents.policies import ActorCritic

ACTIVATIONS: dict[type[nn.Module], Callable[[np.ndarray], np.ndarray]] = {
    nn.Tanh: np.tanh,
    nn.ReLU: lambda x: np.maximum(x, 0.0),
    nn.ELU: lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
}


def actor_in_numpy(policy: ActorCritic) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Return the policy's actor as it is now, or None where it is not a chain of layers that numpy has too.

    Returns:
        (observations (N, ...), noise (N, actions)) -> sampled actions (N, actions), as `ActorCritic.act` gives them,
        up to rounding.
    """
    normalizer = policy.pi_features_extractor
    layers = [*policy.mlp_extractor.policy_net, policy.action_net]
    known = all(type(layer) in ACTIVATIONS or type(layer) is nn.Linear for layer in layers)
    if not (known and policy.continuous and policy.plain_vectors and policy.device.type == "cpu"):
        return None
    assert isinstance(normalizer, ObservationNormalizer)
    shift, scale, clip = normalizer.shift.numpy(), normalizer.scale.numpy(), normalizer.clip
    std = policy.log_std.detach().exp().numpy()
    # Copies: a matrix in the layout of the product is twice as fast, and later updates must not show here.
    steps = [
        (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy())
        if isinstance(layer, nn.Linear)
        else ACTIVATIONS[type(layer)]
        for layer in layers
    ]

    def act(observations: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = (observations.reshape(len(observations), -1).astype(np.float32) - shift) * scale
        x = x.clip(-clip, clip)
        for step in steps:
            x = x @ step[0] + step[1] if isinstance(step, tuple) else step(x)
        return (x + std * noise).reshape(len(observations), *policy.action_space.shape)  # type: ignore[misc]

    return act
