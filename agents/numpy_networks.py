"""Networks in plain numpy: for networks this small, a third of torch's time.

A module that numpy has too brings its twin as `as_numpy()`; linear layers and activations, which are torch's own, have
theirs here and in agents/activations.py.

Rows are (shards, B, F): a product sees one shard alone, so that its last bits do not depend on the other shards.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from torch import nn

from agents.activations import activation_of
from agents.numpy_layers import Layer, Step


@runtime_checkable
class HasTwin(Protocol):
    """A module with a twin in numpy."""

    def as_numpy(self) -> Layer:
        """Return a layer that equals the module as it is now."""


class Dense(NamedTuple):
    """A linear layer."""

    weight: np.ndarray  # (inputs, outputs)
    bias: np.ndarray  # (outputs,)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = x @ straight(self.weight)
        y += self.bias
        return y


def straight(weight: np.ndarray) -> np.ndarray:
    """Return a matrix row by row in memory: products with a transposed one take twice as long, a copy next to none."""
    return np.ascontiguousarray(weight)


class NumpyNetwork:
    """A chain of layers, which shares its parameters with torch's modules.

    Args:
        layers: in their order.
    """

    def __init__(self, layers: Iterable[Dense | Layer]):
        self.layers = list(layers)

    @classmethod
    def of(cls, modules: Iterable[nn.Module]) -> Self | None:
        """Return the chain of torch's modules, or None where numpy does not have all of them."""
        layers = [in_numpy(module) for module in modules]
        known = [layer for layer in layers if layer is not None]
        return cls(known) if len(known) == len(layers) else None

    def copy(self) -> NumpyNetwork:
        """Return the network as it is now, whatever becomes of the modules."""
        layers = [Dense(*(array.copy() for array in one)) if isinstance(one, Dense) else one for one in self.layers]
        return NumpyNetwork(layers)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs (shards, B, outputs) for rows (shards, B, F)."""
        for layer in self.layers:
            rows = layer(rows)
        return rows

    def linearised(self, rows: np.ndarray) -> LinearisedNetwork:
        """Return the network at rows (shards, B, F)."""
        return LinearisedNetwork(self, rows)


class LinearisedNetwork:
    """A network at some rows: its outputs there, and products with their Jacobian by the parameters.

    The parameters are each linear layer's weight (outputs, inputs) and bias, one after the other, as in torch.

    Args:
        network: the network.
        rows: (shards, B, F).
    """

    def __init__(self, network: NumpyNetwork, rows: np.ndarray):
        self._layers = network.layers
        self._rows = [rows]  # the inputs of each layer, and the last one's outputs
        for layer in network.layers:
            self._rows.append(layer(self._rows[-1]))
        self.outputs = self._rows[-1]
        self.size = sum(one.weight.size + one.bias.size for one in self._layers if isinstance(one, Dense))

    @cached_property  # not sooner: a line search needs the outputs alone
    def _products(self) -> dict[int, tuple[Step, Step]]:
        """The products with the Jacobian, and with its transpose, of each layer that is not linear."""
        return {
            i: layer.linearised(self._rows[i], self._rows[i + 1])
            for i, layer in enumerate(self._layers)
            if not isinstance(layer, Dense)
        }

    def push(self, vector: np.ndarray, change: np.ndarray | None = None) -> np.ndarray | None:
        """Return by how much the outputs (shards, B, outputs) change as the parameters move along a vector (P,).

        Args:
            vector: (P,).
            change: of the rows themselves; None: none, and there is none of the outputs where there is no parameter.
        """
        begin = 0
        for i, layer in enumerate(self._layers):
            if not isinstance(layer, Dense):
                change = None if change is None else self._products[i][0](change)
                continue
            weight, bias = layer
            inputs, outputs = weight.shape
            middle, end = begin + weight.size, begin + weight.size + bias.size
            moved = self._rows[i] @ straight(vector[begin:middle].reshape(outputs, inputs).T)
            moved += vector[middle:end]
            if change is not None:
                moved += change @ straight(weight)
            change = moved
            begin = end
        return change

    def pull(self, slopes: np.ndarray) -> np.ndarray:
        """Return the gradient (shards, P) of each shard's sum, given that by the outputs (shards, B, outputs)."""
        places = [i for i, layer in enumerate(self._layers) if isinstance(layer, Dense)]
        return self._pull(slopes, places[0] if places else len(self._layers))[0]

    def pull_through(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient, as `pull` does, and the slopes by the rows (shards, B, F)."""
        return self._pull(slopes, -1)

    def _pull(self, slopes: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient and the slopes behind layer `first`, before which nothing is learned or asked for."""
        gradient = np.empty((len(slopes), self.size), slopes.dtype)
        end = self.size
        for i in reversed(range(max(first, 0), len(self._layers))):
            layer = self._layers[i]
            if not isinstance(layer, Dense):
                slopes = self._products[i][1](slopes)
                continue
            weight, bias = layer
            begin, middle = end - weight.size - bias.size, end - bias.size
            by_weight = gradient[:, begin:middle].reshape(-1, *weight.shape[::-1])
            np.matmul(slopes.swapaxes(1, 2), self._rows[i], out=by_weight)
            np.add.reduce(slopes, axis=1, out=gradient[:, middle:end])
            if i > first:  # a product along one number is an outer one, for which BLAS is slow
                slopes = slopes * weight[:, 0] if weight.shape[1] == 1 else slopes @ weight.T
            end = begin
        return gradient, slopes


def in_numpy(module: nn.Module) -> Dense | Layer | None:
    """Return the layer of rows (..., B, F) that equals a module, or None where numpy has none."""
    if isinstance(module, nn.Linear):  # of a subclass, the linear part alone
        if module.weight.device.type != "cpu":
            return None
        return Dense(module.weight.detach().numpy().T, module.bias.detach().numpy())
    if isinstance(module, HasTwin):
        return module.as_numpy()
    activation = activation_of(module)
    return activation and activation.layer
