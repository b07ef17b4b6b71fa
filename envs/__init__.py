"""Worlds: robots and what they are asked to do, many at a time on MuJoCo.

Importing this package registers its robots with Gymnasium (`gymnasium.make("envs:Locomotion/CartPole-v0")`) and
chooses an OpenGL that needs no screen where there is none. Everything heavy is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from envs.graphics import choose_backend
from envs.registry import (
    OWN_TASKS,
    UnknownEnvironment,
    canonical_id,
    is_own,
    make_task,
    register,
    register_with_gymnasium,
    robot_ids,
    short_name,
    source,
    task_class,
)

if TYPE_CHECKING:
    from envs.rendering import Renderer, RenderingUnavailable
    from envs.task import Mirror, Task
    from envs.vec_env import BatchedVecEnv, make_vec
    from envs.world import Step, World

__all__ = [
    "BatchedVecEnv",
    "Mirror",
    "Renderer",
    "RenderingUnavailable",
    "Step",
    "Task",
    "UnknownEnvironment",
    "World",
    "canonical_id",
    "is_own",
    "make_task",
    "make_vec",
    "register",
    "robot_ids",
    "short_name",
    "source",
    "task_class",
]

_PLACES = {
    "BatchedVecEnv": "envs.vec_env",
    "Mirror": "envs.task",
    "Renderer": "envs.rendering",
    "RenderingUnavailable": "envs.rendering",
    "Step": "envs.world",
    "Task": "envs.task",
    "World": "envs.world",
    "make_vec": "envs.vec_env",
}

choose_backend()
register_with_gymnasium(OWN_TASKS)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
