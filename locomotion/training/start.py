"""Where a training starts: from random weights, or from those of another policy."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor

from agents.distributions import ActionRange
from agents.network import EXPLORATION, PRIVILEGED, Network
from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from locomotion.command_line import flag
from locomotion.errors import UsageError
from locomotion.policies.stored import WEIGHTS, StoredPolicy
from locomotion.policies.tensors import fill, own_tensors
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings

OTHERWISE = f"; {flag('start_from')} None starts from random weights"  # the recipe may have named the policy


def start(learner: PolicyGradient, settings: Settings) -> dict[str, Tensor] | None:
    """Give an untrained learner the weights of the policy its settings name: actor, critic, and their normalisation.

    Exploration begins anew, at --log-std-init: a trained policy hardly explores.

    Args:
        learner: just built.
        settings: of its run; one that goes on from a checkpoint needs no other weights.

    Returns:
        The weights; None where the settings name no policy.

    Raises:
        UsageError: where there is no such policy, or it is of another kind than the learner's.
    """
    name, resumed = settings.start_from, settings.run.resume
    if name is None or (resumed is not None and Run(resumed).latest() is not None):
        return None
    stored = StoredPolicy.find(name)
    try:
        policy = fitting(stored, learner, settings.network)
    except UsageError as error:
        raise UsageError(f"{flag('start_from')} {name}: {error}{OTHERWISE}") from error
    weights = own_tensors(policy)
    if learner.policy.continuous:
        weights["log_std"] = learner.policy.log_std.detach().clone()
    fill(learner.policy, weights, stored.folder / WEIGHTS)
    return weights


def fitting(stored: StoredPolicy, learner: PolicyGradient, network: Network) -> ActorCritic:
    """Return a stored policy whose weights a learner of this network can take.

    Raises:
        UsageError: where it is of another kind than the learner's.
    """
    with torch.random.fork_rng(devices=[]):  # the learner's noise does not depend on where it starts
        policy = stored.load(learner.env)
    seen: list[Any] = [policy.observation_space, learner.observation_space]
    if seen[0] != seen[1]:  # `load` has compared what the actor sees
        theirs, ours = (getattr(space, "spaces", {}).get(PRIVILEGED, "no more than the actor") for space in seen)
        raise UsageError(f"its critic saw {theirs}, here it sees {ours}")
    free = {*EXPLORATION, "action_unit"} if units_are_one(learner.action_space) else set(EXPLORATION)
    for one in fields(Network):
        theirs, ours = getattr(stored.card.network, one.name), getattr(network, one.name)
        if one.name not in free and theirs != ours:
            raise UsageError(f"its {flag(one.name)} is {theirs}, here it is {ours}")
    return policy


def units_are_one(action_space: spaces.Space) -> bool:
    """Return whether both of a network's action units are the environment's, as where actions run from -1 to 1."""
    return isinstance(action_space, spaces.Box) and ActionRange(action_space).is_identity
