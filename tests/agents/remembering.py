"""Environments in which something must be remembered, as quick VecEnvs of many robots."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper


class Quick(VecEnv):
    """What VecEnvs of a single process have in common; a subclass has `look`, `pay` and the ends of episodes."""

    always_finite = True
    render_mode = None

    def __init__(self, robots: int, observations: spaces.Space, actions: spaces.Space, seed: int = 0):
        super().__init__(robots, observations, actions)
        self.rng = np.random.default_rng(seed)
        self.times = np.zeros(robots, int)

    def begin(self, ended: np.ndarray) -> None:
        """Begin the episodes of robots (N,)."""

    def look(self) -> np.ndarray:
        raise NotImplementedError

    def pay(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rewards, and whether episodes are over or cut off, each (N,)."""
        raise NotImplementedError

    def reset(self) -> np.ndarray:
        self.times[:] = 0
        self.begin(np.ones(self.num_envs, bool))
        return self.look()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        rewards, over, cut_off = self.pay(self.actions)
        dones = over | cut_off
        self.times += 1
        last = self.look()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            infos[i] = {"terminal_observation": last[i], "TimeLimit.truncated": bool(cut_off[i] and not over[i])}
            infos[i]["episode"] = {"r": float(rewards[i]), "l": int(self.times[i])}
        self.times[dones] = 0
        self.begin(dones)
        return self.look(), rewards.astype(np.float32), dones, infos

    def seed(self, seed: int | None = None) -> list[None]:
        self.rng = np.random.default_rng(seed)
        return [None] * self.num_envs

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Cue(Quick):
    """One of four cues is shown at first; after `delay` steps the reward is 1 for the action of its number."""

    def __init__(self, robots: int, delay: int, seed: int = 0):
        self.delay = delay
        super().__init__(robots, spaces.Box(0, 1, (5,), np.float32), spaces.Discrete(4), seed)
        self.cue = np.zeros(robots, int)

    def begin(self, ended: np.ndarray) -> None:
        self.cue = np.where(ended, self.rng.integers(4, size=self.num_envs), self.cue)

    def look(self) -> np.ndarray:
        seen = np.zeros((self.num_envs, 5), np.float32)
        first = self.times == 0
        seen[first, self.cue[first]] = 1
        seen[self.times == self.delay, 4] = 1
        return seen

    def pay(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        over = self.times == self.delay
        return over & (actions == self.cue), over, np.zeros_like(over)


class Random(Quick):
    """Observations, rewards and ends drawn at random: half of the ends are for want of time."""

    def __init__(self, robots: int, actions: spaces.Space, seed: int = 0, ends: float = 0.3):
        self.ends = ends
        super().__init__(robots, spaces.Box(-9, 9, (3,), np.float32), actions, seed)

    def look(self) -> np.ndarray:
        return self.rng.normal(size=(self.num_envs, 3)).astype(np.float32)

    def pay(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        over, cut_off = self.rng.random((2, self.num_envs)) < self.ends / 2
        return self.rng.normal(size=self.num_envs), over, cut_off


class Masked(VecEnvWrapper):
    """Some columns of another VecEnv's observations."""

    always_finite = True

    def __init__(self, venv: VecEnv, columns: list[int]):
        self.columns = columns
        low, high = (bound[columns] for bound in (venv.observation_space.low, venv.observation_space.high))  # type: ignore[attr-defined]
        super().__init__(venv, observation_space=spaces.Box(low, high, dtype=np.float32))

    def reset(self) -> np.ndarray:
        return self.venv.reset()[:, self.columns]  # type: ignore[call-overload, index]

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = self.venv.step_wait()
        for i in np.flatnonzero(dones):
            infos[i]["terminal_observation"] = infos[i]["terminal_observation"][self.columns]
        return observations[:, self.columns], rewards, dones, infos  # type: ignore[call-overload, index]
