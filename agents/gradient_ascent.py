"""Learners that step along the policy gradient itself, by an optimiser for the actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import update_learning_rate
from torch import Tensor
from torch.distributions import Distribution

from agents.finite import require_finite
from agents.jacobian import Jacobian, mean_gradient
from agents.policies import ActorCritic
from agents.policy_gradient import PolicyGradient
from agents.ranges import Checked, positive
from agents.team import Shards
from agents.trust_region import hand_over

Optimizer = Callable[..., torch.optim.Optimizer]

ADAM = partial(torch.optim.Adam, fused=True)  # one operation in place of a loop over the parameters


class GradientAscent(PolicyGradient):
    """A learner whose actor climbs an objective by a first-order optimiser.

    Args:
        learning_rate: of the optimisers, a number or a function of the share of training that remains.
        actor_learning_rate: of the actor's, where it is another.
        actor_optimizer: makes the optimiser from (parameters, lr=...).
        max_grad_norm: longer gradients are shortened to it.
        **kwargs: of PolicyGradient.
    """

    actor_learning_rate = Checked(positive, schedule=True, optional=True)
    max_grad_norm = Checked(positive)  # type: ignore[assignment]

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        learning_rate: float | Schedule = 3e-4,
        actor_learning_rate: float | Schedule | None = None,
        actor_optimizer: Optimizer = ADAM,
        max_grad_norm: float = 0.5,
        **kwargs: Any,
    ):
        self.actor_learning_rate = actor_learning_rate
        self.make_actor_optimizer = actor_optimizer
        super().__init__(policy, env, learning_rate, **kwargs)
        self.max_grad_norm = max_grad_norm

    def _setup_model(self) -> None:
        super()._setup_model()
        self.actor_optimizer = self.make_actor_optimizer(self.policy.actor_parameters(), lr=self.actor_rate)

    @property
    def actor_rate(self) -> float:
        """The actor's learning rate as it is now."""
        own = self.actor_learning_rate
        return self.scheduled(self.learning_rate if own is None else own)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return super().optimizers() | {"actor_optimizer": self.actor_optimizer}

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        state_dicts, tensors = super()._get_torch_save_params()
        return [*state_dicts, "actor_optimizer"], tensors

    def climb(self, actor: Jacobian, gain: Callable[[Distribution], Tensor], shards: Shards) -> float:
        """Take one step up the gradient of a mean over the samples of all processes.

        Args:
            actor: at the samples.
            gain: of the policy's action distributions there -> for each sample (B,), what is averaged.
            shards: of the samples.

        Returns:
            The gradient's length, before it was shortened.
        """
        parameters = self.policy.actor_parameters()
        hand_over(parameters, -mean_gradient(self.policy, actor, gain, shards))
        update_learning_rate(self.actor_optimizer, self.actor_rate)
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        require_finite("the policy gradient's length", norm.cpu().numpy())
        self.actor_optimizer.step()
        return float(norm)
