"""The activations of the hidden layers, by the names that `Network.activation` takes."""

from typing import NamedTuple

import numpy as np
from torch import nn

from agents.numpy_layers import Elementwise


class Activation(NamedTuple):
    """An activation in torch and in numpy."""

    module: type[nn.Module]
    layer: Elementwise


def elu(x: np.ndarray) -> np.ndarray:
    """Return x above 0 and exp(x) - 1 below; numpy has a fast exp, but no fast expm1."""
    y = np.minimum(x, 0.0)
    np.exp(y, out=y)
    y -= 1.0
    y += np.maximum(x, 0.0)
    return y


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(nn.Tanh, Elementwise(np.tanh, lambda x, y: 1.0 - y * y)),
    "elu": Activation(nn.ELU, Elementwise(elu, lambda x, y: np.minimum(y, 0.0) + 1.0)),
    "relu": Activation(nn.ReLU, Elementwise(lambda x: np.maximum(x, 0.0), lambda x, y: (y > 0.0).astype(y.dtype))),
}


def activation_of(layer: nn.Module) -> Activation | None:
    """Return the activation that a layer is, or None where the table has none."""
    return next((activation for activation in ACTIVATIONS.values() if activation.module is type(layer)), None)
