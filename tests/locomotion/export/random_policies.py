"""New policies of every kind, whose actions are not nearly zero, and observations for them."""

import numpy as np
import torch
from gymnasium import spaces

from agents import Network
from agents.sb3_policies import policy_class


def random_policy(observations, actions, **network):
    torch.manual_seed(0)
    description = Network(actor=(16, 16), value=(4,), log_std_init=-0.5, **network)
    mirror = reversed_mirror(observations, actions) if description.mirror else None
    policy = policy_class(observations)(observations, actions, lambda _: 1e-3, network=description, mirror=mirror)
    with torch.no_grad():
        last = next(layer for layer in policy.action_net.modules() if isinstance(layer, torch.nn.Linear))
        last.weight.add_(0.5 * torch.randn(last.weight.shape))
    return policy


def reversed_mirror(observations, actions):
    """The numbers of each part in reverse, their signs changed at the ends."""
    parts = list(observations.spaces.values()) if isinstance(observations, spaces.Dict) else [observations]
    images, start = [], 0
    for size in (part.shape[0] for part in parts):
        images.append((start + np.arange(size)[::-1], np.where(np.isin(np.arange(size), [0, size - 1]), -1.0, 1.0)))
        start += size
    order, sign = (np.concatenate(numbers) for numbers in zip(*images, strict=True))
    size = actions.shape[0]
    return (order, sign), (np.arange(size)[::-1].copy(), np.ones(size))


def several(space, count, rng):
    """Return observations (count, ...)."""
    space.seed(int(rng.integers(1000)))
    drawn = [space.sample() for _ in range(count)]
    if isinstance(space, spaces.Dict):
        return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    return np.stack(drawn)


def seen_by(policy, rng):
    """Return observations of a vector (40, numbers) of several scales, which the policy's normaliser knows."""
    shape = policy.observation_space.shape
    seen = (10.0 ** np.linspace(-1, 1, *shape) * rng.normal(size=(40, *shape)) + 3).astype(np.float32)
    policy.update_normalizer(seen)
    return seen
