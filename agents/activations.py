"""The activations of the hidden layers, by the names that `Network.activation` takes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import nn


class Activation(NamedTuple):
    """An activation in torch and in numpy; its slope is a function of its output."""

    module: type[nn.Module]
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(nn.Tanh, np.tanh, lambda y: 1.0 - y * y),
    "elu": Activation(
        nn.ELU,
        lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
        lambda y: np.minimum(y, 0.0) + 1.0,
    ),
    "relu": Activation(nn.ReLU, lambda x: np.maximum(x, 0.0), lambda y: (y > 0.0).astype(y.dtype)),
}
