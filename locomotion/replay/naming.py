"""Names for the numbers of MuJoCo's fields: which joint, actuator or body they belong to."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np


def place_in(model: mujoco.MjModel, field: str, i: int) -> str:
    """Return whose number `i` of a field of MjData, laid out in one row, is: `joint left_knee`."""
    if field == "qpos":
        return _joint(model, model.jnt_qposadr, i)
    if field in ("qvel", "qacc", "qacc_smooth", "qfrc_applied"):
        return _joint(model, model.jnt_dofadr, i)
    if field == "xfrc_applied":
        return f"body {_name(model.body(i // 6))}"
    if field in ("mocap_pos", "mocap_quat"):
        mocap = i // (3 if field == "mocap_pos" else 4)
        return f"body {_name(model.body(int(np.flatnonzero(model.body_mocapid == mocap)[0])))}"
    return f"number {i}"


def actuator_name(model: mujoco.MjModel, i: int) -> str:
    """Return an actuator's name; of one without, the name of the joint that it drives, where it drives one."""
    actuator = model.actuator(i)
    kinds = (mujoco.mjtTrn.mjTRN_JOINT.value, mujoco.mjtTrn.mjTRN_JOINTINPARENT.value)
    if not actuator.name and actuator.trntype[0] in kinds:
        return _name(model.joint(int(actuator.trnid[0])))
    return _name(actuator)


def _joint(model: mujoco.MjModel, starts: np.ndarray, i: int) -> str:
    """Return the joint to which number `i` of a row belongs, in which the joints' own numbers start at `starts`."""
    j = int((starts <= i).sum()) - 1
    alone = model.jnt_type[j] in (mujoco.mjtJoint.mjJNT_HINGE.value, mujoco.mjtJoint.mjJNT_SLIDE.value)
    part = "" if alone else f"[{i - starts[j]}]"
    name, body = model.joint(j).name, model.body(int(model.jnt_bodyid[j]))
    return f"joint {name}{part}" if name else f"joint{part} of body {_name(body)}"


def _name(element: Any) -> str:
    return element.name or f"number {element.id}"
