"""Features of images and choices, and of Dicts of these and vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim, is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, NatureCNN
from torch import Tensor, nn

from agents.cannot_learn import CannotLearn
from agents.network import LEAST_IMAGE, PRIVILEGED
from agents.normalization import ObservationNormalizer


class DictExtractor(BaseFeaturesExtractor):
    """Features of a Dict's parts, side by side: vectors are normalised, a CNN sees each image, choices are one-hot.

    Args:
        observation_space: of the observations.
        cnn_output_dim: number of features of each image.
        normalized_image: whether images need no scaling, and may have any bounds.
        epsilon: of each vector's `ObservationNormalizer`.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        cnn_output_dim: int = 256,
        normalized_image: bool = False,
        epsilon: float = 1e-8,
    ):
        sizes: dict[str, int] = {}
        extractors: dict[str, nn.Module] = {}
        for name, part in observation_space.spaces.items():
            if seen_by_cnn(part, normalized_image):
                extractors[name] = NatureCNN(part, cnn_output_dim, normalized_image)
                sizes[name] = cnn_output_dim
                continue
            vector = is_vector(part, normalized_image)
            extractors[name] = ObservationNormalizer(part, epsilon=epsilon) if vector else nn.Flatten()
            sizes[name] = get_flattened_obs_dim(part)
        super().__init__(observation_space, sum(sizes.values()))
        self.sizes = sizes  # number of features of each part
        self.extractors = nn.ModuleDict(extractors)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        return torch.cat([extractor(observations[name]) for name, extractor in self.extractors.items()], dim=1)


def seen_by_cnn(space: spaces.Space, normalized_image: bool = False) -> bool:
    """Return whether a space is of images, channels first, that are large enough for `NatureCNN`."""
    if not is_image_space(space, normalized_image=normalized_image):
        return False
    return min(space.shape[1:]) >= LEAST_IMAGE  # type: ignore[index]


def is_vector(space: spaces.Space, normalized_image: bool = False) -> bool:
    """Return whether a space is of real numbers that are not the bytes of an image."""
    return isinstance(space, spaces.Box) and not is_image_space(space, normalized_image=normalized_image)


def only_vectors(space: spaces.Space) -> bool:
    """Return whether a space is of vectors, or a Dict of nothing else."""
    return all(map(is_vector, space.spaces.values())) if isinstance(space, spaces.Dict) else is_vector(space)


def seen_by_actor(extractor: BaseFeaturesExtractor, space: spaces.Space) -> np.ndarray | None:
    """Return the columns of the features that an actor sees: not those of the part that is privileged; None: all.

    Raises:
        CannotLearn: where there is nothing else, or it cannot be told whose the features are.
    """
    if not isinstance(space, spaces.Dict) or PRIVILEGED not in space.spaces:
        return None
    if len(space.spaces) == 1 or not is_vector(space[PRIVILEGED]):
        raise CannotLearn(f"what the critic alone sees ({PRIVILEGED}) must be a vector beside other parts, got {space}")
    if not isinstance(extractor, DictExtractor | ObservationNormalizer):
        raise CannotLearn(
            f"a part that the critic alone sees ({PRIVILEGED}) goes with our features extractors, got"
            f" {type(extractor).__name__}: give the part another name and the actor sees it, too"
        )
    owners = np.repeat(list(extractor.sizes), list(extractor.sizes.values()))
    return np.flatnonzero(owners != PRIVILEGED)


def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
    """Return the features extractor of observations that are not images: vectors are normalised, choices are not."""
    if isinstance(observation_space, spaces.Box) or only_vectors(observation_space):
        return ObservationNormalizer
    return DictExtractor if isinstance(observation_space, spaces.Dict) else FlattenExtractor


def normalizers(
    extractor: BaseFeaturesExtractor, observations: Tensor | dict[str, Tensor]
) -> Iterator[tuple[ObservationNormalizer, Tensor]]:
    """Yield an extractor's normalisers, each with the observations (B, ...) that it normalises."""
    if isinstance(extractor, ObservationNormalizer):
        yield extractor, extractor.flat(observations)
    elif isinstance(extractor, DictExtractor):
        for name, part in extractor.extractors.items():
            if isinstance(part, ObservationNormalizer):
                yield part, observations[name]  # type: ignore[index]


def learns(module: nn.Module) -> bool:
    """Return whether a module has parameters that can be trained."""
    return any(parameter.requires_grad for parameter in module.parameters())
