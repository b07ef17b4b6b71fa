"""Actor and critic in plain numpy: for networks this small, a third of torch's time.

A module that numpy has too brings its twin as `as_numpy()`; linear layers and activations, which are torch's own, have
theirs here and in agents/activations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from agents.activations import Activation, activation_of
from agents.policies import ActorCritic

Step = Callable[[np.ndarray], np.ndarray]


@runtime_checkable
class HasTwin(Protocol):
    """A module with a twin in numpy."""

    def as_numpy(self) -> Step:
        """Return a function of rows (B, ...) that equals the module as it is now."""


def actor_in_numpy(policy: ActorCritic) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Return the policy's actor as it is now, or None where numpy does not have all of it.

    Returns:
        (observations (N, ...), noise (N, actions)) -> sampled actions (N, actions), equal to those of
        `ActorCritic.act` up to rounding.
    """
    if not (policy.continuous and policy.plain_vectors and policy.device.type == "cpu"):
        return None
    steps = [in_numpy(layer) for layer in (policy.pi_features_extractor, *policy.actor_layers())]
    known = [step for step in steps if step is not None]
    if len(known) < len(steps):
        return None
    std = policy.action_log_std.detach().exp().numpy()

    def act(observations: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = observations
        for step in known:
            x = step(x)
        return x + std * noise

    return act


def in_numpy(layer: nn.Module) -> Step | None:
    """Return a function of rows (B, ...) that equals the layer as it is now, or None where numpy has none."""
    if isinstance(layer, nn.Linear):
        # Copies: a matrix in the layout of the product is twice as fast, and later updates must not show here.
        weight, bias = layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()
        return lambda x: x @ weight + bias
    if isinstance(layer, HasTwin):
        return layer.as_numpy()
    activation = activation_of(layer)
    return activation and activation.value


class NumpyCritic:
    """A chain of linear layers and activations, and the gradient of its squared error by backpropagation in numpy.

    It shares its parameters and their `grad` with the layers.

    Args:
        layers: `nn.Linear` (of a subclass, the linear part alone) and activations; the last one has one output.

    Raises:
        TypeError: for a layer that is not `is_differentiable`.
    """

    def __init__(self, layers: Iterable[nn.Module]):
        self._layers: list[tuple[np.ndarray, ...] | Activation] = []
        for layer in layers:
            if not is_differentiable(layer):
                raise TypeError(f"neither a linear layer on the CPU nor an activation with a name: {layer}")
            if isinstance(layer, nn.Linear):
                for parameter in (layer.weight, layer.bias):
                    parameter.grad = torch.zeros_like(parameter)
                tensors = (layer.weight.detach(), layer.bias.detach(), layer.weight.grad, layer.bias.grad)
                self._layers.append(tuple(tensor.numpy() for tensor in tensors))  # type: ignore[union-attr]
            elif (activation := activation_of(layer)) is not None:
                self._layers.append(activation)

    def differentiate(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Write the gradient of the mean squared error at features (B, F) to targets (B,) into `grad`."""
        outputs = [features]
        for layer in self._layers:
            x = outputs[-1]
            outputs.append(layer.value(x) if isinstance(layer, Activation) else x @ layer[0].T + layer[1])
        slope = (outputs[-1] - targets[:, None]) * (2.0 / len(targets))
        for layer, x, y in zip(self._layers[::-1], outputs[-2::-1], outputs[:0:-1], strict=True):
            if isinstance(layer, Activation):
                slope = slope * layer.slope(y)
            else:
                weight, _, weight_slope, bias_slope = layer
                np.matmul(slope.T, x, out=weight_slope)
                slope.sum(axis=0, out=bias_slope)
                if x is not features:
                    slope = slope @ weight


def is_differentiable(layer: nn.Module) -> bool:
    """Return whether NumpyCritic takes a layer: a linear one on the CPU, or an activation that has a name."""
    if isinstance(layer, nn.Linear):
        return layer.weight.device.type == "cpu"
    return activation_of(layer) is not None
