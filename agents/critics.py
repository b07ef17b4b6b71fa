"""Fits of a value network to the returns of a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from agents.jacobian import differentiable_critic, gauss_newton_product
from agents.policies import ActorCritic
from agents.sequences import Inputs, steps_together
from agents.team import Shards
from agents.trust_region import assign, conjugate_gradient, flat, hand_over


class CriticFit(Protocol):
    """A fit of the critic to the returns."""

    def fit(self, policy: ActorCritic, inputs: Inputs, returns: Tensor, shards: Shards) -> None:
        """Fit V to returns (B,) at B inputs of the critic."""


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

    def fit(self, policy: ActorCritic, inputs: Inputs, returns: Tensor, shards: Shards) -> None:
        parameters = policy.critic_parameters()
        targets = policy.value_net.normalise(returns[:, None])
        critic_at = differentiable_critic(policy)
        for _ in range(self.steps):
            critic = critic_at(inputs, shards.sizes)
            error = critic.outputs[0] - targets
            sigma_squared = shards.mean(error**2)[0]
            gradient = shards.mean_of(critic.pull([error]))  # of half the mean squared error
            product = gauss_newton_product(critic, shards, lambda tangents: tangents, self.damping)
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

    def fit(self, policy: ActorCritic, inputs: Inputs, returns: Tensor, shards: Shards) -> None:
        parameters = policy.critic_parameters()
        before = flat(parameters).detach()
        targets = policy.value_net.normalise(returns[:, None])
        size = max(self.batch_size, -(-shards.count // self.max_batches))
        critic_at = differentiable_critic(policy)
        slopes = torch.empty_like(before)
        hand_over(parameters, slopes)
        for _ in range(self.epochs):
            for batch, part in shards.batches(-(-shards.count // size), steps_together(inputs)):
                critic = critic_at(inputs[batch], part.sizes)
                gradient = part.mean_of(critic.pull([2 * (critic.outputs[0] - targets[batch])]))
                if self.proximity:
                    gradient = gradient + 2 * self.proximity * (flat(parameters).detach() - before)
                slopes.copy_(gradient)
                policy.optimizer.step()
