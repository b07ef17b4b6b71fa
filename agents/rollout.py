"""One rollout: T steps of N robots, as arrays."""

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from agents.advantages import AdvantageEstimator, whole_episodes
from agents.baselines import Baseline, ValueNetwork
from agents.observations import Observations, Packing
from agents.recall import recall
from agents.team import Shards, Team, shards_of


class Rows(NamedTuple):
    """Steps of a rollout in one row, those of a shard of robots one after the other."""

    shards: Shards
    places: slice | np.ndarray  # of the steps among all, shard by shard

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return these steps' rows (B, ...) of an array (T, N, ...)."""
        return by_shard(array, self.shards.team).reshape(-1, *array.shape[2:])[self.places]


def by_shard(array: np.ndarray, team: Team) -> np.ndarray:
    """Return an array (T, N, ...) as (own shards, T * robots of a shard, ...)."""
    return shards_of(array, len(team.own)).reshape(len(team.own), -1, *array.shape[2:])


class Rollout(RolloutBuffer):
    """SB3's rollout buffer, with termination and truncation kept apart and all values computed once, in one batch.

    Its columns are arrays (T, N, ...): `observations` as a `Packing` packs them, `actions` as sampled (not clipped),
    `rewards` as paid (never altered), `terminated`, `truncated`, `times` (steps since the episode began); after
    `evaluate` also `values` and `next_values`, after `estimate` `advantages`, `returns` and `counts`, whether a step is
    learned from.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    times: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    advantages: np.ndarray
    returns: np.ndarray
    counts: np.ndarray

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *args: Any,
        gamma: float = 1.0,
        gae_lambda: float = 1.0,
        **kwargs: Any,
    ):
        self.packing = Packing(observation_space)
        super().__init__(buffer_size, observation_space, action_space, *args, **kwargs)
        del self.gamma, self.gae_lambda  # SB3 hands them on; `estimate` is given the learner's instead

    def columns(self) -> dict[str, tuple[tuple[int, ...], np.dtype | type]]:
        """Return the shape and dtype of one robot's step in each column."""
        choice, real = (isinstance(self.action_space, kind) for kind in (spaces.Discrete, spaces.Box))
        flags = dict.fromkeys(["terminated", "truncated", "counts"], ((), bool))
        numbers = dict.fromkeys(["rewards", "values", "next_values", "advantages", "returns"], ((), np.float32))
        return {
            "observations": (self.packing.shape, self.packing.dtype),
            "actions": (() if choice else (self.action_dim,), np.float32 if real else np.int64),
            "times": ((), np.int64),
            **flags,
            **numbers,
        }

    def reset(self) -> None:
        for name, (shape, dtype) in self.columns().items():
            setattr(self, name, np.zeros((self.buffer_size, self.n_envs, *shape), dtype))
        self.counts[:] = True
        self.final_observations: dict[tuple[int, int], np.ndarray] = {}  # of truncated episodes, by (t, robot)
        self.pos = 0
        self.full = False

    def begin(self, elapsed: np.ndarray, critic_state: np.ndarray | None = None, windows: int = 1) -> None:
        """Empty the rollout, for robots whose episodes have lasted `elapsed` steps (N,).

        Args:
            elapsed: (N,).
            critic_state: what the critic remembers of each robot (N, numbers).
            windows: of steps, into which gradients through a memory do not reach back.
        """
        self.reset()
        self.elapsed = elapsed.copy()
        self.critic_state = np.zeros((self.n_envs, 0), np.float32) if critic_state is None else critic_state
        self.critic_state_after = self.critic_state
        self.windows = windows
        self.actor_states: list[np.ndarray] = []  # what the actor remembers at the beginning of each window
        self.critic_states = [self.critic_state] * windows
        self.ended = np.zeros(self.n_envs, bool)  # whether a robot has ended an episode since

    def keep_first_episodes(self) -> None:
        """Cut the columns after the last step; only the steps of each robot's first episode count."""
        for name in self.columns():
            setattr(self, name, getattr(self, name)[: self.pos])
        ends = self.terminated | self.truncated
        self.counts[1:] = ~np.logical_or.accumulate(ends, axis=0)[:-1]

    @property
    def window(self) -> int:
        """Steps of a window."""
        return self.buffer_size // self.windows

    @property
    def first(self) -> np.ndarray:
        """Whether a step was its episode's first (T, N)."""
        return self.times == 0

    def rows(self, team: Team, counted: bool = True) -> Rows:
        """Return the steps that count, or all, shard by shard."""
        counts = by_shard(self.counts, team)
        if counts.all() or not counted:
            return Rows(Shards(team, [counts.shape[1]] * len(counts)), slice(None))
        return Rows(Shards(team, counts.sum(axis=1).tolist()), np.flatnonzero(counts))

    def add_step(  # not `add`: SB3's wants values and log-probabilities at every step, ours come once at the end
        self,
        observations: Observations,
        actions: np.ndarray,
        rewards: np.ndarray,
        dones: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one step of all N robots, as SB3's VecEnv reports it."""
        t = self.pos
        self.observations[t] = self.packing.pack(observations)
        self.actions[t] = actions
        self.rewards[t] = rewards
        self.times[t] = self.elapsed
        for i in np.flatnonzero(dones):
            out_of_time = bool(infos[i].get("TimeLimit.truncated", False))
            self.truncated[t, i] = out_of_time
            self.terminated[t, i] = not out_of_time
            if out_of_time:
                self.final_observations[t, int(i)] = self.packing.one(infos[i]["terminal_observation"])
        self.elapsed = np.where(dones, 0, self.elapsed + 1)
        self.ended |= dones
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def evaluate(self, baseline: Baseline, last_observations: Observations, shards: int = 1) -> None:
        """Compute all values by the baseline as it is now, in one batch for each shard, or by its memory.

        Args:
            baseline: predicts the values.
            last_observations: the observations (N, ...) after the last step.
            shards: equal ones, into which the robots are cut.
        """
        if isinstance(baseline, ValueNetwork) and baseline.policy.critic_memory is not None:
            recall(self, baseline.policy, last_observations, shards)
            return
        steps, robots = self.rewards.shape
        after = self.packing.pack(last_observations)
        size = robots // shards
        for first in range(0, robots, size):
            own = slice(first, first + size)
            ends = sorted(end for end in self.final_observations if own.start <= end[1] < own.stop)
            finals = [self.final_observations[end][None] for end in ends]
            seen = self.observations[:, own].reshape(-1, *self.packing.shape)
            final_times = np.array([self.times[end] + 1 for end in ends], np.int64)
            times = np.concatenate([self.times[:, own].ravel(), self.elapsed[own], final_times])
            rows = np.concatenate([seen, after[own], *finals]).astype(self.packing.dtype)
            values = baseline.values(rows, times)
            self.values[:, own] = values[: steps * size].reshape(steps, size)
            self.next_values[:, own] = values[size : (steps + 1) * size].reshape(steps, size)
            for end, value in zip(ends, values[(steps + 1) * size :], strict=True):
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
