"""The synchronous actor-critic: A3C (Mnih et al. 2016) with all its workers in step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor
from torch.distributions import Distribution

from agents.baselines import ValueNetwork
from agents.critics import AdamFit
from agents.gradient_ascent import GradientAscent
from agents.jacobian import differentiable_actor
from agents.policies import ActorCritic
from agents.ranges import Checked, not_negative
from agents.samples import Samples


class RMSProp(torch.optim.RMSprop):
    """RMSProp (Tieleman and Hinton 2012) whose mean of squared gradients begins at 1, as TensorFlow's, not at 0.

    From 0 the first steps are ten times the learning rate long, whatever the gradient. Two workers of A3C then learned
    to balance a pole for 300 of 500 steps in 5 of 20 runs of 80,000 steps, and in 5 of 5 runs from 1.

    Args:
        parameters: to optimise.
        lr: learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float):
        super().__init__(parameters, lr=lr)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {"step": torch.zeros(()), "square_avg": torch.ones_like(parameter)}


class A2C(GradientAscent):
    """One step of the actor along grad log pi A + weight grad H and one of the critic, after a few steps of all robots.

    With `gae_lambda=1, target=KStep(1)` it is the lecture's variation: one step for V, the full roll-out for pi
    (slide 15).

    Args:
        ent_coef: weight of the entropy bonus, which keeps up exploration.
        **kwargs: of GradientAscent.
    """

    ent_coef = Checked(not_negative)  # type: ignore[assignment]

    def __init__(
        self, policy: str | type[ActorCritic], env: GymEnv | str | None, *, ent_coef: float = 0.0, **kwargs: Any
    ):
        one_step = AdamFit(epochs=1, max_batches=1)
        defaults: dict[str, Any] = {
            "n_steps": 8,
            "learning_rate": 3e-3,
            "baseline": lambda policy: ValueNetwork(policy, one_step),
            "actor_optimizer": RMSProp,
        }
        super().__init__(policy, env, **(defaults | kwargs))
        self.ent_coef = ent_coef

    def improve(self, samples: Samples) -> None:
        """Take one step along grad log pi A and the entropy's gradient (Mnih et al. 2016, section 4)."""

        def gain(policy: Distribution) -> Tensor:
            return policy.log_prob(samples.actions) * samples.advantages + self.ent_coef * policy.entropy()

        actor = differentiable_actor(self.policy)(samples.inputs, samples.shards.sizes)
        entropy = self.policy.distribution(actor.outputs).entropy()
        self.logger.record("train/gradient_norm", self.climb(actor, gain, samples.shards))
        self.logger.record("train/entropy", float(samples.shards.mean(entropy)))
