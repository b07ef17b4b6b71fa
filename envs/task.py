"""What a task is: a robot's model, what it observes, what it is paid for, when it has failed."""

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Self

import mujoco
import numpy as np
from gymnasium import spaces

from envs.arguments import Count
from envs.simulation import Fields


class Measured(SimpleNamespace):
    """What `Task.measure` returned, or what is remembered of it: arrays (N, ...), by attribute."""


class SignedPermutation(NamedTuple):
    """What mirroring does to a vector x: it becomes ``sign * x[order]``."""

    order: np.ndarray  # (size,) which number comes to stand here
    sign: np.ndarray  # (size,) 1, or -1 where mirroring turns the number round

    @classmethod
    def joined(cls, parts: Iterable[tuple[Any, Any]]) -> Self:
        """Return what mirroring does to a vector of several parts, given (order, sign) of each as sequences."""
        orders, signs = zip(*parts, strict=True)
        starts = np.cumsum([0, *(len(order) for order in orders[:-1])])
        return cls(
            np.concatenate([start + np.asarray(order) for start, order in zip(starts, orders, strict=True)]),
            np.concatenate(signs).astype(float),
        )

    def without_first(self, count: int) -> Self:
        """Return what mirroring does to the vector without its first numbers, which change places with no others."""
        return type(self)(self.order[count:] - count, self.sign[count:])


class Mirror(NamedTuple):
    """How a robot's left and right are exchanged, in what it observes and in what it does."""

    observation: SignedPermutation
    action: SignedPermutation


@dataclass(frozen=True)
class Trial:
    """One more set of circumstances under which a policy is evaluated."""

    fields: Mapping[str, Any]  # of the task, in place of its own
    metrics: tuple[str, ...]  # which of the task's figures are reported of it


@dataclass(frozen=True)
class Task:
    """One robot and one thing to do with it, written once for any number of robots.

    A subclass is a frozen dataclass: its fields are the task's numbers (and the keyword arguments of
    ``gymnasium.make`` and ``envs.make_vec``), its class attributes below describe the robot. Every method
    works on all N robots of `sim` at once and returns arrays whose first axis is the robot.

    After the physics `measure` is asked once; what it returned is `now` to `observe`, `rewards`, `terminated` and
    `track`. What is `remembered` of the step before, or of the episode's start, is `before`.

    All chance of an episode is drawn at its start, by `place`: commands to come and pushes to suffer as well as the
    first posture. What is drawn, and what `apply` wants to keep from step to step, lives in the physics' own state:
    in `userdata`, as many numbers as the model's ``<size nuserdata>`` says, or in the place of a mocap body.
    """

    episode_steps: Count = field(default=1000, kw_only=True)  # actions after which an episode is cut off (truncated)

    model: ClassVar[str]  # MJCF file, relative to the file of the class
    control_dt: ClassVar[float]  # s between two actions
    contact_forces: ClassVar[bool] = False  # whether `sim.cfrc_ext` is used: it costs a little time
    remembered: ClassVar[tuple[str, ...]] = ()  # what of `measure` the next step is given as `before`
    camera: ClassVar[Mapping[str, Any] | None] = None  # mujoco.MjvCamera's attributes, where the default will not do
    evaluation: ClassVar[Mapping[str, Any]] = {}  # fields that differ where a policy is evaluated
    shown: ClassVar[Mapping[str, Any]] = {}  # fields that differ where it is filmed or watched
    trials: ClassVar[Mapping[str, Trial]] = {}  # what else it is evaluated under, by the prefix of the figures' names

    @property
    def commands(self) -> Mapping[str, tuple[float, float]]:
        """What the robot can be told to do: names, each with its unit, and their ranges."""
        return {}

    def model_path(self) -> Path:
        """Return the MJCF file: `model`, relative to the file of the class that sets it."""
        owner = next(cls for cls in type(self).__mro__ if "model" in vars(cls))
        return Path(inspect.getfile(owner)).parent / self.model

    def model_spec(self) -> mujoco.MjSpec:
        """Return the model, not yet compiled.

        Raises:
            FileNotFoundError: where there is no such MJCF file.
        """
        if not self.model_path().exists():
            raise FileNotFoundError(f"{type(self).__name__}: there is no model file {self.model_path()}")
        return mujoco.MjSpec.from_file(str(self.model_path()))

    def mirror(self, model: mujoco.MjModel) -> Mirror | None:
        """Return how the model's left and right are exchanged, or None where it or its task is not symmetric."""
        return None

    def camera_settings(self) -> Mapping[str, Any]:
        """Return the attributes of `mujoco.MjvCamera` to draw with, where the default will not do."""
        return self.camera or {}

    def substeps(self, model: mujoco.MjModel) -> int:
        """Return the physics steps of one action."""
        count = self.control_dt / model.opt.timestep
        if not np.isclose(count, round(count)):
            raise ValueError(
                f"{type(self).__name__}: control_dt {self.control_dt} s is no multiple of the model's timestep"
                f" {model.opt.timestep} s"
            )
        return round(count)

    def action_space(self, model: mujoco.MjModel) -> spaces.Box:
        """Return one robot's actions: by default one number in [-1, 1] for each actuator."""
        return spaces.Box(-1.0, 1.0, (model.nu,), np.float32)

    def observation_space(self, size: int) -> spaces.Box:
        """Return one robot's observations: by default all states that MuJoCo does not take for blown up."""
        return spaces.Box(-mujoco.mjMAXVAL, mujoco.mjMAXVAL, (size,), np.float64)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        """Turn actions (N, actions) into controls; by default -1 to 1 spans each actuator's control range."""
        low, high = sim.model.actuator_ctrlrange.T
        sim.ctrl[:] = low + (np.clip(action, -1.0, 1.0) + 1.0) * (high - low) / 2

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        """Return the task's physical quantities (N, ...) by name, such as a position in m; views of `sim` will do."""
        return {}

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        """Return the observations (N, observations), a new array."""
        raise NotImplementedError

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        """Return the named terms (N,) of the reward of the step that led from `before` to `now`."""
        raise NotImplementedError

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        """Return the reward (N,): the sum of its terms."""
        return functools.reduce(np.add, terms.values())

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        """Return which robots (N,) have failed or finished for good; by default none ever does."""
        return np.zeros(len(sim.qpos), bool)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        """Write the state in which each of the E robots of `sim` begins an episode, drawn from its own generator.

        All state fields are at rest, but for `userdata`, which is as the robot's last episode left it: zero in the
        first after a reset with a seed. By default `initial_states` gives positions and velocities.
        """
        sim.qpos[:], sim.qvel[:] = self.initial_states(sim.model, rngs)

    def episode_limits(self, sim: Fields) -> np.ndarray:
        """Return after how many actions (E,) the episodes that begin here are cut off: by default `episode_steps`."""
        return np.full(len(sim.qpos), self.episode_steps)

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        """Return the model's fields (E, ...) that differ from robot to robot, such as `geom_friction`.

        They are read from what `place` drew into `sim.userdata`, for they are set again when a state is restored.
        """
        return {}

    def steer(self, sim: Fields, commands: np.ndarray) -> None:
        """Have the robots of `sim` obey these commands (len(self.commands),) from now to the end of their episodes."""

    def obedience(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return what the robots are told to do now and what they do, both (N, len(self.commands))."""
        return np.zeros((len(sim.qpos), 0)), np.zeros((len(sim.qpos), 0))

    def initial_states(self, model: mujoco.MjModel, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        """Draw the first positions (E, nq) and velocities (E, nv) of E robots, each from its own generator."""
        raise NotImplementedError

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        """Return quantities (N,) of this step to be summed over the episode, such as the distance travelled in m."""
        return {}

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        """Return whether an episode, of which the arguments of `metrics` are given, reached its goal, if it had one."""
        return None

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the task's own figures over E finished episodes.

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
    """Return `fall_rate`, the share of episodes that ended by failure, of a task whose termination is a fall."""
    return {"fall_rate": float(np.mean(episodes["terminated"]))}


def mean_over_time(episodes: Mapping[str, np.ndarray], name: str) -> float:
    """Return the mean over episodes of a quantity's mean over time, of a task that tracks quantity times `dt`."""
    return float(np.mean(episodes[name] / episodes["seconds"]))


def told_once(sim: Fields, quantity: np.ndarray) -> np.ndarray:
    """Return a quantity (N,) in the first step of an episode and 0 in all others, so that `track` sums up to it."""
    return np.where(sim.time < 1.5 * sim.dt, quantity, 0.0)


def norm(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths (N,) of vectors (N, k), rounded as `np.linalg.norm` of one vector rounds them."""
    return np.sqrt(np.vecdot(vectors, vectors))


def inside(value: np.ndarray, bounds: Sequence[float]) -> np.ndarray:
    """Return where `value` lies strictly between the two bounds."""
    return (bounds[0] < value) & (value < bounds[1])
