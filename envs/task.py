"""The interface of a task: a robot's model, observations, rewards, failures and episodes."""

import contextlib
import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval
from gymnasium import spaces

from envs.arguments import Count
from envs.contract import InvalidTask, one_line, require_states
from envs.mirror import MirroredParts
from envs.simulation import Fields
from envs.sources import Control, Source

Step = Annotated[float, Interval(ge=1e-5, lt=math.inf)]  # of the physics: an action of finer ones would seem to hang


class Measured(SimpleNamespace):
    """The quantities that `Task.measure` returned: arrays (N, ...), by attribute."""

    def __getattr__(self, name: str) -> Any:  # called for missing names only
        raise AttributeError(f"now has no {name!r}: `measure` returns {', '.join(vars(self)) or 'nothing'}")


class Remembered(Measured):
    """Those quantities of the step before that the task's `remembered` names."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"before has no {name!r}: `remembered` names {', '.join(vars(self)) or 'nothing'}")


@dataclass(frozen=True)
class Trial:
    """One more set of circumstances under which a policy is evaluated."""

    fields: Mapping[str, Any]  # values of task fields, in place of the task's own
    metrics: tuple[str, ...]  # names of those figures of `Task.metrics` that are reported
    forget_at: str | None = None  # a quantity of `measure`: where it is true, what a policy remembers is wiped


@dataclass(frozen=True)
class Task:
    """One robot and one thing to do with it, written once for any number of robots.

    A subclass is a frozen dataclass: its fields are the task's numbers (and the keyword arguments of
    ``gymnasium.make`` and ``envs.make_vec``), its class attributes below describe the robot. Every method
    works on all N robots of `sim` at once and returns arrays whose first axis is the robot.

    After each physics step `measure` is called once; `observe`, `rewards`, `terminated` and `track` get its quantities
    as `now`. Those named in `remembered` are kept: one step later, they are `before`.

    All randomness of an episode is drawn at its start, by `place`: the first posture, later commands, pushes. The
    draws, and whatever `apply` keeps from step to step, live in the physics state, so that a saved state has them: in
    `sim.memory`, under the names that `memory` declares, or in the position of a mocap body.
    """

    episode_steps: Count = field(default=1000, kw_only=True)  # steps after which an episode is truncated
    timestep: Step | None = field(default=None, kw_only=True)  # s, of one physics step; None: the model's own

    model: ClassVar[str]  # MJCF file, relative to the file of the class
    control_dt: ClassVar[float]  # s between two actions
    # How many numbers `sim.memory` keeps under each name, for each robot: those of the bases, and a class's own.
    memory: ClassVar[Mapping[str, int]] = {}
    contact_forces: ClassVar[bool] = False  # whether `sim.cfrc_ext` is filled, which costs time
    # Names of `measure` that the next step gets as `before`: those of the bases, and a class's own.
    remembered: ClassVar[tuple[str, ...]] = ()
    camera: ClassVar[Mapping[str, Any] | None] = None  # attributes of mujoco.MjvCamera that differ from the default
    trail: ClassVar[bool] = False  # whether pictures show the way that the robot has come
    evaluation: ClassVar[Mapping[str, Any]] = {}  # fields that differ where a policy is evaluated
    shown: ClassVar[Mapping[str, Any]] = {}  # fields that differ where it is filmed or watched
    exported: ClassVar[Mapping[str, Any]] = {}  # fields that differ, from evaluation's too, where it leaves for a robot
    unused: ClassVar[tuple[str, ...]] = ()  # inherited fields that have no effect here: they are no options
    # More evaluations, by the prefix of their figures' names; a property where they depend on the task's numbers.
    trials: ClassVar[Mapping[str, Trial]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        bases = [vars(base) for base in reversed(cls.__mro__)]  # a part of tasks is no Task: only here it meets others
        with contextlib.suppress(TypeError, ValueError):  # what is no mapping, or no tuple, is refused in one sentence
            cls.memory = {name: size for own in bases for name, size in dict(own.get("memory", {})).items()}
        with contextlib.suppress(TypeError, ValueError):
            cls.remembered = tuple(dict.fromkeys(name for own in bases for name in own.get("remembered", ())))

    @property
    def commands(self) -> Mapping[str, tuple[float, float]]:
        """The commands that the robot follows, or a user's in place of its actions: names with units, and ranges."""
        return {}

    def model_path(self) -> Path:
        """Return the MJCF file: `model`, relative to the file of the class that sets it."""
        owner = next(cls for cls in type(self).__mro__ if "model" in vars(cls))
        return Path(inspect.getfile(owner)).parent / self.model

    def model_spec(self) -> mujoco.MjSpec:
        """Return the model, not yet compiled.

        Raises:
            FileNotFoundError: where there is no such MJCF file.
            InvalidTask: where MuJoCo cannot read it.
        """
        if not self.model_path().exists():
            raise FileNotFoundError(f"{type(self).__name__}: there is no model file {self.model_path()}")
        try:
            spec = mujoco.MjSpec.from_file(str(self.model_path()))
        except ValueError as error:
            raise InvalidTask(f"{type(self).__name__}: {self.model_path()} is no model: {one_line(error)}") from error
        spec.nuserdata = max(spec.nuserdata, sum(self.memory.values()))
        return spec

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts | None:
        """Return the exchange of left and right in each part of `observe`, by the same names, and in the actions.

        None where the robot or its task is not symmetric.
        """
        return None

    def camera_settings(self) -> Mapping[str, Any]:
        """Return the attributes of `mujoco.MjvCamera` that differ from the default."""
        return self.camera or {}

    def substeps(self, model: mujoco.MjModel) -> int:
        """Return the physics steps of one action."""
        count = self.control_dt / model.opt.timestep
        if not np.isclose(count, round(count)):
            raise InvalidTask(
                f"{type(self).__name__}: the time between actions, control_dt {self.control_dt} s, is not a multiple of"
                f" timestep {model.opt.timestep} s"
            )
        return round(count)

    def action_space(self, model: mujoco.MjModel) -> spaces.Box | spaces.Discrete:
        """Return one robot's actions: by default one number in [-1, 1] for each actuator.

        With Discrete, an action is one whole number: `apply` and the other methods get choices (N,).
        """
        return spaces.Box(-1.0, 1.0, (model.nu,), np.float32)

    def observation_space(self, size: int) -> spaces.Box:
        """Return one robot's observations: by default any number that MuJoCo does not treat as a blow-up.

        Args:
            size: how many numbers one has; pictures need a space of their own, of their shape and type.
        """
        return spaces.Box(-mujoco.mjMAXVAL, mujoco.mjMAXVAL, (size,), np.float64)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        """Turn actions (N, actions) into controls; by default -1 to 1 spans each actuator's control range.

        Actions are clipped three times, each for a reason. A policy clips what it samples to the action space. `apply`
        clips because other callers may not; an override must do so itself, for World cannot do it for every task:
        Gymnasium's robots pay for their controls before clipping. MuJoCo clips controls to the actuators' ranges.
        """
        low, high = sim.model.actuator_ctrlrange.T
        sim.ctrl[:] = low + (np.clip(action, -1.0, 1.0) + 1.0) * (high - low) / 2

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        """Return the task's physical quantities (N, ...) by name, such as a position in m; views of `sim` are fine."""
        return {}

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        """Return the named parts of the observations, each (N, k) or (N,), in the order of the vector they make.

        A single part may be pictures instead, (N, height, width, channels) of type uint8.
        """
        raise NotImplementedError

    def privileged(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        """Return named parts, each (N, k) or (N,), that a critic may see in training and the robot does not.

        Such are quantities that no sensor measures: a floor's friction, the trunk's true velocity. With them an
        observation is a Dict of two vectors, `observation` and `privileged`.
        """
        return {}

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        """Return the origins of the parts of `observe` that are no multiples of MuJoCo's fields, which are found.

        They are those of the first robot in its present episode, and are told to a robot's own computer.
        """
        return {}

    def control(self, model: mujoco.MjModel) -> Control | None:
        """Return what `apply` does, to be told to a robot's own computer; None: it is found where it is linear."""
        return None

    def first_person(self, sim: Fields) -> np.ndarray | None:
        """Return what the robots see as pictures (N, height, width, 3), uint8, for films and the viewer.

        None where robots have no sight that could be shown.
        """
        return None

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        """Return the named terms (N,) of the reward of the step that led from `before` to `now`."""
        raise NotImplementedError

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        """Return the reward (N,): the sum of its terms."""
        return functools.reduce(np.add, terms.values())

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        """Return which robots (N,) have failed, or finished for good; by default none."""
        return np.zeros(len(sim.qpos), bool)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        """Write the first state of an episode for each of the E robots of `sim`.

        All state fields are at rest before, except the memory: it is as the robot's last episode left it, and zero in
        the first episode after a reset with a seed. By default `initial_states` gives positions and velocities.

        Args:
            sim: the robots that begin an episode.
            rngs: their generators.
            seeds: what these were made of; the same in all episodes until the robot is reset with a new seed.
        """
        states = self.initial_states(sim.model, rngs)
        sim.qpos[:], sim.qvel[:] = require_states(self, states, sim.qpos.shape, sim.qvel.shape)

    def episode_limits(self, sim: Fields) -> np.ndarray:
        """Return the steps (E,) after which the episodes that begin here are truncated: by default `episode_steps`."""
        return np.full(len(sim.qpos), self.episode_steps)

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        """Return the model's fields (E, ...) that differ from robot to robot, such as `geom_friction`.

        They are computed from what `place` drew into `sim.memory`: restoring a saved state computes them again.
        """
        return {}

    def set_commands(self, sim: Fields, commands: np.ndarray) -> None:
        """Give the robots of `sim` these commands (len(self.commands),) until the end of their episodes."""

    def command_tracking(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return the present commands and the present motion, both (N, len(self.commands)).

        By default (N, 0): of a task without commands, or with such as only a user gives.
        """
        return np.zeros((len(sim.qpos), 0)), np.zeros((len(sim.qpos), 0))

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        """Draw the first positions (E, nq) and velocities (E, nv) of E robots, each from its own generator."""
        raise NotImplementedError

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        """Return quantities (N,) of this step that are summed over the episode, such as the distance travelled in m."""
        return {}

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        """Return whether an episode reached its goal; None for a task without one.

        Args:
            episode: the episode's numbers, named as the argument of `metrics`.
        """
        return None

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the task's own figures over E finished episodes; what is not finite, as 0 / 0, is not reported.

        Args:
            episodes: arrays (E,): `seconds`, `terminated`, and the sums of what `track` returns, by name.
        """
        return {}


def walking_metrics(episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return `speed_mean` (m/s) and `distance_mean` (m) of a task that tracks `distance`."""
    return {
        "speed_mean": float(np.mean(episodes["distance"] / episodes["seconds"])),
        "distance_mean": float(np.mean(episodes["distance"])),
    }


def fall_rate(episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return `fall_rate`, the share of terminated episodes, of a task whose failure is a fall."""
    return {"fall_rate": float(np.mean(episodes["terminated"]))}


def mean_over_time(episodes: Mapping[str, np.ndarray], name: str) -> float:
    """Return the mean over episodes of a quantity's mean over time, of a task that tracks the quantity times `dt`."""
    return float(np.mean(episodes[name] / episodes["seconds"]))


def on_first_step(sim: Fields, quantity: np.ndarray) -> np.ndarray:
    """Return a quantity (N,) in an episode's first step and 0 in all later ones, so that its sum is the quantity."""
    return np.where(sim.time < 1.5 * sim.dt, quantity, 0.0)


def on_last_step(sim: Fields, steps: int) -> np.ndarray:
    """Return which robots (N,) have taken the last one of an episode's steps."""
    return sim.time > (steps - 0.5) * sim.dt


def norm(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths (N,) of vectors (N, k), rounded as `np.linalg.norm` of one vector rounds them."""
    return np.sqrt(np.vecdot(vectors, vectors))


def inside(value: np.ndarray, bounds: Sequence[float]) -> np.ndarray:
    """Return where `value` lies strictly between the two bounds."""
    return (bounds[0] < value) & (value < bounds[1])
