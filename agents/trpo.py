"""Trust region policy optimisation (Schulman, Levine, Moritz, Jordan and Abbeel 2015)."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch.distributions import kl_divergence

from agents.baselines import ValueNetwork
from agents.critics import AdamFit
from agents.importance import surrogate
from agents.jacobian import differentiable_actor
from agents.natural_gradient import NPG
from agents.policies import ActorCritic
from agents.ranges import Checked, at_least_one, between_zero_and_one, not_negative, require
from agents.samples import Samples
from agents.trust_region import assign, flat, line_search


class TRPO(NPG):
    """A natural gradient step to the border of a KL trust region, shortened by a line search until it improves.

    Args:
        line_search_shrinking_factor: factor by which the step shrinks until it is accepted, in (0, 1).
        line_search_max_iter: most times that it shrinks.
        batch_size: samples of a step of the critic's Adam; with it or `n_critic_updates` the critic is fitted by Adam.
        n_critic_updates: the critic's passes over the rollout.
        **kwargs: of NPG.
    """

    FIXED: ClassVar[set[str]] = {*NPG.FIXED, "batch_size", "n_critic_updates"}

    line_search_shrinking_factor = Checked(between_zero_and_one)
    line_search_max_iter = Checked(not_negative)

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        *,
        line_search_shrinking_factor: float = 0.5,
        line_search_max_iter: int = 10,
        batch_size: int | None = None,
        n_critic_updates: int | None = None,
        **kwargs: Any,
    ):
        self.line_search_shrinking_factor = line_search_shrinking_factor
        self.line_search_max_iter = line_search_max_iter
        if batch_size is not None or n_critic_updates is not None:
            if kwargs.get("baseline") is not None:
                raise ValueError("batch_size and n_critic_updates are of the critic's Adam, baseline makes another")
            for name, given in {"batch_size": batch_size, "n_critic_updates": n_critic_updates}.items():
                if given is not None:
                    require(at_least_one, name, given)
            adam = AdamFit(epochs=n_critic_updates or 10, batch_size=batch_size or 128)
            kwargs["baseline"] = partial(ValueNetwork, critic=adam)
        super().__init__(policy, env, **kwargs)

    def improve(self, samples: Samples) -> None:
        """Maximise the surrogate under mean KL(old || new) <= target_kl (the paper's equation 14 and appendix C)."""
        policy, parameters, shards = self.policy, self.policy.actor_parameters(), samples.shards
        target_kl = self.scheduled(self.target_kl)
        actor_at = differentiable_actor(policy)
        actor = actor_at(samples.inputs, shards.sizes)
        step = self.trust_region_step(actor, samples, target_kl)
        start = flat(parameters).detach()
        old = policy.distribution(actor.outputs)
        old_log_prob = old.log_prob(samples.actions)
        gain_before = float(shards.mean(samples.advantages))

        def measure(fraction: float) -> tuple[float, float]:
            """Return surrogate and KL with a fraction of the step taken; the parameters stay there."""
            assert step is not None
            assign(parameters, start + fraction * step)
            new = policy.distribution(actor_at(samples.inputs, shards.sizes).outputs)
            gains = surrogate(new.log_prob(samples.actions), old_log_prob, samples.advantages)
            gain, kl = shards.mean(torch.stack([gains, kl_divergence(old, new)], dim=1)).tolist()
            return gain, kl

        def accept(measured: tuple[float, float]) -> bool:
            gain, kl = measured
            return kl <= target_kl and gain > gain_before  # false for NaN too

        found = (
            None
            if step is None
            else line_search(measure, accept, self.line_search_shrinking_factor, self.line_search_max_iter)
        )
        if found is None:
            assign(parameters, start)
        fraction, (gain, kl) = found or (0.0, (gain_before, 0.0))
        record = self.logger.record
        record("train/surrogate_before", gain_before)
        record("train/surrogate_after", gain)
        record("train/kl", kl)
        record("train/entropy", float(shards.mean(old.entropy())))
        record("train/step_fraction", fraction)
