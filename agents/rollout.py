"""One rollout: T steps of N robots, as arrays."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from agents.advantages import gae


class Rollout(RolloutBuffer):
    """SB3's rollout buffer, with termination and truncation kept apart and values computed once, all together.

    Arrays are (T, N, ...) in float32: `observations`, `actions` as sampled (not clipped), `rewards` as paid (never
    altered), `terminated`, `truncated`; after `estimate` also `values`, `advantages` and `returns`.
    """

    def reset(self) -> None:
        shape = (self.buffer_size, self.n_envs)
        discrete = isinstance(self.action_space, spaces.Discrete)
        self.observations = np.zeros((*shape, *self.obs_shape), np.float32)  # type: ignore[misc]
        self.actions = np.zeros(shape if discrete else (*shape, self.action_dim), np.int64 if discrete else np.float32)
        self.rewards = np.zeros(shape, np.float32)
        self.terminated = np.zeros(shape, bool)
        self.truncated = np.zeros(shape, bool)
        self.values = np.zeros(shape, np.float32)
        self.advantages = np.zeros(shape, np.float32)
        self.returns = np.zeros(shape, np.float32)
        self.final_observations: dict[tuple[int, int], np.ndarray] = {}  # of truncated episodes, by (t, robot)
        self.pos = 0
        self.full = False

    def add_step(  # not `add`: SB3's wants values and log-probabilities at every step, ours come once at the end
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        dones: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one step of all N robots, as SB3's VecEnv reports it."""
        t = self.pos
        self.observations[t] = observations
        self.actions[t] = actions
        self.rewards[t] = rewards
        for i in np.flatnonzero(dones):
            out_of_time = bool(infos[i].get("TimeLimit.truncated", False))
            self.truncated[t, i] = out_of_time
            self.terminated[t, i] = not out_of_time
            if out_of_time:
                self.final_observations[t, int(i)] = infos[i]["terminal_observation"]
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def estimate(self, policy: Any, last_observations: np.ndarray) -> None:
        """Compute values, advantages and returns with the critic as it is now, in one batch.

        Args:
            policy: the actor-critic whose `features` and `values` are asked.
            last_observations: where the rollout was cut off (N, ...).
        """
        steps, robots = self.rewards.shape
        finals = list(self.final_observations.values())
        rows = [self.observations.reshape(-1, *self.obs_shape), last_observations, *(f[None] for f in finals)]  # type: ignore[misc]
        with torch.no_grad():
            _, features = policy.features(np.concatenate(rows).astype(np.float32))
            values = policy.values(features).cpu().numpy()
        self.values = values[: steps * robots].reshape(steps, robots)
        next_values = values[robots : (steps + 1) * robots].reshape(steps, robots).copy()
        for (t, i), value in zip(self.final_observations, values[(steps + 1) * robots :], strict=True):
            next_values[t, i] = value
        self.advantages = gae(
            self.rewards, self.values, next_values, self.terminated, self.truncated, self.gamma, self.gae_lambda
        )
        self.returns = self.advantages + self.values
