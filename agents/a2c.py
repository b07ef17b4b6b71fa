"""The synchronous actor-critic: A3C (Mnih et al. 2016) with all its workers in step."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.type_aliases import GymEnv

from agents.baselines import ValueNetwork
from agents.critics import AdamFit
from agents.gradient_ascent import GradientAscent
from agents.policies import ActorCritic
from agents.rmsprop import RMSProp
from agents.samples import Samples


class A2C(GradientAscent):
    """After a few steps of all robots one step of the actor along grad log pi A + weight grad H, and one of the critic.

    With `gae_lambda=1, target=KStep(1)` it is the lecture's variation: one step for V, the full roll-out for pi
    (slide 15).

    Args:
        entropy_weight: price of certainty, so that exploration lives.
        **kwargs: of GradientAscent.
    """

    def __init__(
        self, policy: str | type[ActorCritic], env: GymEnv | str | None, entropy_weight: float = 0.0, **kwargs: Any
    ):
        self.entropy_weight = entropy_weight
        one_step = AdamFit(epochs=1, max_batches=1)
        defaults: dict[str, Any] = {
            "baseline": lambda policy: ValueNetwork(policy, one_step),
            "actor_optimizer": RMSProp,
        }
        super().__init__(policy, env, **(defaults | kwargs))

    def improve(self, samples: Samples) -> None:
        """Take one step along grad log pi A and the entropy's gradient (Mnih et al. 2016, section 4)."""
        distribution = self.policy.pi(samples.features)
        entropy = distribution.entropy().mean()
        gain = (distribution.log_prob(samples.actions) * samples.advantages).mean()
        norm = self.climb(gain + self.entropy_weight * entropy)
        self.logger.record("train/gradient_norm", norm)
        self.logger.record("train/entropy", float(entropy.detach()))
