"""How a value network is fitted to the returns of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from agents.layers import LiveChain
from agents.policies import ActorCritic
from agents.trust_region import assign, conjugate_gradient, flat, gauss_newton_product


class CriticFit(Protocol):
    """A way to move the critic towards the returns."""

    def fit(self, policy: ActorCritic, features: Tensor, returns: Tensor) -> None:
        """Fit V to returns (B,) at features (B, F)."""


class TrustRegionFit:
    """Gauss-Newton steps inside a trust region (Schulman et al. 2016, section 5, equations 28 to 30).

    Each step minimises the mean squared error under (1/B) sum (V - V_old)^2 / (2 sigma^2) <= epsilon, sigma^2 the
    mean squared error before the step: the analogue, for a Gaussian of variance sigma^2 around V, of a bound on the
    KL divergence.
    """

    def __init__(self, epsilon: float = 0.1, steps: int = 3, cg_iterations: int = 10, damping: float = 0.01):
        self.epsilon = epsilon
        self.steps = steps
        self.cg_iterations = cg_iterations
        self.damping = damping

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
            # The Gauss-Newton step itself is the minimiser: a wide trust region must not carry us past it.
            step = step * torch.clamp(torch.sqrt(self.epsilon / divergence), max=1.0)
            assign(parameters, flat(parameters) + step)


class AdamFit:
    """Epochs of Adam over shuffled minibatches.

    Args:
        epochs: passes over the rollout.
        batch_size: of a minibatch; of a rollout so long that there would be more than `max_batches`, it is larger.
        max_batches: of an epoch: beyond it more steps cost time and bring nothing.
        proximity: kappa, the price of moving the parameters by a squared distance away from where they were: with
            one-step targets, r + gamma V(s'), each fit is then a step of fitted V iteration (the lecture's slide 11).
    """

    def __init__(self, epochs: int = 5, batch_size: int = 256, max_batches: int = 16, proximity: float = 0.0):
        self.epochs = epochs
        self.batch_size = batch_size
        self.max_batches = max_batches
        self.proximity = proximity

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
    """Return what writes into `grad` the gradient of the critic's squared error, in units of its last layer.

    Returns:
        (features (B, F), normalised returns (B,)) -> None. By hand, in numpy, where the critic is a plain chain of
        layers, for autograd takes three times as long for networks so small; by autograd otherwise.
    """
    try:
        chain = LiveChain([*policy.mlp_extractor.value_net, policy.value_net])
    except TypeError:
        return partial(_differentiate_by_autograd, policy)
    return lambda features, targets: chain.differentiate(features.numpy(), targets.numpy())


def _differentiate_by_autograd(policy: ActorCritic, features: Tensor, targets: Tensor) -> None:
    mean, std = policy.value_net.mean, policy.value_net.std
    policy.zero_grad()
    ((((policy.values(features) - mean) / std) - targets) ** 2).mean().backward()
