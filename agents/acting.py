"""The actor as plain numpy, for rollouts: a third of the time torch takes for a network so small."""

from collections.abc import Callable

import numpy as np
from torch import nn

from agents.layers import in_numpy
from agents.normalization import ObservationNormalizer
from agents.policies import ActorCritic


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
    shift, scale, clip = normalizer.shift.numpy().copy(), normalizer.scale.numpy().copy(), normalizer.clip
    std = policy.floored_log_std.detach().exp().numpy()

    def act(observations: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = (observations.reshape(len(observations), -1).astype(np.float32) - shift) * scale
        x = x.clip(-clip, clip)
        for step in steps:
            x = step(x)
        return x + std * noise

    return act
