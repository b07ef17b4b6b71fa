"""Worlds: robots and their tasks, many at a time on MuJoCo.

Importing this package registers its robots with Gymnasium (`gymnasium.make("envs:Locomotion/CartPole-v0")`) and
chooses an OpenGL that needs no screen where there is none. Heavy modules are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from envs.graphics import choose_backend
from envs.registry import (
    OWN_TASKS,
    CannotRegister,
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
    from envs.blow_up import BlowUp
    from envs.contract import InvalidTask
    from envs.mirror import Mirror
    from envs.offscreen import RenderingUnavailable
    from envs.rendering import Renderer
    from envs.task import Task
    from envs.vec_env import BatchedVecEnv, make_vec
    from envs.world import Step, World, observation_names

__all__ = [
    "BatchedVecEnv",
    "BlowUp",
    "CannotRegister",
    "InvalidTask",
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
    "observation_names",
    "register",
    "robot_ids",
    "short_name",
    "source",
    "task_class",
]

_PLACES = {
    "BatchedVecEnv": "envs.vec_env",
    "BlowUp": "envs.blow_up",
    "InvalidTask": "envs.contract",
    "Mirror": "envs.mirror",
    "Renderer": "envs.rendering",
    "RenderingUnavailable": "envs.offscreen",
    "Step": "envs.world",
    "Task": "envs.task",
    "World": "envs.world",
    "make_vec": "envs.vec_env",
    "observation_names": "envs.world",
}

choose_backend()
register_with_gymnasium(OWN_TASKS)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
