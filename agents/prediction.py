"""Predictions of a policy that remembers, as SB3's recurrent policies have them: with states given and returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.observations import Observations

if TYPE_CHECKING:
    from agents.policies import ActorCritic


def predicted(
    policy: ActorCritic,
    observation: Observations,
    state: tuple[np.ndarray, ...] | None,
    episode_start: np.ndarray | None,
    deterministic: bool,
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return actions and states of a policy with a memory; the arguments are those of `ActorCritic.predict`.

    Raises:
        ValueError: for states or beginnings of another number of robots, or states of another memory.
    """
    policy.set_training_mode(False)
    tensors, several = policy.obs_to_tensor(observation)  # type: ignore[arg-type]
    assert policy.actor_memory is not None
    parts = tensors.values() if isinstance(tensors, dict) else [tensors]
    robots = len(next(iter(parts)))
    shape = (robots, policy.actor_memory.state_size)
    given = () if state is None else tuple(map(np.shape, state))
    if state is not None and given != (shape,):
        raise ValueError(f"state must hold one array {shape}, as predict returns it for {robots} robots, got {given}")
    before = np.zeros(shape, np.float32) if state is None else np.asarray(state[0], np.float32)
    if episode_start is not None:
        if np.shape(episode_start) not in ((), (1,), (robots,)):
            raise ValueError(f"episode_start must be {(robots,)}, for {robots} robots, got {np.shape(episode_start)}")
        starts = np.broadcast_to(np.asarray(episode_start, bool), robots)
        before = before * ~starts[:, None]
    seen = {name: part.cpu().numpy() for name, part in tensors.items()} if isinstance(tensors, dict) else tensors
    with torch.no_grad():
        parameters, after = policy.step(policy.inputs(seen)[0], torch.as_tensor(before, device=policy.device))
        distribution = policy.action_dist.proba_distribution(*parameters)
        actions = distribution.get_actions(deterministic=deterministic).cpu().numpy()
    actions = policy.clip(actions.reshape(-1, *(policy.action_space.shape or ())))
    return actions if several else actions[0], (after.cpu().numpy(),)
