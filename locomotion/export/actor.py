"""What stands between what an actor sees and its actions: without what the critic alone sees."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from agents import ActorCritic
from agents.extractors import DictExtractor
from agents.layers import Seen
from agents.memory import Memory
from agents.network import PRIVILEGED
from agents.normalization import ObservationNormalizer
from agents.observations import Observations
from agents.symmetry import WithMirrorImages
from envs.observation import SEEN
from locomotion.errors import UsageError
from locomotion.policies.spaces import space_of_actor


@dataclass(frozen=True)
class ActorParts:
    """A policy's actor, as a robot's own computer has it."""

    space: spaces.Space  # of what it sees
    extractor: BaseFeaturesExtractor
    layers: list[nn.Module]  # from features to means or logits

    @classmethod
    def of(cls, policy: ActorCritic) -> ActorParts:
        """Return copies of a policy's parts.

        Raises:
            UsageError: where its layers are a user's own.
        """
        if not policy.chains:
            raise UsageError(f"layers of a user's own cannot be exported, got {type(policy.mlp_extractor).__name__}")
        policy = copy.deepcopy(policy)
        space, extractor, layers = policy.observation_space, policy.pi_features_extractor, policy.actor_layers()
        narrow = space_of_actor(space)
        if narrow is space:
            return cls(space, extractor, layers)
        columns = next(layer.columns for layer in layers if isinstance(layer, Seen)).numpy()
        rest = [_narrowed(layer, columns) for layer in layers if not isinstance(layer, Seen)]
        return cls(narrow, _narrowed_extractor(extractor, narrow, columns), rest)

    @property
    def memory(self) -> Memory | None:
        """What it remembers by."""
        return next((layer for layer in self.layers if isinstance(layer, Memory)), None)

    @property
    def vector(self) -> bool:
        """Whether it sees a vector, and what it makes of that is normalised."""
        return isinstance(self.space, spaces.Box) and isinstance(self.extractor, ObservationNormalizer)


def seen_by_actor(observations: Observations, space: spaces.Space) -> Observations:
    """Return of an environment's observations (N, ...) those of the space that an actor sees."""
    if not isinstance(observations, Mapping):
        return observations
    return {name: observations[name] for name in space.spaces} if isinstance(space, spaces.Dict) else observations[SEEN]


def _narrowed(layer: nn.Module, columns: np.ndarray) -> nn.Module:
    if not isinstance(layer, WithMirrorImages):
        return layer
    places = {column: place for place, column in enumerate(columns.tolist())}
    order = [places[column] for column in layer.order.numpy()[columns].tolist()]
    return WithMirrorImages(order, layer.sign.numpy()[columns])


def _narrowed_extractor(
    extractor: BaseFeaturesExtractor, space: spaces.Space, columns: np.ndarray
) -> BaseFeaturesExtractor:
    if isinstance(extractor, DictExtractor):
        del extractor.extractors[PRIVILEGED]
        return extractor
    assert isinstance(extractor, ObservationNormalizer)
    narrow = ObservationNormalizer(space, extractor.clip, extractor.epsilon)
    moments = extractor.moments
    rows = torch.from_numpy(columns)
    narrow.load_state_dict(
        {"moments.mean": moments.mean[rows], "moments.var": moments.var[rows], "moments.count": moments.count}
    )
    return narrow
