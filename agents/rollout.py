"""One rollout: T steps of N robots, as arrays."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from agents.advantages import AdvantageEstimator, whole_episodes
from agents.baselines import Baseline


class Rollout(RolloutBuffer):
    """SB3's rollout buffer, with termination and truncation kept apart and values computed once, all together.

    Arrays are (T, N, ...) in float32: `observations`, `actions` as sampled (not clipped), `rewards` as paid (never
    altered), `terminated`, `truncated`, `times` (steps since the episode began); after `evaluate` also `values` and
    `next_values`, after `estimate` `advantages`, `returns` and whether a step `counts`.
    """

    def __init__(self, *args: Any, gamma: float = 1.0, gae_lambda: float = 1.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        del self.gamma, self.gae_lambda  # SB3 hands both on; the learner's are asked for when they are needed

    def reset(self) -> None:
        shape = (self.buffer_size, self.n_envs)
        discrete = isinstance(self.action_space, spaces.Discrete)
        self.observations = np.zeros((*shape, *self.obs_shape), np.float32)  # type: ignore[misc]
        self.actions = np.zeros(shape if discrete else (*shape, self.action_dim), np.int64 if discrete else np.float32)
        self.rewards = np.zeros(shape, np.float32)
        self.terminated = np.zeros(shape, bool)
        self.truncated = np.zeros(shape, bool)
        self.times = np.zeros(shape, np.int64)
        self.values = np.zeros(shape, np.float32)
        self.next_values = np.zeros(shape, np.float32)
        self.advantages = np.zeros(shape, np.float32)
        self.returns = np.zeros(shape, np.float32)
        self.counts = np.ones(shape, bool)
        self.final_observations: dict[tuple[int, int], np.ndarray] = {}  # of truncated episodes, by (t, robot)
        self.pos = 0
        self.full = False

    def begin(self, elapsed: np.ndarray) -> None:
        """Start anew, with robots (N,) that are so many steps into their episodes."""
        self.reset()
        self.elapsed = elapsed.copy()
        self.ended = np.zeros(self.n_envs, bool)  # whether a robot's episode has ended since

    def keep_first_episodes(self) -> None:
        """Make this, at its end, a rollout of one episode of each robot: what came after it shall not count."""
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray) and array.shape[:2] == (self.buffer_size, self.n_envs):
                setattr(self, name, array[: self.pos])
        ends = self.terminated | self.truncated
        self.counts[1:] = ~np.logical_or.accumulate(ends, axis=0)[:-1]

    @property
    def first(self) -> np.ndarray:
        """Whether a step was its episode's first (T, N)."""
        return self.times == 0

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
        self.times[t] = self.elapsed
        for i in np.flatnonzero(dones):
            out_of_time = bool(infos[i].get("TimeLimit.truncated", False))
            self.truncated[t, i] = out_of_time
            self.terminated[t, i] = not out_of_time
            if out_of_time:
                self.final_observations[t, int(i)] = infos[i]["terminal_observation"]
        self.elapsed = np.where(dones, 0, self.elapsed + 1)
        self.ended |= dones
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def evaluate(self, baseline: Baseline, last_observations: np.ndarray) -> None:
        """Compute all values with the baseline as it is now, in one batch.

        Args:
            baseline: whose `values` are asked.
            last_observations: where the rollout was cut off (N, ...).
        """
        steps, robots = self.rewards.shape
        ends = list(self.final_observations)
        finals = [self.final_observations[end][None] for end in ends]
        observations = [self.observations.reshape(-1, *self.obs_shape), last_observations, *finals]  # type: ignore[misc]
        final_times = np.array([self.times[end] + 1 for end in ends], np.int64)
        times = np.concatenate([self.times.ravel(), self.elapsed, final_times])
        values = baseline.values(np.concatenate(observations).astype(np.float32), times)
        self.values = values[: steps * robots].reshape(steps, robots)
        self.next_values = values[robots : (steps + 1) * robots].reshape(steps, robots).copy()
        for end, value in zip(ends, values[(steps + 1) * robots :], strict=True):
            self.next_values[end] = value

    def estimate(self, advantage: AdvantageEstimator, target: AdvantageEstimator, gamma: float) -> None:
        """Compute the advantages by one estimator, and by another the `returns` that the baseline is fitted to.

        Args:
            advantage: the estimator of the advantages.
            target: the estimator whose advantages plus the values are the returns.
            gamma: discount, in [0, 1].
        """
        self.advantages = advantage(self, gamma)
        self.returns = (self.advantages if target == advantage else target(self, gamma)) + self.values
        if advantage.whole or target.whole:
            self.counts &= whole_episodes(self.first, self.terminated, self.truncated)
