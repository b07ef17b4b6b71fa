"""The layers of a small network in plain numpy: forwards for acting, backwards for fitting, faster than torch."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from agents.activations import ACTIVATIONS, Activation
from agents.distributions import BoundedMean
from agents.symmetry import MirrorAverage, WithMirrorImages


def in_numpy(layer: nn.Module) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what a layer, as it is now, does to rows (B, ...), or None where numpy does not have it."""
    if isinstance(layer, nn.Linear):
        # Copies: a matrix in the layout of the product is twice as fast, and later updates must not show here.
        weight, bias = layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()
        return lambda x: x @ weight + bias
    if isinstance(layer, WithMirrorImages):
        order, sign = layer.order.numpy(), layer.sign.numpy()
        return lambda x: np.concatenate([x, x[:, order] * sign])
    if isinstance(layer, MirrorAverage):
        order, sign = layer.order.numpy(), layer.sign.numpy()
        return lambda x: (x[: len(x) // 2] + x[len(x) // 2 :, order] * sign) / 2
    if isinstance(layer, BoundedMean):
        middle, reach = layer.middle.numpy(), layer.reach.numpy()
        return lambda x: middle + reach * np.tanh((x - middle) / reach)
    activation = activation_of(layer)
    return activation and activation.value


def activation_of(layer: nn.Module) -> Activation | None:
    """Return the activation that a layer is, or None."""
    return next((activation for activation in ACTIVATIONS.values() if activation.module is type(layer)), None)


class LiveChain:
    """A chain of linear layers and activations as it is at each call, and the gradient of a squared error by hand.

    Args:
        layers: `nn.Linear` (of a subclass, the linear part alone) and activations; the last one gives one number.

    Raises:
        TypeError: for a layer of another kind, or one that is not on the CPU.
    """

    def __init__(self, layers: Iterable[nn.Module]):
        self._layers: list[tuple[np.ndarray, ...] | Activation] = []
        for layer in layers:
            if isinstance(layer, nn.Linear) and layer.weight.device.type == "cpu":
                for parameter in (layer.weight, layer.bias):
                    parameter.grad = torch.zeros_like(parameter)
                tensors = (layer.weight.detach(), layer.bias.detach(), layer.weight.grad, layer.bias.grad)
                self._layers.append(tuple(tensor.numpy() for tensor in tensors))  # type: ignore[union-attr]
            elif (activation := activation_of(layer)) is not None:
                self._layers.append(activation)
            else:
                raise TypeError(f"not a linear layer on the CPU nor a known activation: {layer}")

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
