"""The physics of one control step, taken again one physics step at a time, up to the first number that is bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np

from locomotion.replay.naming import actuator_name, place_in

STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value
BADCTRL = mujoco.mjtWarning.mjWARN_BADCTRL.value

MOVING = ("qpos", "qvel", "act")  # fields of MjData that each physics step changes
GIVEN = ("mocap_pos", "mocap_quat", "qfrc_applied", "xfrc_applied")  # fields that a task may write before

# What acts on a degree of freedom, by the field of MjData that has it.
FORCES = {
    "qfrc_actuator": "actuators",
    "qfrc_applied": "an applied force",
    "qfrc_passive": "springs and dampers",
    "qfrc_bias": "gravity and motion",
}


@dataclass(frozen=True)
class Extreme:
    """The number of a field of MjData that is largest in magnitude; NaN is larger than any other."""

    field: str
    where: str  # joint or body
    value: float

    @classmethod
    def of(cls, model: mujoco.MjModel, data: mujoco.MjData, field: str) -> Extreme:
        """Find it; the field must not be empty."""
        values = getattr(data, field).ravel()
        i = int(_size(values).argmax())
        return cls(field, place_in(model, field, i), float(values[i]))

    @property
    def bad(self) -> bool:
        """Whether MuJoCo takes it for a blow-up."""
        return not abs(self.value) <= mujoco.mjMAXVAL

    @property
    def size(self) -> str:
        """The number's magnitude, for a reader."""
        return f"{abs(self.value):.3g}"

    def __str__(self) -> str:
        return f"{self.field} of {self.where} {'reached' if np.isfinite(self.value) else 'is'} {self.value:.2g}"


@dataclass(frozen=True)
class Moment:
    """A state before a physics step, or after the last one."""

    state: np.ndarray  # (numbers,) mjSTATE_INTEGRATION
    drawable: bool  # whether all positions are sound
    time: float  # s
    velocity: Extreme  # of qvel
    acceleration: Extreme | None = None  # of qacc, in the physics step that follows


@dataclass(frozen=True)
class Trace:
    """The moments of a control step, up to that at which MuJoCo discards the state."""

    moments: list[Moment]
    bad: list[str]  # the bad numbers, in words, in the order in which they came up
    whole: bool  # whether all physics steps were taken


def trace(model: mujoco.MjModel, state: np.ndarray, substeps: int) -> Trace:
    """Take `substeps` physics steps from a state, as mj_step takes them, and look at each.

    A number is bad where MuJoCo says so: not finite, or beyond mjMAXVAL, 1e10.
    """
    data, probe = mujoco.MjData(model), mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, STATE)
    moments: list[Moment] = []
    found = _bad(model, data, MOVING + GIVEN, "as the step begins")  # what a task writes follows from the state
    try:
        for k in range(substeps):
            moments.append(_moment(model, data))
            moved = _bad(model, data, MOVING, f"after substep {k} of {substeps}")
            if moved:
                return Trace(moments, found if k == 0 else found + moved, whole=False)
            mujoco.mj_copyData(probe, model, data)
            mujoco.mj_forward(model, probe)  # all that mj_step computes before it moves anything
            moments[-1] = replace(moments[-1], acceleration=Extreme.of(model, probe, "qacc"))
            found += _bad_control(model, probe) if k == 0 else []
            accelerated = _bad(model, probe, ("qacc",), f"in substep {k + 1} of {substeps}")
            if accelerated:
                return Trace(moments, [*found, f"{accelerated[0]}; {_cause(model, probe)}"], whole=False)
            mujoco.mj_step(model, data)
    except mujoco.FatalError as error:
        return Trace(moments, [*found, f"MuJoCo stopped in substep {len(moments)} of {substeps}: {error}"], whole=False)
    moved = _bad(model, data, MOVING, f"after substep {substeps} of {substeps}")
    return Trace([*moments, _moment(model, data)], found + moved, whole=True)


def _moment(model: mujoco.MjModel, data: mujoco.MjData) -> Moment:
    state = np.empty(mujoco.mj_stateSize(model, STATE))
    mujoco.mj_getState(model, data, state, STATE)
    drawable = _bad(model, data, ("qpos", "mocap_pos", "mocap_quat"), "") == []
    return Moment(state, drawable, data.time, Extreme.of(model, data, "qvel"))


def _bad(model: mujoco.MjModel, data: mujoco.MjData, fields: Sequence[str], when: str) -> list[str]:
    """Return in words the largest number of each of these fields that has a bad one."""
    found = [Extreme.of(model, data, field) for field in fields if getattr(data, field).size]
    return [f"{extreme} {when}" for extreme in found if extreme.bad]


def _bad_control(model: mujoco.MjModel, data: mujoco.MjData) -> list[str]:
    """Return in words the control for which MuJoCo takes all controls as zero."""
    warning = data.warning[BADCTRL]
    if not warning.number:
        return []
    i = int(warning.lastinfo)
    return [f"control {i} ({actuator_name(model, i)}) is {data.ctrl[i]:.2g} as the step begins"]


def _cause(model: mujoco.MjModel, data: mujoco.MjData) -> str:
    """Return in words the largest force behind a bad acceleration.

    Contacts and limits answer the other forces: they are the cause where the accelerations are sound without them.
    """
    forces = {cause: getattr(data, field) for field, cause in FORCES.items()}
    known = data.qfrc_actuator + data.qfrc_applied + data.qfrc_passive - data.qfrc_bias
    forces["forces on bodies"] = data.qfrc_smooth - known
    if not Extreme.of(model, data, "qacc_smooth").bad:
        forces = {"contacts and limits": data.qfrc_constraint}
    cause = max(forces, key=lambda one: _size(forces[one]).max())
    i = int(_size(forces[cause]).argmax())
    return f"the largest force is of {cause}, {forces[cause][i]:.2g} on {place_in(model, 'qfrc_applied', i)}"


def _size(values: np.ndarray) -> np.ndarray:
    """Return magnitudes; NaN is larger than any other."""
    return np.nan_to_num(np.abs(values), nan=np.inf)
