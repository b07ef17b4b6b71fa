"""The natural policy gradient (Kakade 2001; Peters and Schaal 2008): steepest ascent where distance is KL."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from stable_baselines3.common.type_aliases import GymEnv, Schedule
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from agents.finite import require_finite
from agents.importance import surrogate
from agents.jacobian import Jacobian, differentiable_actor, gauss_newton_product, mean_gradient
from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from agents.ranges import Checked, at_least_one, not_negative, positive
from agents.samples import Samples
from agents.sequences import Inputs, steps_together
from agents.team import Shards, strided
from agents.trust_region import Product, assign, conjugate_gradient, flat, natural_step


class NPG(PolicyGradient):
    """A step along F^-1 g to the border of a KL trust region by the KL's quadratic model, without a line search.

    Args:
        target_kl: bound on the mean over states of KL(old || new), summed over action dimensions; a number, or a
            function of the share of training that remains (1 to 0), as SB3's schedules are.
        max_std: bound on the actions' standard deviations, a number or such a function: as it falls, the policy learns
            to do without exploration noise. (A mirror-symmetric policy that stands with its feet side by side may
            depend on noise to break the symmetry.)
        cg_max_steps: most Fisher products spent on the natural gradient.
        cg_damping: added to the Fisher matrix's diagonal.
        sub_sampling_factor: the Fisher matrix is that of every so many-th state of each shard (TRPO, appendix C.1: a
            tenth of them will do).
        **kwargs: of PolicyGradient.
    """

    target_kl = Checked(positive, schedule=True)
    max_std = Checked(positive, schedule=True)
    cg_max_steps = Checked(at_least_one)
    cg_damping = Checked(not_negative)
    sub_sampling_factor = Checked(at_least_one)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        *,
        target_kl: float | Schedule = 0.02,
        max_std: float | Schedule = math.inf,
        cg_max_steps: int = 10,
        cg_damping: float = 0.1,
        sub_sampling_factor: int = 5,
        **kwargs: Any,
    ):
        self.target_kl = target_kl
        self.max_std = max_std
        self.cg_max_steps = cg_max_steps
        self.cg_damping = cg_damping
        self.sub_sampling_factor = sub_sampling_factor
        super().__init__(policy, env, **kwargs)

    def train(self) -> None:
        super().train()
        self.policy.limit_std(self.scheduled(self.max_std))

    def improve(self, samples: Samples) -> None:
        """Take the whole step (Kakade 2001)."""
        parameters = self.policy.actor_parameters()
        actor_at, shards = differentiable_actor(self.policy), samples.shards
        actor = actor_at(samples.inputs, shards.sizes)
        old = self.policy.distribution(actor.outputs)
        step = self.trust_region_step(actor, samples, self.scheduled(self.target_kl))
        if step is not None:
            assign(parameters, flat(parameters) + step)
        new = self.policy.distribution(actor_at(samples.inputs, shards.sizes).outputs)
        self.logger.record("train/kl", float(shards.mean(kl_divergence(old, new))))
        self.logger.record("train/entropy", float(shards.mean(old.entropy())))

    def trust_region_step(self, actor: Jacobian, samples: Samples, bound: float) -> Tensor | None:
        """Return the step (P,) along the natural gradient at whose end the quadratic model of the KL is the bound.

        None where the curvature is not a positive finite number.

        Args:
            actor: at the samples.
            samples: of the policy as it is.
            bound: on the KL.
        """

        def gain(policy: Distribution) -> Tensor:
            log_prob = policy.log_prob(samples.actions)
            return surrogate(log_prob, log_prob.detach(), samples.advantages)

        gradient = mean_gradient(self.policy, actor, gain, samples.shards)
        require_finite("the policy gradient", gradient.cpu().numpy())
        places, shards = strided(samples.shards, self.sub_sampling_factor, steps_together(samples.inputs))
        fisher = self.fisher(samples.inputs[places], shards)
        direction, residual = conjugate_gradient(fisher, gradient, self.cg_max_steps)
        step = natural_step(fisher, direction, bound)
        self.logger.record("train/cg_residual", residual)
        self.logger.record("train/curvature_ok", float(step is not None))
        return step

    def fisher(self, inputs: Inputs, shards: Shards) -> Product:
        """Return products with the damped Fisher matrix, the Hessian of KL(old || new) at new = old."""
        actor = differentiable_actor(self.policy)(inputs, shards.sizes)
        information = partial(self.policy.action_dist.information, actor.outputs)
        return gauss_newton_product(actor, shards, information, self.cg_damping)
