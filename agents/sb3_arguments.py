"""Arguments of Stable-Baselines3: those that become fields of a `Network`, and those that are refused, with reasons."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from agents.activations import ACTIVATIONS
from agents.network import Network

# Arguments by name: the value that asks for nothing, and why no other is taken.
REFUSED: dict[str, tuple[Any, str]] = {
    "use_sde": (False, "the noise of the actions does not depend on the state"),
    "sde_sample_freq": (-1, "the noise of the actions does not depend on the state"),
    "clip_range_vf": (None, "the critic is fitted in a trust region, or by an Adam of its own"),
    "vf_coef": (None, "actor and critic have optimisers of their own, so that no weight lies between their losses"),
    "use_rms_prop": (None, "give the actor's optimiser as actor_optimizer"),
    "rms_prop_eps": (None, "give the actor's optimiser as actor_optimizer"),
    "rollout_buffer_class": (None, "a rollout is an agents.rollout.Rollout"),
    "rollout_buffer_kwargs": (None, "a rollout is an agents.rollout.Rollout"),
}


def refuse(arguments: Mapping[str, Any], learner: str) -> None:
    """Refuse arguments that a learner does not have.

    Raises:
        TypeError: for a name that SB3 does not have either.
        ValueError: for one of SB3's, with the reason.
    """
    for name, value in arguments.items():
        if name not in REFUSED:
            raise TypeError(f"{learner} has no argument {name!r}")
        nothing, reason = REFUSED[name]
        if value != nothing:
            raise ValueError(f"{name} of {value!r} is not supported: {reason}")


def described(
    network: Network,
    net_arch: list[Any] | dict[str, list[int]] | None = None,
    activation_fn: type[nn.Module] | None = None,
    log_std_init: float | None = None,
    obs_epsilon: float | None = None,
) -> Network:
    """Return a network whose fields are replaced by SB3's arguments, where those are given.

    An activation for which `Network` has no name is named by its class.
    """
    fields: dict[str, Any] = {}
    if net_arch is not None:
        if net_arch and isinstance(net_arch, list) and isinstance(net_arch[0], dict):
            warnings.warn(f"net_arch is {net_arch[0]}, without a list around it, since SB3 1.8", stacklevel=2)
            net_arch = net_arch[0]
        layers = net_arch if isinstance(net_arch, dict) else {"pi": net_arch, "vf": net_arch}
        fields |= {"actor": tuple(layers.get("pi", ())), "value": tuple(layers.get("vf", ()))}
    if activation_fn is not None:
        names = [name for name, activation in ACTIVATIONS.items() if activation.module is activation_fn]
        fields["activation"] = names[0] if names else activation_fn.__name__
    if log_std_init is not None:
        fields["log_std_init"] = log_std_init
    if obs_epsilon is not None:
        fields["obs_epsilon"] = obs_epsilon
    return replace(network, **fields)
