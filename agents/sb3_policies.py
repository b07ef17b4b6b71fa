"""Policies by the names and the classes that Stable-Baselines3 has for them."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from torch import Tensor

from agents.extractors import seen_by_cnn
from agents.normalization import ObservationNormalizer
from agents.observations import Observations
from agents.policies import ActorCritic


class CnnActorCritic(ActorCritic):
    """An `ActorCritic` that sees images, by SB3's `NatureCNN` (Mnih et al. 2015); too small ones are vectors."""

    @staticmethod
    def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
        small = is_image_space(observation_space) and not seen_by_cnn(observation_space)
        return ObservationNormalizer if small else NatureCNN


POLICIES: dict[str, type[ActorCritic]] = {
    "MlpPolicy": ActorCritic,
    "CnnPolicy": CnnActorCritic,
    "MultiInputPolicy": ActorCritic,
}


def policy_class(observation_space: spaces.Space) -> type[ActorCritic]:
    """Return the class of policies that see observations of a space: images, channels first, by a CNN."""
    return CnnActorCritic if seen_by_cnn(observation_space) else ActorCritic


# SB3's own classes, and ours in their place.
OURS: dict[type[ActorCriticPolicy], type[ActorCritic]] = {
    ActorCriticPolicy: ActorCritic,
    ActorCriticCnnPolicy: CnnActorCritic,
    MultiInputActorCriticPolicy: ActorCritic,
}


def as_actor_critic(policy: str | type[ActorCriticPolicy]) -> str | type[ActorCritic]:
    """Return a policy's name as it is, and a class with what our learners ask of it besides SB3's methods.

    Raises:
        ValueError: for a name that is not known.
    """
    if isinstance(policy, str) and policy not in POLICIES:
        raise ValueError(
            f"policy must be one of {', '.join(POLICIES)}, got {policy!r}; a policy remembers by"
            " policy_kwargs=dict(network=Network(memory='lstm'))"
        )
    if isinstance(policy, str) or issubclass(policy, ActorCritic):
        return policy
    if policy in OURS:
        return OURS[policy]
    return type(policy.__name__, (_OfSB3, policy, ActorCritic), {"__doc__": policy.__doc__})


class _OfSB3(ActorCriticPolicy):
    """What a subclass of SB3's policy lacks beside `ActorCritic`, which stands behind it in the order of methods."""

    def rollout_values(self, observations: Observations) -> Tensor:
        """Return V by `forward`, which SB3's own learners ask for it, too."""
        with torch.no_grad():
            packing: Any = self.packing
            seen = packing.unpack(torch.as_tensor(packing.pack(observations), device=self.device))
            return self(seen, deterministic=True)[1].flatten()
