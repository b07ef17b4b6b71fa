"""What a task sees of the physics: named arrays over all robots, or over some of them."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
from mujoco.batch import Batch


def compile_model(path: Path) -> mujoco.MjModel:
    """Compile an MJCF file, keeping MuJoCo's warnings out of the working folder (it would write MUJOCO_LOG.TXT)."""
    mujoco.set_mju_user_warning(_ignore)
    return mujoco.MjModel.from_xml_path(str(path))


def _ignore(message: str) -> None:
    """Drop a warning of the engine: blow-ups are read from `Batch.warning`, robot by robot, and counted."""


class Simulation:
    """The fields of `mujoco.MjData` as arrays (N, ...), by attribute: `sim.qpos`, `sim.xpos`, `sim.ctrl`.

    State fields are live and may be written. Derived fields (`xpos`, `cvel`, ...) are, as after `mj_step`, those
    of the last physics step's beginning. `cfrc_ext` is only filled for tasks that ask for `contact_forces`.
    """

    def __init__(self, batch: Batch, cfrc_ext: np.ndarray | None = None):
        self.batch = batch
        self.model = batch.model
        self._bodies: dict[str, int] = {}
        if cfrc_ext is not None:
            self.cfrc_ext = cfrc_ext

    def __getattr__(self, name: str) -> np.ndarray:
        # Asked once for each name: binding costs microseconds, and the array stays live.
        field = getattr(self.batch, name)
        setattr(self, name, field)
        return field

    def body(self, name: str) -> int:
        """Return a body's row in `xpos` and its like."""
        if name not in self._bodies:
            self._bodies[name] = self.model.body(name).id
        return self._bodies[name]

    def rows(self, ids: np.ndarray) -> Rows:
        """Return a copy of the robots `ids`, for reading."""
        return Rows(self, ids)


class Rows:
    """Some robots of a simulation: copies of their fields, for reading."""

    def __init__(self, sim: Simulation, ids: np.ndarray):
        self._sim = sim
        self._ids = ids
        self.model = sim.model
        self.body = sim.body

    def __getattr__(self, name: str) -> np.ndarray:
        return getattr(self._sim, name)[self._ids]
