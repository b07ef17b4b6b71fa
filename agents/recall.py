"""The values of a rollout by a critic with a memory, which sees it moment by moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from agents.memory import LinearisedMemory, Memory
from agents.observations import Observations
from agents.policies import ActorCritic

if TYPE_CHECKING:
    from agents.rollout import Rollout


@torch.no_grad()
def recall(rollout: Rollout, policy: ActorCritic, last_observations: Observations, shards: int) -> None:
    """Compute all values of a rollout, and what the critic remembers at each window's beginning and at the end.

    Where an episode was cut off, its value goes on from what was remembered then; the memory is emptied only where the
    next one begins.

    Args:
        rollout: its columns `values` and `next_values` are written, `critic_states` and
            `critic_state_after`.
        policy: whose critic it is.
        last_observations: the observations (N, ...) after the last step.
        shards: equal ones, into which the robots are cut.
    """
    memory = policy.critic_memory
    assert memory is not None
    steps, robots = rollout.rewards.shape
    seen = np.concatenate([rollout.observations, rollout.packing.pack(last_observations)[None]])
    starts = np.concatenate([rollout.first, rollout.elapsed[None] == 0])
    latent = _latent(policy, seen.reshape(-1, *rollout.packing.shape)).unflatten(0, (steps + 1, robots))
    outputs, states = _over(memory, latent, starts, rollout.critic_state, shards)
    values = policy.value_net(outputs)[..., 0].numpy()
    rollout.values[:], rollout.next_values[:] = values[:-1], values[1:]
    before = np.concatenate([rollout.critic_state[None], states])  # each step, the last one's outcome and that after it
    length = -(-steps // rollout.windows)
    rollout.critic_states = [before[t] for t in range(0, steps, length)]
    rollout.critic_state_after = before[steps]
    ends = sorted(rollout.final_observations)
    if ends:
        finals = _latent(
            policy, np.stack([rollout.final_observations[end] for end in ends]).astype(rollout.packing.dtype)
        )
        after, _ = memory.step(finals, torch.from_numpy(np.stack([states[end] for end in ends])))
        for end, value in zip(ends, policy.value_net(after)[:, 0].tolist(), strict=True):
            rollout.next_values[end] = value


def _latent(policy: ActorCritic, rows: np.ndarray) -> Tensor:
    return policy.critic_latent(policy.inputs(rows)[1])


def _over(
    memory: Memory, latent: Tensor, starts: np.ndarray, state: np.ndarray, shards: int
) -> tuple[Tensor, np.ndarray]:
    """Return the memory's outputs (T, N, ...) and states (T, N, ...), shard by shard."""
    steps, robots = starts.shape
    apart = latent.numpy().reshape(steps, shards, robots // shards, -1).swapaxes(0, 1)
    keeps = ~starts.reshape(steps, shards, -1).swapaxes(0, 1)
    run = LinearisedMemory(memory.as_numpy(), apart, keeps, state.reshape(shards, robots // shards, -1))
    outputs, states = (array.swapaxes(0, 1).reshape(steps, robots, -1) for array in (run.outputs, run.states))
    return torch.from_numpy(outputs), states
