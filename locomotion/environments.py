"""Making environments for a user, whose mistakes become one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import envs
from locomotion.errors import UsageError

if TYPE_CHECKING:  # a command line's `--help` must not wait for Stable-Baselines3
    from stable_baselines3.common.vec_env import VecEnv


def known_environment(env: str) -> str:
    """Return the canonical id of an environment.

    Raises:
        UsageError: naming the nearest known ones.
    """
    try:
        return envs.canonical_id(env)
    except envs.UnknownEnvironment as error:
        raise UsageError(str(error)) from error


def make_env(env: str, num_envs: int, *, seed: int = 0, threads: int | None = None, **kwargs: Any) -> VecEnv:
    """Return `envs.make_vec(env, num_envs)`.

    Raises:
        UsageError: where the environment is unknown or cannot be made.
    """
    env = known_environment(env)
    try:
        return envs.make_vec(env, num_envs, seed=seed, num_threads=threads, **kwargs)
    except Exception as error:  # a stranger's environment may raise anything: it is the id that was asked for
        raise UsageError(f"cannot make {env}: {error}") from error


def evaluation_fields(env: str) -> dict[str, Any]:
    """Return what differs from the task's own fields, by `make_env`'s keywords, where a policy is scored."""
    task = envs.task_class(known_environment(env))
    return {} if task is None else dict(task.evaluation)


def shown_fields(env: str) -> dict[str, Any]:
    """Return what differs from the task's own fields, by `make_env`'s keywords, where a policy is filmed or watched."""
    task = envs.task_class(known_environment(env))
    return {} if task is None else dict(task.shown)


def batched(vec_env: VecEnv) -> envs.BatchedVecEnv | None:
    """Return an environment that is one of our batched ones, or None for a foreign one."""
    return vec_env if isinstance(vec_env, envs.BatchedVecEnv) else None
