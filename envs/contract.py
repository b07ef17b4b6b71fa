"""What the methods of a task must return: a stranger's mistake is named once, before a ufunc fails on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from gymnasium import spaces

from envs.arguments import as_fields
from envs.engine import compile_model
from envs.simulation import Fields, all_finite

if TYPE_CHECKING:
    from envs.task import Task

REAL, LOGICAL = "fiu", "b"  # kinds of numpy's types
# All of a state but the task's own memory, in which infinity may be a moment that never comes.
STATE = ("qpos", "qvel", "act", "ctrl", "qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat", "time")


class InvalidTask(TypeError, ValueError):  # noqa: N818 - as its message reads
    """A method of a Task returned something of a wrong type, shape or value."""


def require_declared(task: Task) -> None:
    """Refuse a task whose `memory` or `trials` are not what they must be."""
    memory = require_named(task, "memory", task.memory, "sizes", "be")
    for name, size in memory.items():
        if not isinstance(size, int) or size < 1:
            raise InvalidTask(f"{_name(task)}.memory: the size of {name} must be at least 1, got {size!r}")
    fields = {field.name for field in dataclasses.fields(task)}
    for prefix, trial in require_named(task, "trials", task.trials, "trials", "be").items():
        if not hasattr(trial, "forget_at"):
            raise InvalidTask(f"{_name(task)}.trials: {prefix} must be an envs.task.Trial, got {trial!r}")
        for name in trial.fields:
            if name not in fields:
                raise InvalidTask(f"{_name(task)}.trials: {prefix} changes {name!r}, which is no number of the task")
        try:
            as_fields(type(task), trial.fields)
        except (TypeError, ValueError) as error:
            raise InvalidTask(f"{_name(task)}.trials: {prefix}: {error}") from error


def require_figures(task: Task, sums: Mapping[str, np.ndarray], count: int) -> None:
    """Refuse trials that report figures which `metrics` does not return, given such sums as of `count` episodes."""
    try:
        figures = task.metrics({"seconds": np.ones(count), "terminated": np.zeros(count, bool), **sums})
    except Exception:  # of a stranger's task, for which these are no sums of whole episodes
        return
    for prefix, trial in task.trials.items():
        for name in trial.metrics:
            if name not in figures:
                raise InvalidTask(
                    f"{_name(task)}.trials: {prefix} reports {name!r}, but metrics returns {', '.join(figures)}"
                )


def compiled(task: Task) -> mujoco.MjModel:
    """Return a task's compiled model.

    Raises:
        InvalidTask: where MuJoCo cannot compile it.
    """
    spec = specified(task)
    try:
        return compile_model(spec)
    except ValueError as error:
        raise InvalidTask(f"{_name(task)}: MuJoCo cannot compile its model: {one_line(error)}") from error


def specified(task: Task) -> mujoco.MjSpec:
    """Return a task's model, not yet compiled, with the physics step that the task asks for."""
    spec = task.model_spec()
    if task.timestep is not None:
        spec.option.timestep = task.timestep
    return spec


def require_fit(task: Task, model: mujoco.MjModel, substeps: int) -> None:
    """Refuse a task whose numbers do not fit its model."""
    if substeps < 1:
        raise InvalidTask(f"{_name(task)} must take at least 1 physics step per action, got {substeps}")
    if task.episode_steps < 1:
        raise InvalidTask(f"episode_steps must be at least 1, got {task.episode_steps}")
    kept = sum(task.memory.values())
    if model.nuserdata < kept:
        raise InvalidTask(
            f"{_name(task)}.memory needs {kept} numbers, but the model has {model.nuserdata}: set nuserdata in"
            " model_spec, as Task.model_spec does"
        )


def require_named(task: Task, method: str, returned: Any, what: str, verb: str = "return") -> Mapping[str, Any]:
    """Return what a method returned, or an attribute is, which must be a dict.

    Args:
        task: the task.
        method: its name.
        returned: by the method.
        what: the dict's values, for the message.
        verb: what must be a dict, for the message: what it returns, or the attribute itself.
    """
    if not isinstance(returned, Mapping) or not all(isinstance(name, str) for name in returned):
        raise InvalidTask(f"{_name(task)}.{method} must {verb} a dict of named {what}, got {type(returned).__name__}")
    return returned


def require_quantities(task: Task, returned: Any, count: int) -> Mapping[str, Any]:
    """Return what `measure` returned, which must have all that is named; what is remembered must be arrays."""
    quantities = require_named(task, "measure", returned, "quantities")
    named: list[tuple[str | None, str]] = [(name, f"remembered names {name!r}") for name in task.remembered]
    named += [(one.forget_at, f"trials: {prefix} forgets at {one.forget_at!r}") for prefix, one in task.trials.items()]
    for name, where in named:
        if name is not None and name not in quantities:
            names = ", ".join(quantities) or "nothing"
            raise InvalidTask(f"{_name(task)}.{where}, but measure returns {names}")
    for name in task.remembered:
        values = quantities[name]
        if not isinstance(values, np.ndarray) or values.ndim == 0 or len(values) != count:
            raise _invalid(task, "measure", f"{name} must have one row for each of {count} robots", values, ": ")
    return quantities


def require_parts(task: Task, seen: Any, hidden: Any, count: int) -> Mapping[str, np.ndarray]:
    """Return the parts of the observations of `count` robots, those that `observe` returned before the privileged ones.

    They must be arrays (count,) or (count, k), or pictures (count, height, width, channels) alone.
    """
    parts: dict[str, np.ndarray] = {}
    by_method = {"observe": seen, "privileged": hidden}
    for method, returned in by_method.items():
        require_named(task, method, returned, "parts")
    for method, returned in by_method.items():
        for name, values in returned.items():
            if name in parts:
                raise InvalidTask(f"{_name(task)}.privileged must return other parts than observe, got {name} twice")
            parts[name] = values
            if isinstance(values, np.ndarray) and values.ndim == 4 and len(values) == count:
                if values.dtype != np.uint8 or len(seen) + len(hidden) > 1:
                    wanted = f"{name} must be of type uint8 and the only part, as pictures are"
                    raise _invalid(task, method, wanted, values, ": ")
            elif not _is_array(values, REAL + LOGICAL) or values.ndim not in (1, 2) or len(values) != count:
                wanted = f"{name} must be one row or one number for each of {count} robots"
                raise _invalid(task, method, wanted, values, ": ")
        if not parts:
            raise InvalidTask(f"{_name(task)}.observe must return at least one part")
    return parts


def require_terms(task: Task, method: str, returned: Any, count: int) -> Mapping[str, np.ndarray]:
    """Return what `rewards` or `track` returned, which must be arrays (count,) of numbers."""
    kinds = REAL if method == "rewards" else REAL + LOGICAL  # numpy's sum of two booleans is their "or"
    for name, values in require_named(task, method, returned, "terms").items():
        if not _is_array(values, kinds) or values.shape != (count,):
            raise _invalid(task, method, f"{name} must be one number for each of {count} robots", values, ": ")
    if method == "rewards" and not returned:
        raise InvalidTask(f"{_name(task)}.rewards must return at least one term")
    return returned


def require_numbers(task: Task, method: str, returned: Any, count: int) -> np.ndarray:
    """Return what `total` returned, which must be an array (count,) of numbers."""
    if not _is_array(returned, REAL) or returned.shape != (count,):
        raise _invalid(task, method, f"must return one number for each of {count} robots", returned)
    return returned


def require_booleans(task: Task, method: str, returned: Any, count: int) -> np.ndarray:
    """Return what `terminated` returned, which must be an array (count,) of booleans."""
    if not _is_array(returned, LOGICAL) or returned.shape != (count,):
        raise _invalid(task, method, f"must return one boolean for each of {count} robots", returned)
    return returned


def require_limits(task: Task, returned: Any, count: int) -> np.ndarray:
    """Return what `episode_limits` returned, which must be an array (count,) of whole numbers from 1."""
    right = _is_array(returned, REAL) and returned.shape == (count,)
    if not right or not ((returned >= 1) & (returned % 1 == 0)).all():
        wanted = f"must return one whole number of steps, at least 1, for each of {count} robots"
        raise _invalid(task, "episode_limits", wanted, returned)
    return returned


def require_nothing(task: Task, method: str, returned: Any) -> None:
    """Refuse a result of `apply` or `place`, which write into `sim`: it would have no effect."""
    if returned is not None:
        raise _invalid(task, method, "must write into sim and return nothing", returned)


def require_actions(task: Task, returned: Any) -> spaces.Box | spaces.Discrete:
    """Return what `action_space` returned: a Box of vectors, or Discrete, which the task must turn into controls."""
    if isinstance(returned, spaces.Discrete):
        if "apply" not in _defined_by(task):
            raise InvalidTask(f"{_name(task)} must define apply: nothing else says what its Discrete actions do")
        return returned
    if not isinstance(returned, spaces.Box) or len(returned.shape) != 1:
        raise _invalid(task, "action_space", "must return a gymnasium.spaces.Box of vectors or Discrete", returned)
    return returned


def require_observations(task: Task, returned: Any, shape: tuple[int, ...]) -> spaces.Box:
    """Return what `observation_space` returned, which must be a Box of the observations' shape."""
    if not isinstance(returned, spaces.Box) or returned.shape != shape:
        raise _invalid(task, "observation_space", f"must return a gymnasium.spaces.Box of shape {shape}", returned)
    return returned


def require_states(task: Task, returned: Any, *shapes: tuple[int, int]) -> tuple[Any, Any]:
    """Return what `initial_states` returned, which must be positions (E, nq) and velocities (E, nv)."""
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise _invalid(task, "initial_states", "must return a pair, positions and velocities", returned)
    for name, values, shape in zip(("positions", "velocities"), returned, shapes, strict=True):
        if np.shape(values) != shape:
            raise _invalid(task, "initial_states", f"{name} must have shape {shape}", values, ": ")
    return returned[0], returned[1]


def require_finite_state(task: Task, sim: Fields, states: np.ndarray) -> None:
    """Refuse first states that are not finite: MuJoCo would begin at rest instead, silently.

    Args:
        task: the task.
        sim: the robots that begin an episode.
        states: the same as rows of a batch.
    """
    if all_finite(states):
        return
    for field in STATE:
        _require_finite(f"{_name(task)}.place or initial_states: the first {field}", field, getattr(sim, field))


def require_finite_observations(task: Task, parts: Mapping[str, np.ndarray], observations: np.ndarray) -> None:
    """Refuse first observations that are not finite.

    Args:
        task: the task.
        parts: of the observations.
        observations: the same as vectors.
    """
    if all_finite(observations):
        return
    for name, values in parts.items():
        _require_finite(f"{_name(task)}.observe: {name} of the first observation", name, values)


def _require_finite(what: str, name: str, values: np.ndarray) -> None:
    broken = np.argwhere(~np.isfinite(values))
    if len(broken):
        place = "".join(f"[{i}]" for i in broken[0][1:])
        raise InvalidTask(f"{what} must be finite, got {name}{place} = {values[tuple(broken[0])]}")


def one_line(error: Exception) -> str:
    """Return an error's message without its line breaks."""
    return " ".join(str(error).split())


def _is_array(values: Any, kinds: str) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in kinds


def _defined_by(task: Task) -> set[str]:
    """Return the names that a task's own classes define, those of `Task` and its ancestors apart."""
    return {name for cls in type(task).__mro__ for name in vars(cls) if cls.__module__ != "envs.task"}


def _name(task: Task) -> str:
    return type(task).__name__


def _invalid(task: Task, method: str, wanted: str, got: Any, joint: str = " ") -> InvalidTask:
    """Return the error: `Hexapod.terminated must return one boolean for each of 2 robots, got ...`."""
    if isinstance(got, np.ndarray):
        shown = f"shape {got.shape}, type {got.dtype}"
    else:
        shown = repr(got)
        shown = shown if len(shown) <= 40 and "\n" not in shown else f"a {type(got).__name__}"
    return InvalidTask(f"{_name(task)}.{method}{joint}{wanted}, got {shown}")
