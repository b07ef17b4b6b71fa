"""The values of a rollout by a critic with a memory, which sees it moment by moment."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from agents.memory import LinearisedMemory
from agents.observations import Observations
from agents.policies import ActorCritic
from agents.team import shards_of

if TYPE_CHECKING:
    from agents.rollout import Rollout


@torch.no_grad()
def recall(rollout: Rollout, policy: ActorCritic, last_observations: Observations, shards: int) -> None:
    """Compute all values of a rollout, and what the critic remembers at each window's beginning and at the end.

    Where an episode was cut off, its value goes on from what was remembered then; the memory is emptied only where the
    next one begins.

    Args:
        rollout: its columns `values` and `next_values` are written, `critic_states` and `critic_state_after`.
        policy: whose critic it is.
        last_observations: the observations (N, ...) after the last step.
        shards: equal ones, into which the robots are cut.
    """
    memory = policy.critic_memory
    assert memory is not None
    steps, robots = rollout.rewards.shape
    size = robots // shards
    seen = np.concatenate([rollout.observations, rollout.packing.pack(last_observations)[None]])
    starts = np.concatenate([rollout.first, rollout.elapsed[None] == 0])
    # (shards, moments, robots of a shard, ...): but for the memory, which sees to it, each shard is seen alone.
    latent = np.stack([_latent(policy, part).numpy() for part in shards_of(seen, shards)])
    keeps, states = ~shards_of(starts, shards), rollout.critic_state.reshape(shards, size, -1)
    run = LinearisedMemory(memory.as_numpy(), latent.reshape(*keeps.shape, -1), keeps, states)
    values = np.stack([policy.value_net(torch.from_numpy(part))[..., 0].numpy() for part in run.outputs])
    values = values.swapaxes(0, 1).reshape(steps + 1, robots)
    rollout.values[:], rollout.next_values[:] = values[:-1], values[1:]
    after = run.states.swapaxes(0, 1).reshape(steps + 1, robots, -1)
    before = np.concatenate([rollout.critic_state[None], after])  # each moment, and at last that after all
    rollout.critic_states = list(before[: steps : rollout.window])
    rollout.critic_state_after = before[steps]
    for _, of_shard in groupby(sorted(rollout.final_observations, key=itemgetter(1)), lambda end: end[1] // size):
        ends = list(of_shard)
        finals = np.stack([rollout.final_observations[end] for end in ends]).astype(rollout.packing.dtype)
        goes_on, _ = memory.step(_latent(policy, finals), torch.from_numpy(np.stack([after[end] for end in ends])))
        for end, value in zip(ends, policy.value_net(goes_on)[:, 0].tolist(), strict=True):
            rollout.next_values[end] = value


def _latent(policy: ActorCritic, observations: np.ndarray) -> Tensor:
    """Return what the critic's memory takes (B, n) of packed observations (..., B in all)."""
    return policy.critic_latent(policy.inputs(observations.reshape(-1, *policy.packing.shape))[1])
