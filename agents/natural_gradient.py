"""The natural policy gradient (Kakade 2001; Peters and Schaal 2008): steepest ascent where distance is KL."""

from __future__ import annotations

import math
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from torch import Tensor
from torch.distributions import kl_divergence

from agents.finite import require_finite
from agents.importance import surrogate
from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from agents.ranges import Checked, positive
from agents.samples import Samples
from agents.trust_region import Product, assign, conjugate_gradient, flat, gauss_newton_product, natural_step


class NPG(PolicyGradient):
    """A step along F^-1 g to the border of a KL trust region by the KL's quadratic model, without a line search.

    Args:
        target_kl: bound on the mean over states of KL(old || new), summed over action dimensions; a number, or a
            function of the share of training that remains (1 to 0), as SB3's schedules are.
        max_std: bound on the actions' standard deviations, a number or such a function: as it falls, the policy learns
            to do without exploration noise. (A mirror-symmetric policy that stands with its feet side by side may
            depend on noise to break the symmetry.)
        cg_iterations: most Fisher products spent on the natural gradient.
        cg_damping: added to the Fisher matrix's diagonal.
        fisher_stride: the Fisher matrix is that of every `fisher_stride`-th state of the batch (TRPO, appendix C.1:
            a tenth of them will do).
        **kwargs: of PolicyGradient.
    """

    target_kl = Checked(positive, schedule=True)
    max_std = Checked(positive, schedule=True)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        target_kl: float | Schedule = 0.02,
        max_std: float | Schedule = math.inf,
        cg_iterations: int = 10,
        cg_damping: float = 0.1,
        fisher_stride: int = 5,
        **kwargs: Any,
    ):
        self.target_kl = target_kl
        self.max_std = max_std
        self.cg_iterations = cg_iterations
        self.cg_damping = cg_damping
        self.fisher_stride = fisher_stride
        super().__init__(policy, env, **kwargs)

    def train(self) -> None:
        super().train()
        self.policy.limit_std(self.scheduled(self.max_std))

    def improve(self, samples: Samples) -> None:
        """Take the whole step (Kakade 2001)."""
        parameters = self.policy.actor_parameters()
        with torch.no_grad():
            old = self.policy.pi(samples.features)
        step = self.trust_region_step(samples, self.scheduled(self.target_kl))
        if step is not None:
            assign(parameters, flat(parameters) + step)
        with torch.no_grad():
            new = self.policy.pi(samples.features)
        self.logger.record("train/kl", float(kl_divergence(old, new).mean()))
        self.logger.record("train/entropy", float(old.entropy().mean()))

    def trust_region_step(self, samples: Samples, bound: float) -> Tensor | None:
        """Return the step (P,) along the natural gradient at whose end the quadratic model of the KL is the bound.

        None where the curvature is not a positive finite number.
        """
        log_prob = self.policy.log_prob(samples.features, samples.actions)
        objective = surrogate(log_prob, log_prob.detach(), samples.advantages)
        gradient = flat(torch.autograd.grad(objective, self.policy.actor_parameters()))
        require_finite("the policy gradient", gradient.cpu().numpy())
        fisher = self.fisher(samples.features[:: self.fisher_stride])
        direction, residual = conjugate_gradient(fisher, gradient, self.cg_iterations)
        step = natural_step(fisher, direction, bound)
        self.logger.record("train/cg_residual", residual)
        self.logger.record("train/curvature_ok", float(step is not None))
        return step

    def fisher(self, features: Tensor) -> Product:
        """Return products with the damped Fisher matrix, the Hessian of KL(old || new) at new = old."""
        outputs = self.policy.distribution_parameters(features)
        old = self.policy.distribution(tuple(output.detach() for output in outputs))
        leaves = [output.detach().requires_grad_() for output in outputs]
        kl = kl_divergence(old, self.policy.distribution(tuple(leaves))).mean()
        slopes = torch.autograd.grad(kl, leaves, create_graph=True)
        return gauss_newton_product(
            outputs,
            self.policy.actor_parameters(),
            lambda tangents: torch.autograd.grad(slopes, leaves, tangents, retain_graph=True),
            self.cg_damping,
        )
