"""Trust region policy optimisation (Schulman, Levine, Moritz, Jordan and Abbeel 2015)."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch.distributions import kl_divergence

from agents.importance import surrogate
from agents.natural_gradient import NPG
from agents.policies import ActorCritic
from agents.samples import Samples
from agents.trust_region import assign, flat, line_search


class TRPO(NPG):
    """The natural gradient step to the border of a KL trust region, made safe by a line search.

    Args:
        backtrack: factor by which the step shrinks until it is accepted, in (0, 1).
        max_backtracks: how often it may shrink.
        **kwargs: of NPG.
    """

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        backtrack: float = 0.5,
        max_backtracks: int = 10,
        **kwargs: Any,
    ):
        if not 0 < backtrack < 1:
            raise ValueError(f"backtrack must lie between 0 and 1, got {backtrack}")
        self.backtrack = backtrack
        self.max_backtracks = max_backtracks
        super().__init__(policy, env, **kwargs)

    def improve(self, samples: Samples) -> None:
        """Maximise the surrogate under mean KL(old || new) <= target_kl (the paper's equation 14 and appendix C)."""
        policy, parameters = self.policy, self.policy.actor_parameters()
        features, actions, advantages = samples.features, samples.actions, samples.advantages
        target_kl = self.kl_schedule(self._current_progress_remaining)
        step = self.natural_step(samples, target_kl)
        start = flat(parameters).detach()
        with torch.no_grad():
            old = policy.pi(features)
            old_log_prob = old.log_prob(actions)
        gain_before = float(advantages.mean())
        result = {"gain": gain_before, "kl": 0.0}

        @torch.no_grad()
        def accept(fraction: float) -> bool:
            assign(parameters, start + fraction * step)  # type: ignore[operator]
            new = policy.pi(features)
            gain = float(surrogate(new.log_prob(actions), old_log_prob, advantages))
            kl = float(kl_divergence(old, new).mean())
            if not (kl <= target_kl and gain > gain_before):  # NaN is refused too
                return False
            result.update(gain=gain, kl=kl)
            return True

        fraction = 0.0 if step is None else line_search(accept, self.backtrack, self.max_backtracks)
        if fraction == 0.0:
            assign(parameters, start)
        record = self.logger.record
        record("train/surrogate_before", gain_before)
        record("train/surrogate_after", result["gain"])
        record("train/kl", result["kl"])
        record("train/entropy", float(old.entropy().mean()))
        record("train/step_fraction", fraction)
