"""Proximal policy optimisation (Schulman, Wolski, Dhariwal, Radford and Klimov 2017)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor
from torch.distributions import Distribution

from agents.gradient_ascent import GradientAscent
from agents.jacobian import differentiable_actor
from agents.policies import ActorCritic
from agents.ranges import Checked, at_least_one, positive
from agents.samples import Samples


class PPO(GradientAscent):
    """Epochs of gradient steps on a surrogate that does not reward moving the probability ratio out of 1 +- clip.

    Args:
        clip: distance from 1 beyond which the ratio of new to old probability is clipped.
        epochs: passes over the rollout.
        batch_size: samples of a gradient step.
        **kwargs: of GradientAscent.
    """

    clip = Checked(positive)
    epochs = Checked(at_least_one)
    batch_size = Checked(at_least_one)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        clip: float = 0.2,
        epochs: int = 10,
        batch_size: int = 256,
        **kwargs: Any,
    ):
        self.clip = clip
        self.epochs = epochs
        self.batch_size = batch_size
        super().__init__(policy, env, **kwargs)

    def improve(self, samples: Samples) -> None:
        """Climb the clipped surrogate over shuffled batches, `epochs` times (the paper's equation 7, algorithm 1)."""
        shards, features = samples.shards, samples.features
        actor_at = differentiable_actor(self.policy)

        def log_prob() -> Tensor:
            return self.policy.distribution(actor_at(features, shards.sizes).outputs).log_prob(samples.actions)

        old_log_prob = log_prob()
        batches = -(-shards.count // self.batch_size)
        for _ in range(self.epochs):
            for batch, part in shards.batches(batches):
                old, advantages, actions = old_log_prob[batch], samples.advantages[batch], samples.actions[batch]
                gain = partial(self._gain, actions=actions, old_log_prob=old, advantages=advantages)
                self.climb(actor_at(features[batch], part.sizes), gain, part)
        log_ratio = log_prob() - old_log_prob
        ratio = log_ratio.exp()
        clipped = ((ratio - 1).abs() > self.clip).float()
        kl, share = shards.mean(torch.stack([ratio - 1 - log_ratio, clipped], dim=1)).tolist()
        self.logger.record("train/kl", kl)  # unbiased, and never negative
        self.logger.record("train/clipped_ratios", share)

    def _gain(self, policy: Distribution, actions: Tensor, old_log_prob: Tensor, advantages: Tensor) -> Tensor:
        return clipped_surrogate(policy.log_prob(actions), old_log_prob, advantages, self.clip)


def clipped_surrogate(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) (B,), whose mean is equation 7, for arrays (B,)."""
    ratio = (log_prob - old_log_prob).exp()
    return torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
