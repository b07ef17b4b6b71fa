"""What a task sees of the physics: named arrays over all robots, or over the first few."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from mujoco.batch import Batch


def compile_model(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a model, keeping MuJoCo's warnings out of the working folder (it would write MUJOCO_LOG.TXT)."""
    mujoco.set_mju_user_warning(_ignore)
    with warnings.catch_warnings():  # what the engine itself finds fault with in a model
        warnings.simplefilter("ignore", UserWarning)
        return spec.compile()


def _ignore(message: str) -> None:
    """Drop a warning of the engine: blow-ups are read from `Batch.warning`, robot by robot, and counted."""


class Memory:
    """What a task keeps of its robots from step to step, by name: live views of the columns of `userdata`.

    Each is an array (N, numbers), or (N,) of a single number. Assigning to a name writes into its columns.
    """

    def __init__(self, userdata: np.ndarray, sizes: Mapping[str, int]):
        start = 0
        for name, size in sizes.items():
            vars(self)[name] = userdata[:, start] if size == 1 else userdata[:, start : start + size]
            start += size

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)[:] = value

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> np.ndarray: ...


class Fields:
    """The fields of `mujoco.MjData` for N robots: arrays (N, ...) by attribute, such as `qpos`, `xpos`, `ctrl`.

    Derived fields (`xpos`, `cvel`, ...) are, as after `mj_step`, those of the last physics step's beginning; `apply`,
    which comes before it, finds those of the episode before where one has just begun.
    `cfrc_ext` is only filled for tasks that ask for `contact_forces`.
    """

    model: mujoco.MjModel
    dt: float  # s between two actions
    memory: Memory  # what the task's `memory` declares

    def body(self, name: str | int) -> int:
        """Return a body's row in `xpos` and its like."""
        raise NotImplementedError

    def ray(self, points: np.ndarray, direction: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Return how far rays go, in m, until they meet a geom, or -1 where they meet none.

        Args:
            points: where they begin (N, rays, 3), in m.
            direction: of all of them (3,).
            groups: 1 for each of the geom groups (6,) that they can meet, uint8.
        """
        raise NotImplementedError

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> np.ndarray: ...


class Simulation(Fields):
    """All robots of a batch. State fields (`qpos`, `ctrl`, ...) are live and may be written."""

    def __init__(
        self, batch: Batch, dt: float, cfrc_ext: np.ndarray | None = None, memory: Mapping[str, int] | None = None
    ):
        self.batch = batch
        self.model = batch.model
        self.dt = dt
        self._bodies: dict[str | int, int] = {}
        self.memory_sizes = memory or {}
        self.memory = Memory(batch.userdata, self.memory_sizes)
        if cfrc_ext is not None:
            self.cfrc_ext = cfrc_ext

    def bind(self, name: str) -> np.ndarray:
        """Have a field filled from the next call on; return its live array."""
        field = getattr(self.batch, name)
        setattr(self, name, field)
        return field

    def __getattr__(self, name: str) -> np.ndarray:
        return self.bind(name)  # once for each name: it costs microseconds, and the array stays live

    def body(self, name: str | int) -> int:
        if name not in self._bodies:
            self._bodies[name] = self.model.body(name).id
        return self._bodies[name]

    def ray(self, points: np.ndarray, direction: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self.batch.ray(points, direction, geomgroup=groups)[0]

    def first(self, count: int) -> First:
        """Return the first `count` robots."""
        return First(self, count)


class First(Fields):
    """The first few robots of a simulation: views of its fields, no less live."""

    def __init__(self, sim: Simulation, count: int):
        self._sim = sim
        self._ids = np.arange(count)
        self.model = sim.model
        self.dt = sim.dt

    def body(self, name: str | int) -> int:
        return self._sim.body(name)

    @functools.cached_property
    def memory(self) -> Memory:  # type: ignore[override]
        return Memory(self.userdata, self._sim.memory_sizes)

    def ray(self, points: np.ndarray, direction: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._sim.batch.ray(points, direction, geomgroup=groups, ids=self._ids)[0]

    def __getattr__(self, name: str) -> np.ndarray:
        return getattr(self._sim, name)[: len(self._ids)]
