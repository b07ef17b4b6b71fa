"""A guard around the VecEnvs of others: what reaches a learner, its normaliser or a score is finite and complete."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from agents.cannot_learn import CannotLearn
from agents.observations import Observations, arrays_of, copied, finite_rows, observation_of, replace_observation

FIRST = "a first observation that is not finite"
RESETS = 10  # tries to begin an episode with a finite observation


def guarded(env: VecEnv) -> VecEnv:
    """Return a VecEnv whose innermost one is guarded, so that the statistics of wrappers around it stay finite, too.

    A VecEnv whose attribute `always_finite` is true guards itself and is returned as it is.
    """
    if isinstance(env, GuardedVecEnv) or getattr(env, "always_finite", False):
        return env
    if isinstance(env, VecEnvWrapper):
        shown = env.action_space == env.venv.action_space
        env.venv = guarded(env.venv)
        if shown:
            env.action_space = env.venv.action_space
        return env
    return GuardedVecEnv(env)


def as_seen(env: VecEnv) -> VecEnv:
    """Return a VecEnv as a learner sees it: guarded, and with the channels of images first."""
    return BaseAlgorithm._wrap_env(guarded(env), monitor_wrapper=False)


class GuardedVecEnv(VecEnvWrapper):
    """A VecEnv that keeps SB3's contract, whatever the environments in it do.

    - A number that is not finite in a robot's observation or reward ends its episode, as a blow-up of the physics does:
      with reward 0, the last finite observation as `terminal_observation`, and what was wrong in one sentence as
      `infos[i]["physics_error"]`. The robot begins a new episode. The first such end is told by a warning.
    - An episode that is cut off without a `terminal_observation` counts as terminated, as SB3's own learners have it.
    - Actions without finite bounds, which SB3's learners refuse, have the largest numbers as bounds. A warning says
      that the learner's unit of such actions is 1.
    - At an episode's end `infos[i]["episode"]` holds its return `r` and length `l`, if nothing else has put it there.

    Raises:
        CannotLearn: where a robot cannot begin an episode with a finite observation.
    """

    def __init__(self, venv: VecEnv):
        super().__init__(venv, action_space=with_finite_bounds(venv.action_space))
        self.metadata = venv.metadata  # SB3's wrapper would lose the frames per second
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._told: set[str] = set()

    def reset(self) -> Observations:  # type: ignore[override]
        observations = copied(self.venv.reset())
        self._returns[:] = 0.0
        self._lengths[:] = 0
        for i in np.flatnonzero(~finite_rows(observations)):
            self._tell_broken(int(i), FIRST)
            self._begin_alone(int(i), observations)
        self._last = observations
        return copied(observations)

    def step_wait(self) -> VecEnvStepReturn:
        given, rewards, dones, infos = self.venv.step_wait()
        observations = copied(given)
        rewards, dones, infos = np.array(rewards, np.float32), np.array(dones, bool), list(infos)
        self._lengths += 1
        seen, paid = finite_rows(observations), np.isfinite(rewards)
        for i in map(int, np.flatnonzero(dones)):
            infos[i] = self._complete(infos[i])
            last = arrays_of(infos[i].get("terminal_observation", {}))
            paid[i] &= all(np.isfinite(part).all() for part in last)
        for i in map(int, np.flatnonzero(~(seen & paid))):
            at_beginning = dones[i] and paid[i]  # of the next episode
            what = "an observation that is not finite" if np.isfinite(rewards[i]) else f"a reward of {rewards[i]}"
            step = f"{what} in step {self._lengths[i]} of its episode"
            told = self._tell_broken(i, FIRST if at_beginning else step)
            if not at_beginning:
                infos[i] = {name: value for name, value in infos[i].items() if name != "episode"}
                infos[i] |= {
                    "terminal_observation": observation_of(self._last, i),
                    "TimeLimit.truncated": False,
                }
                rewards[i] = 0.0
            infos[i]["physics_error"] = told
            if not dones[i] or not seen[i]:
                self._begin_alone(i, observations)
            dones[i] = True
        self._returns += rewards
        for i in map(int, np.flatnonzero(dones)):
            infos[i].setdefault("episode", {"r": float(self._returns[i]), "l": int(self._lengths[i])})
            self._returns[i], self._lengths[i] = 0.0, 0
        self._last = observations
        return copied(observations), rewards, dones, infos  # type: ignore[return-value]

    def _complete(self, info: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of the info of an episode's last step; without its last observation it is not truncated."""
        truncated = info.get("TimeLimit.truncated", False)
        if info.get("terminal_observation") is not None:
            return dict(info)
        if truncated:
            self._warn(
                "incomplete",
                "an episode was cut off without its last observation (terminal_observation): it counts as terminated",
            )
        return {name: value for name, value in info.items() if name != "terminal_observation"} | {
            "TimeLimit.truncated": False
        }

    def _tell_broken(self, i: int, what: str) -> str:
        """Return in one sentence what robot i was given; warn of the first."""
        sentence = f"robot {i} was given {what}"
        self._warn("not finite", f"{sentence}; such an episode ends there and counts among the physics errors")
        return sentence

    def _begin_alone(self, i: int, observations: Observations) -> None:
        """Begin robot i's episode anew, and write its first observation, a finite one, among all robots'."""
        for _ in range(RESETS):
            try:
                [outcome] = self.venv.env_method("reset", indices=[i])
            except Exception as error:  # a foreign environment may raise anything
                raise CannotLearn(
                    f"robot {i} was given a number that is not finite, and its episode cannot begin anew: {error!r}"
                ) from error
            first = outcome[0] if isinstance(outcome, tuple) else outcome
            replace_observation(observations, i, first)
            if finite_rows(observations)[i]:
                return
        raise CannotLearn(f"robot {i} begins with an observation that is not finite, {RESETS} times in a row")

    def _warn(self, kind: str, sentence: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            warnings.warn(sentence, RuntimeWarning, stacklevel=2)


def with_finite_bounds(space: spaces.Space) -> spaces.Space:
    """Return a space of actions with the largest numbers in place of infinite bounds, after a warning."""
    if not isinstance(space, spaces.Box) or space.is_bounded():
        return space
    largest = np.finfo(np.float32).max
    low, high = (np.clip(side, -largest, largest).astype(space.dtype) for side in (space.low, space.high))
    warnings.warn(
        f"actions {space} have no finite bounds: the policy's unit is 1 there, its first noise exp(log_std_init)",
        RuntimeWarning,
        stacklevel=1,  # one place, so that it is told once
    )
    return spaces.Box(low, high, dtype=space.dtype.type)  # type: ignore[union-attr]
