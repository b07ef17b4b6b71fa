"""The physics as tasks see it: named arrays over all robots, or over the first few."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from mujoco.batch import DATA_FIELDS, MODEL_FIELDS, Batch, SimulationError

from envs.engine import untimed
from envs.eyes import Eyes

# Warnings after which MuJoCo has discarded a simulation's state or controls, without raising.
BLOWN_UP = [
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
    mujoco.mjtWarning.mjWARN_BADCTRL.value,
]

POSITIONS, EVERYTHING = mujoco.mjtStage.mjSTAGE_POS.value, mujoco.mjtStage.mjSTAGE_ACC.value

# Model fields from which MuJoCo derives others, which must then follow.
SETCONST_INPUTS = frozenset(mujoco.MjModel._setconst_inputs)


def all_finite(values: np.ndarray) -> bool:
    """Return whether all numbers are finite; `all()` would take twice as long for few."""
    return np.count_nonzero(np.isfinite(values)) == values.size


class Memory:
    """The numbers that a task keeps of each robot from step to step: named live views of `userdata`'s columns.

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

    Derived fields (`xpos`, `cvel`, ...) are, as after `mj_step`, those of the beginning of the last physics step. In
    the first `apply` of an episode they are still those of the episode before. `cfrc_ext` is only filled for tasks with
    `contact_forces`.
    """

    model: mujoco.MjModel
    dt: float  # s between two actions
    memory: Memory  # under the names that the task's `memory` declares

    def body(self, name: str | int) -> int:
        """Return a body's row in `xpos` and its like."""
        raise NotImplementedError

    def posed(self, *names: str) -> list[np.ndarray]:
        """Return fields that follow from the positions, such as `geom_xpos`, for the present ones: for use in `place`.

        In `place` they are those of the model as it is for all robots: `physics` is asked afterwards. All other derived
        fields change, too. The state does not.
        """
        raise NotImplementedError

    def ray(self, points: np.ndarray, directions: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far rays go up to the first geom that they meet, and which geom that is, both (N, rays).

        Lengths are in m, for directions of length 1. Where a ray meets no geom, its length and its geom are -1.

        Args:
            points: the rays' origins (N, rays, 3), in m.
            directions: of the rays (N, rays, 3), or of all of them (3,).
            groups: 1 for each of the geom groups (6,) that the rays can meet, else 0; uint8.
        """
        raise NotImplementedError

    def see(self, camera: str, width: int, height: int, groups: np.ndarray) -> np.ndarray:
        """Return what a camera of the model sees of each robot's world: pictures (N, height, width, 3), uint8.

        OpenGL draws them one after the other, without shadows and smooth edges.

        Args:
            camera: its name.
            width: of a picture, in pixels.
            height: of a picture, in pixels.
            groups: 1 for each of the geom groups (6,) that it can see, else 0.

        Raises:
            RenderingUnavailable: where there is no OpenGL.
        """
        raise NotImplementedError

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> np.ndarray: ...


class Simulation(Fields):
    """All robots of a batch. State fields (`qpos`, `ctrl`, ...) are live and may be written."""

    def __init__(self, batch: Batch, dt: float, memory: Mapping[str, int], contact_forces: bool):
        self.batch = batch
        self.model = batch.model
        self.dt = dt
        self.memory_sizes = memory
        self.memory = Memory(batch.userdata, memory)
        self._count = batch.nsim
        self._bodies: dict[str | int, int] = {}
        self._data: mujoco.MjData | None = None
        if contact_forces:
            self.cfrc_ext = np.zeros((self._count, batch.model.nbody, 6))
            self._data = mujoco.MjData(batch.model)
            self.bind("ncon")

    def __getstate__(self) -> dict[str, Any]:
        """Return what an equal simulation is made of, for copies and pickles: MuJoCo's Batch has neither."""
        batch = self.batch
        return {
            "batch": (batch.model, batch.nsim, batch.nthread, batch.persistent),
            "arguments": (self.dt, dict(self.memory_sizes), self._data is not None),
            "state": batch.state,
            "physics": {name: values for name in MODEL_FIELDS if (values := batch.expanded(name)) is not None},
            "fields": {name: values for name, values in vars(self).items() if name in DATA_FIELDS},
        }

    def __setstate__(self, kept: dict[str, Any]) -> None:
        Simulation.__init__(self, Batch(*kept["batch"]), *kept["arguments"])
        self.batch.state[:] = kept["state"]
        for name, values in kept["physics"].items():
            self.batch.expand(name)[:] = values
        for name, values in kept["fields"].items():
            field = getattr(self, name)
            # MuJoCo fills derived fields after a call only; until the first one they are those of the original.
            writeable, field.flags.writeable = field.flags.writeable, True
            field[:] = values
            field.flags.writeable = writeable

    def bind(self, name: str) -> np.ndarray:
        """Have a field filled from the next physics step on; return its live array."""
        field = getattr(self.batch, name)
        setattr(self, name, field)
        return field

    def __getattr__(self, name: str) -> np.ndarray:
        return self.bind(name)  # once for each name: binding costs microseconds, and the array stays live

    def body(self, name: str | int) -> int:
        if name not in self._bodies:
            self._bodies[name] = self.model.body(name).id
        return self._bodies[name]

    def posed(self, *names: str) -> list[np.ndarray]:
        return self.first(self._count).posed(*names)

    def ray(self, points: np.ndarray, directions: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths, geoms = self.batch.ray(points, directions, geomgroup=groups)
        return lengths, geoms

    @functools.cached_property
    def eyes(self) -> Eyes:
        """The robots' cameras."""
        return Eyes(self.batch)

    def see(self, camera: str, width: int, height: int, groups: np.ndarray) -> np.ndarray:
        return self.eyes.see(np.arange(self._count), camera, width, height, groups)

    def advance(self, substeps: int) -> dict[int, str]:
        """Take physics steps; return which simulations blew up, each with the engine's word on it."""
        batch = self.batch
        failed: dict[int, str] = {}
        try:
            with untimed:
                batch.step(nstep=substeps)
        except SimulationError as error:
            failed = {i: f"MuJoCo's error: {batch.error(i)}" for i in error.ids.tolist()}
        if np.count_nonzero(batch.warning):
            for i in batch.warning[:, BLOWN_UP, 1].any(axis=1).nonzero()[0].tolist():
                kinds = [mujoco.mjtWarning(kind).name for kind in BLOWN_UP if batch.warning[i, kind, 1]]
                failed.setdefault(i, f"MuJoCo's warning: {', '.join(kinds)}")
            batch.warning[:] = 0
        if self._data is not None:
            self._fill_contact_forces(self._data)
        return failed

    def _fill_contact_forces(self, data: mujoco.MjData) -> None:
        """Fill `cfrc_ext` (N, bodies, 6) as Gymnasium does: by mj_rnePostConstraint after the step.

        Copying a simulation out costs more than the computation: simulations without any force are left out.
        """
        model, get_data, cfrc_ext, forces = self.model, self.batch.get_data, self.cfrc_ext, data.cfrc_ext
        cfrc_ext[:] = 0.0
        touched = (self.ncon > 0) | self.xfrc_applied.any(axis=(1, 2))
        for i in range(len(cfrc_ext)) if model.neq else touched.nonzero()[0].tolist():
            get_data(i, data)
            mujoco.mj_rnePostConstraint(model, data)
            cfrc_ext[i] = forces

    def restart(self, ids: np.ndarray, states: np.ndarray, fields: Mapping[str, np.ndarray]) -> None:
        """Put the robots `ids` into these states, as rows of a batch, with these fields of the model."""
        self.batch.state[ids] = states
        self.individualise(ids, fields)
        if self._data is not None:
            self.cfrc_ext[ids] = 0.0

    def individualise(self, ids: np.ndarray, fields: Mapping[str, np.ndarray]) -> None:
        """Set fields of the model (len(ids), ...) for the robots `ids` alone."""
        for name, values in fields.items():
            self.batch.expand(name)[ids] = values
        if not SETCONST_INPUTS.isdisjoint(fields):
            self.batch.set_const(ids)

    def first(self, count: int) -> First:
        """Return the first `count` robots."""
        return First(self, count)


class First(Fields):
    """The first few robots of a simulation: live views of its fields."""

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

    def posed(self, *names: str) -> list[np.ndarray]:
        fields = [getattr(self, name) for name in names]  # before the call, which fills the fields that are bound
        self.forward(POSITIONS)
        return fields

    def forward(self, stage: int = EVERYTHING) -> None:
        """Fill the derived fields from the present state, up to a stage (mjtStage)."""
        with untimed:
            self._sim.batch.forward(self._ids, stage)

    def ray(self, points: np.ndarray, directions: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths, geoms = self._sim.batch.ray(points, directions, geomgroup=groups, ids=self._ids)
        return lengths, geoms

    def see(self, camera: str, width: int, height: int, groups: np.ndarray) -> np.ndarray:
        return self._sim.eyes.see(self._ids, camera, width, height, groups)

    def __getattr__(self, name: str) -> np.ndarray:
        view = getattr(self._sim, name)[: len(self._ids)]
        setattr(self, name, view)  # the arrays stay live
        return view
