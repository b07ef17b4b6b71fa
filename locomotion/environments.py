"""Environments for a user: a mistake becomes one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import envs
from locomotion.command_line import loading
from locomotion.errors import UsageError
from locomotion.loading import load_files

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

Purpose = Literal["training", "evaluation", "show"]

EVALUATION_STEPS = 10_000  # after which an episode that is scored is cut off: not every environment ends its episodes


def known_environment(env: str, sources: Iterable[str | Path] = ()) -> str:
    """Return the canonical id of an environment.

    Args:
        env: its id, or the short name of a batched robot.
        sources: files that registered it, if a run or a card names any; they are never loaded automatically.

    Raises:
        UsageError: naming those files, or the nearest known ids.
    """
    try:
        return envs.canonical_id(env)
    except envs.UnknownEnvironment as error:
        files = [str(source) for source in sources]
        if files:
            raise UsageError(
                f"{env} is not known: it was registered by {', '.join(files)}; add {loading(files)}"
            ) from error
        raise UsageError(f"{error} A robot of your own needs --load FILE.") from error


def stored_environment(env: str, sources: Iterable[str | Path] = ()) -> str:
    """Return the canonical id of an environment that a card or a run names.

    Such a name never imports anything: `package:Robot-v0` is only taken where the package is imported already.

    Args:
        env: as the file has it.
        sources: files that registered it, if the card or the run names any.

    Raises:
        UsageError: naming what has to be loaded.
    """
    module, colon, _ = env.partition(":")
    if colon and module not in sys.modules:
        raise UsageError(
            f"{env} is of the package {module}, which is not imported: add --load FILE with `import {module}`"
        )
    return known_environment(env, sources)


def make_env(
    env: str,
    num_envs: int,
    *,
    seed: int = 0,
    threads: int | None = None,
    task: Mapping[str, Any] | None = None,
    load: Iterable[Path] = (),
    **door: Any,
) -> VecEnv:
    """Return `envs.make_vec(env, num_envs)`.

    A bug in a batched task keeps its traceback; a foreign environment may raise anything, which becomes one sentence.
    It is guarded: its numbers that are not finite end an episode (see `agents.guarded_env`). Its images have their
    channels first.

    Args:
        env: as for `known_environment`.
        num_envs: robots.
        seed: of the first of them.
        threads: of the physics.
        task: the task's numbers that differ from its defaults, or a foreign environment's keyword arguments.
        load: files that register the environment, for a process that has not loaded them.
        **door: `stagger`, `render_mode`, `width` and `height`.

    Raises:
        UsageError: where the environment is unknown or cannot be made.
    """
    load_files(load)
    from agents.guarded_env import as_seen  # here, because SB3 takes a second that `--help` saves

    env = known_environment(env)
    arguments = {**door, **(task or {})}
    if envs.task_class(env) is not None:
        try:
            envs.make_task(env, **(task or {}))
        except (TypeError, ValueError) as error:
            raise UsageError(f"cannot make {env}: {error}") from error
        try:
            return as_seen(envs.make_vec(env, num_envs, seed=seed, num_threads=threads, **arguments))
        # OSError: a model file that is not there; observations may be pictures, which need OpenGL.
        except (OSError, envs.InvalidTask, envs.RenderingUnavailable) as error:
            raise UsageError(f"cannot make {env}: {error}") from error
    try:
        return as_seen(envs.make_vec(env, num_envs, seed=seed, num_threads=threads, **arguments))
    except Exception as error:
        raise UsageError(f"cannot make {env}: {error}") from error


def task_numbers(
    env: str,
    purpose: Purpose,
    trained: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the task's numbers that differ from its defaults, for `make_env`.

    Args:
        env: canonical id.
        purpose: selects the task's own changes: `evaluation`, `shown`, or none for training.
        trained: numbers that a policy was trained with; the task's own changes take precedence.
        asked: numbers that take precedence over all others.
    """
    cls = envs.task_class(env)
    changes: Mapping[str, Any] = {}
    if cls is not None and purpose != "training":
        changes = cls.evaluation if purpose == "evaluation" else cls.shown
    return {**(trained or {}), **changes, **(asked or {})}


def batched(vec_env: object) -> envs.BatchedVecEnv | None:
    """Return an environment that is one of our batched ones, or None for a foreign one."""
    from stable_baselines3.common.vec_env import VecTransposeImage  # here, as above

    robots = vec_env.venv if isinstance(vec_env, VecTransposeImage) else vec_env  # of a robot that sees by a camera
    return robots if isinstance(robots, envs.BatchedVecEnv) else None
