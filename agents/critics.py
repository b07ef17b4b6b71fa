"""Fits of a value network to the returns of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from agents.numpy_networks import NumpyCritic, is_differentiable
from agents.policies import ActorCritic
from agents.trust_region import assign, conjugate_gradient, flat, gauss_newton_product


class CriticFit(Protocol):
    """A fit of the critic to the returns."""

    def fit(self, policy: ActorCritic, features: Tensor, returns: Tensor) -> None:
        """Fit V to returns (B,) at features (B, F)."""


@dataclass(frozen=True)
class TrustRegionFit:
    """Gauss-Newton steps inside a trust region (Schulman et al. 2016, section 5, equations 28 to 30).

    Each step minimises the mean squared error under (1/B) sum (V - V_old)^2 / (2 sigma^2) <= epsilon, sigma^2 the
    mean squared error before the step: the analogue, for a Gaussian of variance sigma^2 around V, of a bound on the
    KL divergence.
    """

    epsilon: float = 0.1
    steps: int = 3
    cg_iterations: int = 10  # most products for a step
    damping: float = 0.01  # added to the Gauss-Newton matrix's diagonal

    def fit(self, policy: ActorCritic, features: Tensor, returns: Tensor) -> None:
        parameters = policy.critic_parameters()
        scale = policy.value_net.std
        for _ in range(self.steps):
            values = policy.values(features)
            error = (values - returns) / scale
            sigma_squared = (error.detach() ** 2).mean()
            gradient = flat(torch.autograd.grad(0.5 * (error**2).mean(), parameters, retain_graph=True))
            product = gauss_newton_product(
                [values / scale], parameters, lambda tangents: [tangents[0] / len(tangents[0])], self.damping
            )
            step, _ = conjugate_gradient(product, -gradient, self.cg_iterations)
            divergence = step @ product(step) / (2 * sigma_squared)
            if not (torch.isfinite(divergence) and divergence > 0):
                break
            # At most the Gauss-Newton step itself, which is the minimiser: a wide trust region must not go beyond it.
            step = step * torch.clamp(torch.sqrt(self.epsilon / divergence), max=1.0)
            assign(parameters, flat(parameters) + step)


@dataclass(frozen=True)
class AdamFit:
    """Epochs of Adam over shuffled minibatches."""

    epochs: int = 5  # passes over the rollout
    batch_size: int = 256  # of a minibatch; larger where there would be more than `max_batches`
    max_batches: int = 16  # of an epoch: beyond it more steps cost time and do not improve the fit
    # Weight kappa of the squared distance of the parameters from where they were: with one-step targets,
    # r + gamma V(s'), each fit is then a step of fitted V iteration (the lecture's slide 11).
    proximity: float = 0.0

    def fit(self, policy: ActorCritic, features: Tensor, returns: Tensor) -> None:
        parameters = policy.critic_parameters()
        before = [parameter.detach().clone() for parameter in parameters]
        targets = policy.value_net.normalise(returns[:, None]).squeeze(1)
        differentiate = differentiation(policy)
        size = max(self.batch_size, -(-len(features) // self.max_batches))
        for _ in range(self.epochs):
            for batch in torch.randperm(len(features), device=features.device).split(size):
                differentiate(features[batch], targets[batch])
                if self.proximity:
                    for parameter, start in zip(parameters, before, strict=True):
                        parameter.grad.add_(parameter.detach() - start, alpha=2 * self.proximity)  # type: ignore[union-attr]
                policy.optimizer.step()


def differentiation(policy: ActorCritic) -> Callable[[Tensor, Tensor], None]:
    """Return a function that writes into `grad` the gradient of the critic's squared error in its last layer's units.

    Returns:
        (features (B, F), normalised returns (B,)) -> None. In numpy where `NumpyCritic` takes all layers, because
        autograd takes three times as long for networks so small; by autograd otherwise.
    """
    layers = policy.critic_layers()
    if not all(is_differentiable(layer) for layer in layers):
        return partial(_differentiate_by_autograd, policy)
    critic = NumpyCritic(layers)
    return lambda features, targets: critic.differentiate(features.numpy(), targets.numpy())


def _differentiate_by_autograd(policy: ActorCritic, features: Tensor, targets: Tensor) -> None:
    mean, std = policy.value_net.mean, policy.value_net.std
    policy.zero_grad()
    ((((policy.values(features) - mean) / std) - targets) ** 2).mean().backward()
