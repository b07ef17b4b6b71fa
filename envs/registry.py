"""Environment ids and the tasks they stand for."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import gymnasium

from envs.arguments import as_fields

if TYPE_CHECKING:  # the tasks, and MuJoCo with them, are imported when the first is asked for
    from envs.task import Task

NAMESPACE = "Locomotion"
OWN_MODULE = "envs"  # gymnasium.make("envs:Locomotion/CartPole-v0") imports it, which registers the ids

# Our own robots: short name -> module and class of the Task.
OWN_TASKS = {
    "Biped": "envs.robots.biped:Biped",
    "BipedPushed": "envs.robots.biped_pushed:BipedPushed",
    "CartPole": "envs.robots.cartpole:CartPole",
    "Course": "envs.robots.course:Course",
    "GetUp": "envs.robots.get_up:GetUp",
    "Go1": "envs.robots.go1:Go1",
    "Go1Real": "envs.robots.go1_real:Go1Real",
    "IMaze": "envs.robots.i_maze:IMaze",
    "Go1Recovery": "envs.robots.go1_recovery:Go1Recovery",
    "Labyrinth": "envs.robots.labyrinth:Labyrinth",
    "MemoryMaze": "envs.robots.memory_maze:MemoryMaze",
    "RoughRecovery": "envs.robots.rough_recovery:RoughRecovery",
    "RoughTerrain": "envs.robots.rough_terrain:RoughTerrain",
    "Grasp": "envs.robots.grasp:Grasp",
    "PickAndPlace": "envs.robots.pick_and_place:PickAndPlace",
    "Stack": "envs.robots.stack:Stack",
    "Door": "envs.robots.door:Door",
    "Valve": "envs.robots.valve:Valve",
    "Quadruped": "envs.robots.quadruped:Quadruped",
    "StandUp": "envs.robots.stand_up:StandUp",
}

# Gymnasium's robots that are stepped as batches: id -> module and class of the Task.
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

# Robots that `register` has added: short name -> Task.
REGISTERED: dict[str, type[Task]] = {}

# Arguments of `make_vec`, `gymnasium.make` and `gymnasium.make_vec`: a task's field of such a name could not be set.
RESERVED = {
    *("env_id", "num_envs", "seed", "num_threads", "render_mode", "width", "height", "stagger"),
    *("id", "task", "max_episode_steps", "disable_env_checker"),
    *("vectorization_mode", "vector_kwargs", "wrappers", "autoreset_mode"),
}

# What a registered Task has to define, each with the attributes of Task that do so.
REQUIRED = {
    "model": ("model", "model_path", "model_spec"),
    "control_dt": ("control_dt", "substeps"),
    "observe": ("observe",),
    "rewards": ("rewards",),
    "place or initial_states": ("place", "initial_states"),
}


class UnknownEnvironment(ValueError):  # noqa: N818 - as its message reads
    """No environment has this id."""


class CannotRegister(ValueError):  # noqa: N818 - as its message reads
    """A robot cannot be registered under this name, or its class is incomplete or has a field that could not be set."""


def full_id(name: str) -> str:
    """Return the canonical id of a robot of our namespace: `Locomotion/CartPole-v0` for `CartPole`."""
    return f"{NAMESPACE}/{name}-v0"


def short_name(env_id: str) -> str:
    """Return `CartPole` for `Locomotion/CartPole-v0`, and any id that is not of our namespace as it is."""
    match = re.fullmatch(rf"{NAMESPACE}/(\w+)-v0", env_id)
    return match[1] if match else env_id


def is_own(env_id: str) -> bool:
    """Return whether an id is of our namespace, which has our own robots and those added by `register`."""
    return short_name(env_id) != env_id


def robot_ids() -> list[str]:
    """Return the canonical ids of all robots that are stepped as batches: our own, registered ones, Gymnasium's."""
    return [*map(full_id, OWN_TASKS), *map(full_id, REGISTERED), *GYMNASIUM_TASKS]


def source(env_id: str) -> Path | None:
    """Return the file that defines a registered robot's Task; None for our own robots and Gymnasium's.

    None, too, for a Task that was typed in at a prompt.
    """
    cls = REGISTERED.get(short_name(env_id))
    try:
        return None if cls is None else Path(inspect.getfile(cls)).resolve()
    except (OSError, TypeError):
        return None


def canonical_id(env_id: str) -> str:
    """Return the full id of an environment: `CartPole` and `envs:Locomotion/CartPole-v0` are `Locomotion/CartPole-v0`.

    Raises:
        UnknownEnvironment: naming the nearest known ids.
        TypeError: for anything but a str.
    """
    if not isinstance(env_id, str):
        raise TypeError(f"an environment is named by its id, a str such as 'CartPole', got {env_id!r}")
    bare = env_id.removeprefix(f"{OWN_MODULE}:")
    name = short_name(bare)
    if name in OWN_TASKS or name in REGISTERED:
        return full_id(name)
    if bare in GYMNASIUM_TASKS or bare in gymnasium.registry:
        return bare
    if ":" in env_id:  # a module that registers its ids when imported: Gymnasium imports it, or reports the error
        return env_id
    batched = [*OWN_TASKS, *REGISTERED, *GYMNASIUM_TASKS]
    lowered = {name.lower(): name for name in reversed([*batched, *gymnasium.registry])}
    near = [lowered[match] for match in difflib.get_close_matches(env_id.lower(), lowered, n=4, cutoff=0.5)]
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(batched)}."
    raise UnknownEnvironment(f"unknown environment {env_id!r}: {hint}")


def task_class(env_id: str) -> type[Task] | None:
    """Return the Task of a canonical id, or None where the environment is not stepped as a batch."""
    name = short_name(env_id)
    if name in REGISTERED:
        return REGISTERED[name]
    place = GYMNASIUM_TASKS.get(name) or OWN_TASKS.get(name)
    if place is None:
        return None
    module, cls = place.split(":")
    return getattr(import_module(module), cls)


def make_task(env_id: str, **task_kwargs: Any) -> Task | None:
    """Return the Task of a canonical id with its fields set from `task_kwargs`, or None where there is no Task.

    Raises:
        TypeError: for a keyword that is not one of the task's fields, naming those that are; for a value of another
            type.
        ValueError: for a value out of its field's range.
    """
    cls = task_class(env_id)
    if cls is None:
        return None
    fields = {field.name for field in dataclasses.fields(cls)}
    for name in task_kwargs:
        if name not in fields:
            raise TypeError(f"{env_id} has no argument {name!r}; it takes {', '.join(sorted(fields))}")
        if name in cls.unused:
            raise ValueError(f"{name} has no effect in {env_id}, got {task_kwargs[name]}: leave it out")
    return cls(**as_fields(cls, task_kwargs))


def require_task(env_id: str, **task_kwargs: Any) -> Task:
    """Return the Task of a canonical id as `make_task` does.

    Raises:
        UnknownEnvironment: where there is none.
    """
    task = make_task(env_id, **task_kwargs)
    if task is None:
        raise UnknownEnvironment(f"{env_id!r} is none of {', '.join([*OWN_TASKS, *REGISTERED, *GYMNASIUM_TASKS])}")
    return task


def register(name: str, task_class: type[Task]) -> None:
    """Add a robot of one's own: `register("Hexapod", Hexapod)` makes it known to every function that takes an id.

    Its ids are those of our own robots: `Hexapod`, `Locomotion/Hexapod-v0` and `envs:Locomotion/Hexapod-v0`.

    Args:
        name: letters, digits and underscores; not the name of another robot, Gymnasium's included.
        task_class: a frozen dataclass, subclass of `envs.Task`, each of whose fields has a default.

    Raises:
        TypeError: for a class that is no such dataclass.
        CannotRegister: for a name that is taken or is no identifier; for a field that could not be set because
            `make_vec` or `gymnasium.make` has an argument of that name; for a class that lacks its model, its control
            interval, its observations, its rewards or its first states; for a field whose type has an undefined name.
    """
    if not (name.isascii() and name.isidentifier()):
        raise CannotRegister(f"a robot's name is a word of letters, digits and underscores, got {name!r}")
    taken = {re.sub(r"-v\d+$", "", env_id).rpartition("/")[2] for env_id in (*gymnasium.registry, *GYMNASIUM_TASKS)}
    if name in taken or name in OWN_TASKS or name in REGISTERED:
        raise CannotRegister(f"there is a robot {name!r} already; register yours by another name")
    _require_task_class(task_class)
    REGISTERED[name] = task_class
    register_with_gymnasium([name])


def _require_task_class(cls: type[Task]) -> None:
    from envs.task import Task  # imports MuJoCo, as any caller with a Task has done already

    if not (isinstance(cls, type) and issubclass(cls, Task)):
        raise TypeError(f"{cls!r} is no subclass of envs.Task")
    if "__dataclass_params__" not in vars(cls):
        raise TypeError(f"{cls.__name__} must be a frozen dataclass: write @dataclass(frozen=True) above it")
    for field in dataclasses.fields(cls):
        if field.name in RESERVED:
            raise CannotRegister(
                f"{cls.__name__}.{field.name} could not be set: it is an argument of make_vec; rename it"
            )
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{cls.__name__}.{field.name} must have a default")
    try:
        get_type_hints(cls)
    except NameError as error:
        raise CannotRegister(f"{cls.__name__}: the type of a field has the undefined name {error.name!r}") from error
    missing = [
        what
        for what, names in REQUIRED.items()
        if all(getattr(cls, name, None) is getattr(Task, name, None) for name in names)
    ]
    if missing:
        raise CannotRegister(f"{cls.__name__} does not define {', '.join(missing)}")


def register_with_gymnasium(names: Collection[str]) -> None:
    """Make robots of our namespace known to `gymnasium.make` and `gymnasium.make_vec`."""
    for env_id in map(full_id, names):
        if env_id in gymnasium.registry:  # the package was imported anew
            continue
        gymnasium.register(
            env_id,
            entry_point="envs.single_env:SingleEnv",
            vector_entry_point="envs.vector_env:VectorEnv",
            kwargs={"task": env_id},
        )
