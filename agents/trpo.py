"""Trust region policy optimisation (Schulman, Levine, Moritz, Jordan and Abbeel 2015)."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import FloatSchedule
from torch import Tensor
from torch.distributions import kl_divergence

from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from agents.rollout import Rollout
from agents.trust_region import (
    Product,
    assign,
    conjugate_gradient,
    flat,
    gauss_newton_product,
    line_search,
    natural_step,
)


class TRPO(PolicyGradient):
    """The natural gradient step to the border of a KL trust region, made safe by a line search.

    Args:
        target_kl: bound on the mean over states of KL(old || new), summed over action dimensions; a number, or a
            function of the share of training that remains (1 to 0), as SB3's schedules are.
        cg_iterations: products spent on the natural gradient.
        cg_damping: added to the Fisher matrix's diagonal.
        fisher_stride: Fisher products use one state in so many of the batch (TRPO, appendix C.1: a tenth will do).
        backtrack: factor by which the step shrinks until it is accepted, in (0, 1).
        max_backtracks: how often it may shrink.
        **kwargs: of PolicyGradient.
    """

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        target_kl: float | Schedule = 0.02,
        cg_iterations: int = 10,
        cg_damping: float = 0.1,
        fisher_stride: int = 5,
        backtrack: float = 0.5,
        max_backtracks: int = 10,
        **kwargs: Any,
    ):
        if not callable(target_kl) and not target_kl > 0:
            raise ValueError(f"target_kl must be positive, got {target_kl}")
        if not 0 < backtrack < 1:
            raise ValueError(f"backtrack must lie between 0 and 1, got {backtrack}")
        self.target_kl = target_kl
        self.cg_iterations = cg_iterations
        self.cg_damping = cg_damping
        self.fisher_stride = fisher_stride
        self.backtrack = backtrack
        self.max_backtracks = max_backtracks
        super().__init__(policy, env, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.kl_schedule = FloatSchedule(self.target_kl)

    def improve(self, rollout: Rollout, features: Tensor, advantages: Tensor) -> None:
        policy, parameters = self.policy, self.policy.actor_parameters()
        actions = torch.as_tensor(rollout.actions.reshape(len(features), *rollout.actions.shape[2:]))
        outputs = policy.distribution_parameters(features)
        old = policy.distribution(tuple(output.detach() for output in outputs))
        old_log_prob = old.log_prob(actions)
        # The surrogate of equation 14, whose gradient at the old parameters is the policy gradient.
        ratio = (policy.distribution(outputs).log_prob(actions) - old_log_prob).exp()
        gradient = flat(torch.autograd.grad((ratio * advantages).mean(), parameters))

        fisher = self.fisher(features[:: self.fisher_stride])
        direction, residual = conjugate_gradient(fisher, gradient, self.cg_iterations)
        target_kl = self.kl_schedule(self._current_progress_remaining)
        step = natural_step(fisher, direction, target_kl)
        start = flat(parameters).detach()
        surrogate_before = float(advantages.mean())
        result = {"surrogate": surrogate_before, "kl": 0.0}

        @torch.no_grad()
        def accept(fraction: float) -> bool:
            assign(parameters, start + fraction * step)  # type: ignore[operator]
            new = policy.distribution(policy.distribution_parameters(features))
            ratio = (new.log_prob(actions) - old_log_prob).exp()
            surrogate, kl = float((ratio * advantages).mean()), float(kl_divergence(old, new).mean())
            if not (kl <= target_kl and surrogate > surrogate_before):  # NaN is refused too
                return False
            result.update(surrogate=surrogate, kl=kl)
            return True

        fraction = 0.0 if step is None else line_search(accept, self.backtrack, self.max_backtracks)
        if fraction == 0.0:
            assign(parameters, start)
        record = self.logger.record
        record("train/surrogate_before", surrogate_before)
        record("train/surrogate_after", result["surrogate"])
        record("train/kl", result["kl"])
        record("train/entropy", float(old.entropy().mean()))
        record("train/step_fraction", fraction)
        record("train/cg_residual", residual)
        record("train/curvature_ok", float(step is not None))

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
