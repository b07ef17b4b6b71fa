"""Acting, step after step: a policy as it is now, for some robots, with what it remembers of their episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from agents.numpy_networks import NumpyNetwork
from agents.observations import Observations
from agents.policies import ActorCritic
from agents.sequences import RecurrentNetwork, network_of


class Actor(Protocol):
    """A policy that acts for N robots."""

    states: np.ndarray
    """What it remembers of each robot's episode (N, numbers)."""

    def sample(self, observations: Observations, starts: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Return sampled actions (N, ...).

        Args:
            observations: (N, ...).
            starts: whether an episode begins with them (N,).
            noise: of `ActorCritic.sample_noise` (N, numbers).
        """

    def mode(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        """Return the actions without exploration (N, ...)."""


def actor_of(policy: ActorCritic, robots: int, shards: int = 1) -> Actor:
    """Return a policy as it is now, as an actor for robots whose episodes begin.

    Args:
        policy: the policy.
        robots: how many.
        shards: equal ones, into which the robots are cut.
    """
    return Remembering(policy, robots, shards) if policy.actor_memory is not None else Forgetful(policy, robots, shards)


class Forgetful:
    """A policy without a memory."""

    def __init__(self, policy: ActorCritic, robots: int, shards: int):
        self.policy = policy
        self.states = np.zeros((robots, 0), np.float32)
        self._sample: Callable[..., np.ndarray] = actor_in_numpy(policy, shards) or policy.act

    def sample(self, observations: Observations, starts: np.ndarray, noise: np.ndarray) -> np.ndarray:
        return self._sample(self.policy.packing.completed(observations), noise)

    def mode(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        return self.policy.deterministic(self.policy.packing.completed(observations))


class Remembering:
    """A policy with a memory, in numpy where it has all layers."""

    def __init__(self, policy: ActorCritic, robots: int, shards: int):
        assert policy.actor_memory is not None
        self.policy, self.shards = policy, shards
        self.states = np.zeros((robots, policy.actor_memory.state_size), np.float32)
        in_numpy = policy.plain_vectors and policy.chains
        network = network_of([policy.pi_features_extractor, *policy.actor_layers()]) if in_numpy else None
        self._network = network.copy() if isinstance(network, RecurrentNetwork) else None
        self._log_std = policy.action_log_std.detach().numpy().copy() if policy.continuous else None

    def sample(self, observations: Observations, starts: np.ndarray, noise: np.ndarray) -> np.ndarray:
        return self.policy.action_dist.sampled(noise, *self._parameters(observations, starts))

    def mode(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        parameters = (torch.from_numpy(one) for one in self._parameters(observations, starts))
        return self.policy.action_dist.mode_at(*parameters).numpy()

    def _parameters(self, observations: Observations, starts: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the parameters of the actions' distributions; remember the observations."""
        observations = self.policy.packing.completed(observations)
        states = self.states * ~starts[:, None]
        if self._network is None:
            seen = self.policy.inputs(observations)[0]
            with torch.no_grad():
                parameters, later = self.policy.step(seen, torch.from_numpy(states))
            self.states = later.numpy()
            return tuple(one.detach().numpy() for one in parameters)
        rows = self.policy.packing.pack(observations)
        outputs, after = self._network.step(
            *(apart.reshape(self.shards, len(rows) // self.shards, -1) for apart in (rows, states))
        )
        self.states = after.reshape(states.shape)
        output = outputs.reshape(len(rows), -1)
        return (output,) if self._log_std is None else (output, np.repeat(self._log_std[None], len(output), axis=0))


def actor_in_numpy(policy: ActorCritic, shards: int = 1) -> Callable[[Observations, np.ndarray], np.ndarray] | None:
    """Return the actor of a policy without a memory as it is now, or None where numpy does not have all of it.

    Args:
        policy: the policy.
        shards: equal ones, into which the robots are cut.

    Returns:
        (observations (N, ...), noise (N, actions)) -> sampled actions (N, actions), equal to those of
        `ActorCritic.act` up to rounding.
    """
    if not (policy.continuous and policy.plain_vectors and policy.chains and policy.device.type == "cpu"):
        return None
    network = NumpyNetwork.of([policy.pi_features_extractor, *policy.actor_layers()])
    if network is None:
        return None
    network = network.copy()
    std = policy.action_log_std.detach().exp().numpy()

    def act(observations: Observations, noise: np.ndarray) -> np.ndarray:
        rows = policy.packing.pack(observations)
        means = network(rows.reshape(shards, len(rows) // shards, -1))
        return means.reshape(noise.shape) + std * noise

    return act
