"""Products with the Jacobian of a network's outputs by its parameters: gradients, Fisher and Gauss-Newton products.

In numpy where it has all layers; by torch's autograd otherwise. Rows come shard by shard, and the sums over each shard
stay apart: `agents.team` adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from agents.numpy_networks import NumpyNetwork
from agents.policies import ActorCritic
from agents.sequences import Inputs, RecurrentNetwork, Sequences, network_of
from agents.team import Shards
from agents.trust_region import Product, flat, unflattened


class Jacobian(Protocol):
    """A network at B rows."""

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The outputs, each (B, ...)."""

    def push(self, vector: Tensor) -> tuple[Tensor, ...]:
        """Return by how much the outputs change as the parameters move along a vector (P,)."""

    def pull(self, slopes: Sequence[Tensor]) -> Tensor:
        """Return the gradient of each shard's sum (shards, P), given that by the outputs."""


# (inputs of B samples, number of them of each shard) -> the network there.
Differentiable = Callable[[Inputs, Sequence[int]], Jacobian]


def differentiable_actor(policy: ActorCritic) -> Differentiable:
    """Return the actor as a function of its inputs, which follows its parameters.

    Its outputs are the parameters of the action distribution, each (B, actions); its parameters those of
    `ActorCritic.actor_parameters`.
    """
    network = network_of(policy.actor_layers()) if policy.chains and not policy.trained_features else None
    if network is None:
        return partial(AutogradJacobian, policy.distribution_parameters, policy.actor_parameters())
    return partial(GaussianJacobian, policy, network) if policy.continuous else partial(NumpyJacobian, network)


def differentiable_critic(policy: ActorCritic) -> Differentiable:
    """Return the critic as a function of its inputs, which follows its parameters.

    Its output is V in units of the returns' spread (B, 1); its parameters are those of `ActorCritic.critic_parameters`.
    """
    network = network_of(policy.critic_layers()) if policy.chains and not policy.trained_features else None
    if network is not None:
        return partial(NumpyJacobian, network)

    def normalised(inputs: Inputs) -> tuple[Tensor]:
        return (policy.value_net.normalise(policy.values(inputs)[:, None]),)

    return partial(AutogradJacobian, normalised, policy.critic_parameters())


def mean_gradient(
    policy: ActorCritic, actor: Jacobian, gain: Callable[[Distribution], Tensor], shards: Shards
) -> Tensor:
    """Return the gradient (P,), by the actor's parameters, of a mean over the samples of all processes.

    Args:
        policy: whose actor it is.
        actor: at the samples.
        gain: of the action distributions there -> for each sample (B,), what is averaged.
        shards: of the samples.
    """
    return shards.mean_of(actor.pull(policy.slopes(gain, actor.outputs)))


def gauss_newton_product(
    jacobian: Jacobian, shards: Shards, metric: Callable[[Sequence[Tensor]], Sequence[Tensor]], damping: float
) -> Product:
    """Return v -> (E[J^T M J] + damping I) v, the mean over the samples of all processes.

    With M each state's Fisher matrix by the distribution's parameters this is the policy's Fisher matrix (Martens 2014,
    section 9), the Hessian of the mean KL divergence; with M = 1, the Gauss-Newton matrix of half a mean squared error.

    Args:
        jacobian: of a network's outputs at each sample.
        shards: of the samples.
        metric: tangents of the outputs, each (B, ...) -> M times them.
        damping: added to the diagonal.
    """
    return lambda v: shards.mean_of(jacobian.pull(metric(jacobian.push(v)))) + damping * v


class NumpyJacobian:
    """A network of numpy's layers.

    Args:
        network: the network.
        inputs: its inputs.
        sizes: number of them of each shard.
    """

    def __init__(self, network: NumpyNetwork | RecurrentNetwork, inputs: Inputs, sizes: Sequence[int]):
        self._stacks = stacks(sizes)
        parts: list[Any] = inputs.stacked(self._stacks) if isinstance(inputs, Sequences) else self._stacked(inputs)
        self._parts = [network.linearised(part) for part in parts]
        self.outputs = (self._joined([part.outputs for part in self._parts]),)

    def push(self, vector: Tensor) -> tuple[Tensor, ...]:
        changes = [part.push(vector.numpy()) for part in self._parts]
        return (self._joined([change for change in changes if change is not None]),)  # there are parameters

    def pull(self, slopes: Sequence[Tensor]) -> Tensor:
        parts = zip(self._parts, self._stacked(slopes[0]), strict=True)
        return torch.cat([torch.from_numpy(part.pull(slope)) for part, slope in parts])

    def _stacked(self, rows: Tensor) -> list[np.ndarray]:
        parts = rows.split([shards * size for shards, size in self._stacks])
        shapes = [(*stack, *rows.shape[1:]) for stack in self._stacks]
        return [part.numpy().reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _joined(self, parts: Sequence[np.ndarray]) -> Tensor:
        flat_parts = [torch.from_numpy(part.reshape(-1, part.shape[-1])) for part in parts]
        return flat_parts[0] if len(flat_parts) == 1 else torch.cat(flat_parts)


def stacks(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return runs of equal shards as (number of shards, rows of each), for each shard's number of rows."""
    return [(len(list(run)), size) for size, run in groupby(sizes)]


class GaussianJacobian:
    """The actor of real vectors: means by a network, log standard deviations as parameters of their own.

    Args:
        policy: the policy.
        network: of the means.
        inputs: its inputs.
        sizes: number of them of each shard.
    """

    def __init__(
        self, policy: ActorCritic, network: NumpyNetwork | RecurrentNetwork, inputs: Inputs, sizes: Sequence[int]
    ):
        self._means = NumpyJacobian(network, inputs, sizes)
        self._sizes = list(sizes)
        self._slope = policy.floored_log_std_slope.detach()
        (mean,) = self._means.outputs
        self.outputs = (mean, policy.action_log_std.detach().clone().expand_as(mean))

    def push(self, vector: Tensor) -> tuple[Tensor, ...]:
        actions = len(self._slope)
        (means,) = self._means.push(vector[:-actions])
        return means, (self._slope * vector[-actions:]).expand_as(means)

    def pull(self, slopes: Sequence[Tensor]) -> Tensor:
        by_log_std = torch.stack([part.sum(0) for part in slopes[1].split(self._sizes)])
        return torch.cat([self._means.pull(slopes[:1]), self._slope * by_log_std], dim=1)


class AutogradJacobian:
    """Any network, by torch's autograd.

    Args:
        network: inputs of a shard -> outputs, each (B, ...).
        parameters: that it depends on.
        inputs: of all shards.
        sizes: number of them of each shard.
    """

    def __init__(
        self,
        network: Callable[[Any], tuple[Tensor, ...]],
        parameters: Sequence[nn.Parameter],
        inputs: Inputs,
        sizes: Sequence[int],
    ):
        self._parameters = list(parameters)
        self._sizes = list(sizes)
        with torch.enable_grad():
            self._parts = [network(part) for part in inputs.split(self._sizes)]
        self.outputs = self._joined(self._parts)
        self._transposes: list[tuple[list[Tensor], tuple[Tensor, ...]]] = []  # leaves u, and J^T u

    def push(self, vector: Tensor) -> tuple[Tensor, ...]:
        # J v comes from differentiating J^T u, linear in u, by u; the graphs are built once, for all products.
        if not self._transposes:
            for outputs in self._parts:
                leaves = [torch.zeros_like(output, requires_grad=True) for output in outputs]
                self._transposes.append(
                    (leaves, torch.autograd.grad(outputs, self._parameters, leaves, create_graph=True))
                )
        pieces = [piece for _, piece in unflattened(self._parameters, vector)]
        return self._joined(
            [torch.autograd.grad(pulled, leaves, pieces, retain_graph=True) for leaves, pulled in self._transposes]
        )

    def pull(self, slopes: Sequence[Tensor]) -> Tensor:
        shares = zip(*(slope.split(self._sizes) for slope in slopes), strict=True)
        return torch.stack(
            [
                flat(torch.autograd.grad(outputs, self._parameters, share, retain_graph=True))
                for outputs, share in zip(self._parts, shares, strict=True)
            ]
        )

    def _joined(self, parts: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        return tuple(torch.cat([one.detach() for one in output]) for output in zip(*parts, strict=True))
