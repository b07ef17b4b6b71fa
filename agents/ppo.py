"""Proximal policy optimisation (Schulman, Wolski, Dhariwal, Radford and Klimov 2017)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import FloatSchedule
from torch import Tensor
from torch.distributions import Distribution

from agents.gradient_ascent import GradientAscent
from agents.jacobian import Jacobian, differentiable_actor
from agents.policies import ActorCritic
from agents.ranges import Checked, at_least_one, not_negative, positive, require
from agents.samples import Samples
from agents.sequences import steps_together
from agents.team import Shards


class PPO(GradientAscent):
    """Epochs of gradient steps on a surrogate that does not reward moving the probability ratio out of 1 +- clip.

    Args:
        clip_range: distance from 1 beyond which the ratio of new to old probability is clipped; a number, or a function
            of the share of training that remains.
        n_epochs: passes over the rollout.
        batch_size: samples of a gradient step.
        ent_coef: weight of the entropy bonus, which keeps up exploration.
        target_kl: the passes end once a batch's mean KL(old || new) lies above 1.5 times this; None: never.
        **kwargs: of GradientAscent.
    """

    n_epochs = Checked(at_least_one)
    batch_size = Checked(at_least_one)
    ent_coef = Checked(not_negative)  # type: ignore[assignment]
    target_kl = Checked(positive, optional=True)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        *,
        clip_range: float | Schedule = 0.2,
        n_epochs: int = 10,
        batch_size: int = 64,
        ent_coef: float = 0.0,
        target_kl: float | None = None,
        **kwargs: Any,
    ):
        self.clip_range = clip_range  # type: ignore[assignment]
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.target_kl = target_kl
        super().__init__(policy, env, **kwargs)
        self.ent_coef = ent_coef

    @property
    def clip_range(self) -> FloatSchedule:
        """Distance from 1 beyond which the ratio is clipped, as a function of the share of training that remains."""
        return self._clip_range

    @clip_range.setter
    def clip_range(self, value: float | Schedule) -> None:
        if not callable(value):
            require(positive, "clip_range", value)
        self._clip_range = FloatSchedule(value)

    def improve(self, samples: Samples) -> None:
        """Climb the clipped surrogate over shuffled batches, `n_epochs` times (the paper's equation 7, algorithm 1)."""
        shards, inputs = samples.shards, samples.inputs
        actor_at = differentiable_actor(self.policy)
        clip = self.scheduled(self.clip_range)

        def log_prob() -> Tensor:
            return self.policy.distribution(actor_at(inputs, shards.sizes).outputs).log_prob(samples.actions)

        def gain(policy: Distribution, batch: Tensor) -> Tensor:
            new = policy.log_prob(samples.actions[batch])
            clipped = clipped_surrogate(new, old_log_prob[batch], samples.advantages[batch], clip)
            return clipped + self.ent_coef * policy.entropy() if self.ent_coef else clipped

        old_log_prob = log_prob()
        batches = -(-shards.count // self.batch_size)
        for _ in range(self.n_epochs):
            for batch, part in shards.batches(batches, steps_together(inputs)):
                actor = actor_at(inputs[batch], part.sizes)
                if self.target_kl is not None and self._too_far(
                    actor, samples.actions[batch], old_log_prob[batch], part
                ):
                    break
                self.climb(actor, partial(gain, batch=batch), part)
            else:
                continue
            break
        log_ratio = log_prob() - old_log_prob
        clipped = ((log_ratio.exp() - 1).abs() > clip).float()
        kl, share = shards.mean(torch.stack([estimated_kl(log_ratio), clipped], dim=1)).tolist()
        self.logger.record("train/kl", kl)
        self.logger.record("train/clipped_ratios", share)

    def _too_far(self, actor: Jacobian, actions: Tensor, old_log_prob: Tensor, shards: Shards) -> bool:
        log_ratio = self.policy.distribution(actor.outputs).log_prob(actions) - old_log_prob
        assert self.target_kl is not None
        return float(shards.mean(estimated_kl(log_ratio))) > 1.5 * self.target_kl


def estimated_kl(log_ratio: Tensor) -> Tensor:
    """Return r - 1 - log r (B,), whose mean is an unbiased and never negative estimate of KL(old || new)."""
    return log_ratio.exp() - 1 - log_ratio


def clipped_surrogate(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) (B,), whose mean is equation 7, for arrays (B,)."""
    ratio = (log_prob - old_log_prob).exp()
    return torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
