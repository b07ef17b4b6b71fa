"""Which task each environment id stands for."""

from __future__ import annotations

import dataclasses
import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

import gymnasium

from envs.arguments import check_fields

if TYPE_CHECKING:  # the tasks, and MuJoCo with them, are imported when the first is asked for
    from envs.task import Task

NAMESPACE = "Locomotion"
OWN_MODULE = "envs"  # gymnasium.make("envs:Locomotion/CartPole-v0") imports it, which registers the ids

# Our own robots: name -> where its Task stands.
OWN_TASKS = {
    "Biped": "envs.robots.biped:Biped",
    "CartPole": "envs.robots.cartpole:CartPole",
    "Go1": "envs.robots.go1:Go1",
    "RoughTerrain": "envs.robots.rough_terrain:RoughTerrain",
    "Grasp": "envs.robots.grasp:Grasp",
    "PickAndPlace": "envs.robots.pick_and_place:PickAndPlace",
    "Quadruped": "envs.robots.quadruped:Quadruped",
    "StandUp": "envs.robots.stand_up:StandUp",
}

# Gymnasium's robots that we step as batches: id -> where its Task stands.
GYMNASIUM_TASKS = {
    "Ant-v5": "envs.gymnasium_robots.ant:Ant",
    "HalfCheetah-v5": "envs.gymnasium_robots.half_cheetah:HalfCheetah",
    "Hopper-v5": "envs.gymnasium_robots.hopper:Hopper",
    "Humanoid-v5": "envs.gymnasium_robots.humanoid:Humanoid",
    "HumanoidStandup-v5": "envs.gymnasium_robots.humanoid_standup:HumanoidStandup",
    "InvertedDoublePendulum-v5": "envs.gymnasium_robots.inverted_double_pendulum:InvertedDoublePendulum",
    "InvertedPendulum-v5": "envs.gymnasium_robots.inverted_pendulum:InvertedPendulum",
    "Pusher-v5": "envs.gymnasium_robots.pusher:Pusher",
    "Reacher-v5": "envs.gymnasium_robots.reacher:Reacher",
    "Swimmer-v5": "envs.gymnasium_robots.swimmer:Swimmer",
    "Walker2d-v5": "envs.gymnasium_robots.walker2d:Walker2d",
}


class UnknownEnvironment(ValueError):  # noqa: N818 - as its message reads
    """No environment has the id that was asked for."""


def canonical_id(env_id: str) -> str:
    """Return the full id of an environment: `CartPole` and `envs:Locomotion/CartPole-v0` are `Locomotion/CartPole-v0`.

    Raises:
        UnknownEnvironment: naming the nearest known ids.
    """
    bare = env_id.removeprefix(f"{OWN_MODULE}:")
    name = bare.removeprefix(f"{NAMESPACE}/").removesuffix("-v0")
    if name in OWN_TASKS and bare in (name, f"{NAMESPACE}/{name}-v0"):
        return f"{NAMESPACE}/{name}-v0"
    if bare in GYMNASIUM_TASKS or bare in gymnasium.registry:
        return bare
    if ":" in env_id:  # a module that registers its ids when imported: Gymnasium finds it, or says what is wrong
        return env_id
    known = [*OWN_TASKS, *GYMNASIUM_TASKS, *gymnasium.registry]
    lowered = {name.lower(): name for name in reversed(known)}
    near = [lowered[match] for match in difflib.get_close_matches(env_id.lower(), lowered, n=4, cutoff=0.5)]
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join([*OWN_TASKS, *GYMNASIUM_TASKS])}."
    raise UnknownEnvironment(f"unknown environment {env_id!r}: {hint}")


def task_class(env_id: str) -> type[Task] | None:
    """Return the Task of a canonical id, or None where the environment is not one of our batched ones."""
    place = GYMNASIUM_TASKS.get(env_id) or OWN_TASKS.get(env_id.removeprefix(f"{NAMESPACE}/").removesuffix("-v0"))
    if place is None:
        return None
    module, name = place.split(":")
    return getattr(import_module(module), name)


def make_task(env_id: str, **task_kwargs: Any) -> Task | None:
    """Return the Task of a canonical id with its fields set from `task_kwargs`, or None where there is no Task.

    Raises:
        TypeError: for a keyword that is not one of the task's fields, naming those that are; for a value of another
            type.
        ValueError: for a value that means nothing.
    """
    cls = task_class(env_id)
    if cls is None:
        return None
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.name for field in dataclasses.fields(cls)}
    for name in task_kwargs:
        if name not in fields:
            raise TypeError(f"{env_id} has no argument {name!r}; it takes {', '.join(sorted(fields))}")
    task_kwargs = {name: tuple(value) if isinstance(value, list) else value for name, value in task_kwargs.items()}
    check_fields(hints, task_kwargs)
    return cls(**task_kwargs)


def require_task(env_id: str, **task_kwargs: Any) -> Task:
    """Return the Task of a canonical id as `make_task` does, where there must be one.

    Raises:
        UnknownEnvironment: where there is none.
    """
    task = make_task(env_id, **task_kwargs)
    if task is None:
        raise UnknownEnvironment(f"{env_id!r} is none of {', '.join([*OWN_TASKS, *GYMNASIUM_TASKS])}")
    return task


def register() -> None:
    """Register our own tasks with Gymnasium, for `gymnasium.make` and `gymnasium.make_vec`."""
    for name in OWN_TASKS:
        env_id = f"{NAMESPACE}/{name}-v0"
        if env_id in gymnasium.registry:  # the package was imported anew
            continue
        gymnasium.register(
            env_id,
            entry_point="envs.single_env:SingleEnv",
            vector_entry_point="envs.vector_env:VectorEnv",
            kwargs={"task": env_id},
        )
