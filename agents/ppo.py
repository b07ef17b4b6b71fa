"""Proximal policy optimisation (Schulman, Wolski, Dhariwal, Radford and Klimov 2017)."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor

from agents.gradient_ascent import GradientAscent
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
        with torch.no_grad():
            old_log_prob = self.policy.log_prob(samples.features, samples.actions)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(old_log_prob)).split(self.batch_size):
                log_prob = self.policy.log_prob(samples.features[batch], samples.actions[batch])
                self.climb(clipped_surrogate(log_prob, old_log_prob[batch], samples.advantages[batch], self.clip))
        with torch.no_grad():
            log_ratio = self.policy.log_prob(samples.features, samples.actions) - old_log_prob
        ratio = log_ratio.exp()
        self.logger.record("train/kl", float((ratio - 1 - log_ratio).mean()))  # unbiased, and never negative
        self.logger.record("train/clipped_ratios", float(((ratio - 1).abs() > self.clip).float().mean()))


def clipped_surrogate(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return the mean of min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) (equation 7), for arrays (B,)."""
    ratio = (log_prob - old_log_prob).exp()
    return torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()
