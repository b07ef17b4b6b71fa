"""The layers between an actor's last one and the means of its actions."""

from __future__ import annotations

import torch
from gymnasium import spaces
from torch import nn

from agents.cannot_learn import CannotLearn
from agents.distributions import ActionRange, BoundedMean
from agents.network import Network
from agents.symmetry import MirrorAverage, SignedPermutation


def mean_layers(action_space: spaces.Space, network: Network, mirror: SignedPermutation | None) -> list[nn.Module]:
    """Return these layers: from the actor's unit to the environment's, then over mirror images, then within bounds.

    Args:
        action_space: of the policy.
        network: its settings.
        mirror: how mirroring changes an action, for a symmetric actor; None: it is not symmetric.

    Raises:
        CannotLearn: for a bound on the means of actions that have none themselves.
    """
    layers: list[nn.Module] = []
    if isinstance(action_space, spaces.Box) and network.action_unit == "range":
        action_range = ActionRange(action_space)
        if not action_range.is_identity:
            layers.append(action_range)
    if mirror is not None:
        layers.append(MirrorAverage(*mirror))
    if network.mean_bound is not None:
        if not (isinstance(action_space, spaces.Box) and ActionRange(action_space).bounded.all()):
            raise CannotLearn(f"means can be bounded only where actions are vectors with bounds, not {action_space}")
        low, high = (torch.as_tensor(bound).flatten() for bound in (action_space.low, action_space.high))
        layers.append(BoundedMean(low, high, network.mean_bound))
    return layers
