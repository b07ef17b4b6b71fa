"""The weights that a card asks for, told from its JSON values alone: a file that lacks them is refused unread."""

from __future__ import annotations

from typing import Any

from agents.network import LEAST_IMAGE, PRIVILEGED, Network
from locomotion.policies.spaces import parts_of, size_of

Shape = tuple[int, ...]
IMAGE_FEATURES, PART_FEATURES = 512, 256  # of an image alone, and of one in a Dict, as SB3 has them
CNN = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, kernel and stride of SB3's NatureCNN


def shapes_of_weights(network: Network, observation: dict[str, Any], action: dict[str, Any]) -> list[Shape]:
    """Return the shapes of a policy's weights, but for its biases.

    Args:
        network: of the policy.
        observation: the space of observations, as `space_as_data` describes it.
        action: that of the actions.

    Raises:
        KeyError, TypeError, ValueError: where they describe none.
    """
    features, shapes = _features(observation)
    parts = parts_of(observation) if observation["kind"] == "Dict" else {}
    hidden = size_of(parts[PRIVILEGED]) if PRIVILEGED in parts else 0  # from the actor
    return [*network.matrices(features - hidden, features, size_of(action)), *shapes]


def _features(data: dict[str, Any]) -> tuple[int, list[Shape]]:
    """Return how many features there are of an observation, and the shapes of the weights that make them."""
    if data["kind"] != "Dict":
        return _image(data, IMAGE_FEATURES) or (size_of(data), [])
    parts = [_image(part, PART_FEATURES) or (size_of(part), []) for part in parts_of(data).values()]
    return sum(features for features, _ in parts), [shape for _, shapes in parts for shape in shapes]


def _image(data: dict[str, Any], features: int) -> tuple[int, list[Shape]] | None:
    """Return the same of an image that a CNN sees; None of any other space."""
    bytes_of_three = data["kind"] == "Box" and data["dtype"] == "uint8" and len(data["shape"]) == 3
    if not bytes_of_three or (data["low"], data["high"]) != (0, 255):
        return None
    size_of(data)
    channels, height, width = data["shape"]
    if min(height, width) < LEAST_IMAGE:
        return None
    shapes: list[Shape] = []
    for filters, kernel, stride in CNN:
        shapes.append((filters, channels, kernel, kernel))
        channels, height, width = filters, (height - kernel) // stride + 1, (width - kernel) // stride + 1
    return features, [*shapes, (features, channels * height * width)]
