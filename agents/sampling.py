"""From a rollout to the samples that an update rule and a baseline learn from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.policies import ActorCritic
from agents.rollout import Rollout, Rows
from agents.samples import Samples
from agents.sequences import Inputs, Sequences
from agents.team import Team


class Scale(NamedTuple):
    """What becomes of a rollout's advantages before they are learned from."""

    normalized: bool  # to a spread of 1
    centred: bool  # by their mean, too, unless a constant baseline's value would then not matter


def drawn(policy: ActorCritic, rollout: Rollout, rows: Rows, team: Team, scale: Scale) -> Samples:
    """Return steps of a rollout, shard by shard, with what the policy's trained layers take of them.

    A policy with a memory is given all steps, in their order: those that do not count have advantage 0, and the value
    that is known already.

    Args:
        policy: that learns.
        rollout: of this process.
        rows: the steps that count.
        team: the processes.
        scale: of the advantages.
    """
    advantages = scaled(torch.as_tensor(rows.of(rollout.advantages), device=policy.device), rows, scale)
    if policy.actor_memory is None:
        return _sampled(policy, rollout, rows, policy.inputs(rows.of(rollout.observations)), advantages)
    every = rollout.rows(team, counted=False)
    of_all, returns = torch.zeros(every.shards.count_here), torch.as_tensor(every.of(rollout.values)).clone()
    of_all[rows.places] = advantages
    robots = np.tile(np.arange(rollout.n_envs), (len(rollout.rewards), 1))
    starts, whose = (torch.as_tensor(every.of(array)) for array in (rollout.first, robots))
    inputs, critic_inputs = (
        Sequences(taken, starts, whose, torch.as_tensor(np.stack(states)), len(rollout.rewards))
        for taken, states in zip(
            policy.inputs(every.of(rollout.observations)), (rollout.actor_states, rollout.critic_states), strict=True
        )
    )
    samples = _sampled(policy, rollout, every, (inputs, critic_inputs), of_all)
    returns[rows.places] = samples.returns[rows.places]
    return samples._replace(returns=returns)


def scaled(advantages: Tensor, rows: Rows, scale: Scale) -> Tensor:
    """Return the advantages of steps (B,), normalised where that is asked for."""
    if not scale.normalized:
        return advantages
    count, mean, var = rows.shards.moments(advantages[:, None])
    spread = float((var * count / max(count - 1, 1)).sqrt())
    return (advantages - (float(mean) if scale.centred else 0.0)) / (spread + 1e-8)


def _sampled(
    policy: ActorCritic, rollout: Rollout, rows: Rows, inputs: tuple[Inputs, Inputs], advantages: Tensor
) -> Samples:
    returns, actions = (
        torch.as_tensor(rows.of(array), device=policy.device) for array in (rollout.returns, rollout.actions)
    )
    observations, times = rows.of(rollout.observations), rows.of(rollout.times)
    return Samples(observations, times, *inputs, actions, advantages, returns, rows.shards)
