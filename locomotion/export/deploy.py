"""What a robot's own computer must know besides the policy: deploy.yaml, and the same as the ONNX file's metadata.

Names are those of mjlab's metadata and of Unitree's deploy.yaml, so that their runners find what they look for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import yaml

import envs
from envs.observation import layout_of
from envs.probing import found_control, found_sources
from envs.sources import Control, Source, whole
from envs.task import Measured
from locomotion.files import folder_name

HEAD = """\
# What a robot's own computer must know to run policy.onnx; run_policy.py reads it.
# An observation is, part after part, clip(scale * source + offset); a control is clip(scale * action[index] + offset).
# With a gain, the sum of its source's numbers, a control is clip(gain * scale * action[index] + offset).
# A relative target is the present control plus clip(scale * action[index]), within lead of what is measured.
# An action is taken every step_dt seconds: after decimation physics steps of timestep seconds.
# Stiffness and damping are those of actuators that follow targets, with what their joints resist; 0 of others.
# Observed joint angles, where there are any, are distances from default_joint_pos.
"""
# Fields of MjData with which an episode begins.
START = ("qpos", "qvel", "act", "ctrl", "history", "mocap_pos", "mocap_quat")
BY_JOINT = {  # units of the numbers of qpos and qvel that each type of joint has
    mujoco.mjtJoint.mjJNT_FREE.value: (["m"] * 3 + ["1"] * 4, ["m/s"] * 3 + ["rad/s"] * 3),
    mujoco.mjtJoint.mjJNT_BALL.value: (["1"] * 4, ["rad/s"] * 3),
    mujoco.mjtJoint.mjJNT_SLIDE.value: (["m"], ["m/s"]),
    mujoco.mjtJoint.mjJNT_HINGE.value: (["rad"], ["rad/s"]),
}
UNITS = {  # of other fields
    **{name: ["m"] for name in ("xpos", "xipos", "site_xpos", "geom_xpos", "subtree_com", "mocap_pos")},
    **{name: ["1"] for name in ("xmat", "xquat", "site_xmat", "geom_xmat")},
    "cfrc_ext": ["N m"] * 3 + ["N"] * 3,
    "cvel": ["rad/s"] * 3 + ["m/s"] * 3,
    "cinert": ["kg m^2"] * 6 + ["kg m"] * 3 + ["kg"],
}


@dataclass(frozen=True)
class Deployment:
    """What deploy.yaml says."""

    values: dict[str, Any]
    control: Control | None  # how actions become controls; None where that is not known
    unknown: tuple[str, ...]  # the parts of the observation whose origin is not known

    def as_yaml(self) -> str:
        """Return the content of the file."""
        return HEAD + yaml.safe_dump(self.values, sort_keys=False, default_flow_style=None, width=120)

    @property
    def complete(self) -> bool:
        """Whether a runner needs to know nothing else."""
        return self.control is not None and not self.unknown


def deployment(world: envs.World, env: str, memory: Mapping[str, int]) -> Deployment:
    """Return what is to be told of a world's first robot, whose episode has begun.

    Args:
        world: the robot's.
        env: its canonical id.
        memory: how many numbers of each kind its policy remembers.
    """
    task, model, sim = world.task, world.model, world.sim
    control = task.control(model) or found_control(world)
    sources = known_sources(world)
    joints = model.actuator_trnid[:, 0]
    of_joints = bool((model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT).all())
    servos = model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE
    stiffness, damping = (np.where(servos, 0.0 - model.actuator_biasprm[:, i], 0.0) for i in (1, 2))
    if of_joints:  # a joint of the model resists by itself what a servo of a robot must
        damping += np.where(servos, model.dof_damping[model.jnt_dofadr[joints]], 0.0)
    values: dict[str, Any] = {
        "task": env,
        "mujoco": mujoco.__version__,
        "step_dt": world.dt,
        "timestep": model.opt.timestep,
        "decimation": world.substeps,
        "contact_forces": task.contact_forces,
        "actuator_names": [model.actuator(i).name for i in range(model.nu)],
        "joint_names": [model.joint(i).name for i in joints] if of_joints else [],
        "joint_ids_map": list(range(model.nu)),
        "stiffness": stiffness,
        "damping": damping,
        "default_joint_pos": default_pose(model, sources)[model.jnt_qposadr[joints]] if of_joints else [],
        "actions": {} if control is None else _actions(control, bool(servos.all())),
        "action_size": math.prod(world.action_space.shape or ()),
        "commands": commands(task),
        "observations": observations(world, sources),
        "memory": {f"{name}_in": {"size": size, "reset": 0.0} for name, size in memory.items()},
        "start": {name: getattr(sim, name)[0].ravel() for name in START if getattr(sim, name).size},
    }
    unknown = tuple(name for name in seen_parts(world) if name not in sources)
    return Deployment(plain(values), control, unknown)


def default_pose(model: mujoco.MjModel, sources: Mapping[str, Source]) -> np.ndarray:
    """Return the positions (nq,) from which observed ones are told; the model's own where none are."""
    pose = model.qpos0.copy()

    def take(source: Mapping[str, Any], scale: Any, offset: Any) -> None:
        for part in source.get("parts", ()):
            take(part, part.get("scale", 1.0), part.get("offset", 0.0))
        if source.get("field") == "qpos" and "function" not in source:
            pose[source["index"]] = -np.asarray(offset) / np.asarray(scale)

    for source in sources.values():
        take(source.as_data(), source.scale, source.offset)
    return pose


def known_sources(world: envs.World) -> dict[str, Source]:
    """Return the origins of the parts of an observation that are known: those found, and those that the task names."""
    return {**found_sources(world), **world.task.observation_sources(world.sim)}


def seen_parts(world: envs.World) -> dict[str, int]:
    """Return the sizes of the parts that a robot sees, in their order."""
    return layout_of(world.task.observe(world.sim, Measured(**world.task.measure(world.sim))))


def observations(world: envs.World, sources: Mapping[str, Source]) -> dict[str, Any]:
    """Return the parts of an observation in their order; the origin of one that is not known is None."""
    told: dict[str, Any] = {}
    for name, size in seen_parts(world).items():
        source = sources.get(name)
        if source is None:
            told[name] = {"size": size, "source": None}
            continue
        units = [one["unit"] for one in commands(world.task).values()] if source.kind == "command" else []
        unit = ", ".join(units) or source.unit or unit_of(world.model, source.as_data())
        changes = {"scale": source.scale, "offset": source.offset, "clip": source.clip}
        told[name] = {"size": size, "unit": unit, "source": source.as_data(), **changes, "history_length": 1}
    return plain(told)


def unit_of(model: mujoco.MjModel, source: Mapping[str, Any]) -> str:
    """Return the unit of a source's numbers, or the units in their order; 1 where they have none."""
    if "parts" in source:
        units = [unit_of(model, part) for part in source["parts"]]
    elif source.get("function", "identity") != "identity" or "field" not in source:
        units = ["1"]
    else:
        units = _field_units(model, source["field"], source["index"])
    return ", ".join(dict.fromkeys(units))


def _field_units(model: mujoco.MjModel, field: str, index: list[int]) -> list[str]:
    if field in UNITS:
        return [UNITS[field][i % len(UNITS[field])] for i in index]
    positions, velocities = ([unit for kind in model.jnt_type for unit in BY_JOINT[int(kind)][k]] for k in (0, 1))
    if field == "qpos":
        return [positions[i] for i in index]
    if field == "qvel":
        return [velocities[i] for i in index]
    if field.startswith("qfrc_"):
        return ["N" if velocities[i] == "m/s" else "N m" for i in index]
    return [f"of {field}"]


def _actions(control: Control, servos: bool) -> dict[str, Any]:
    kind = "JointPositionAction" if servos else "JointEffortAction"
    if control.lead is not None:
        kind = "RelativeJointPositionAction"
    bounds = list(zip(control.low, control.high, strict=True))
    told: dict[str, Any] = {"index": control.index, "scale": control.scale, "offset": control.offset, "clip": bounds}
    if control.measured is not None:
        told |= {"lead": control.lead, "measured": control.measured.as_data()}
    if control.gain is not None:
        told["gain"] = whole(control.gain)
    return {kind: told}


def commands(task: envs.Task) -> dict[str, dict[str, Any]]:
    """Return a task's commands: unit and range of each, and the middle of that as its default."""
    told = {}
    for words, (low, high) in task.commands.items():
        name, _, unit = words.rstrip(")").partition(" (")
        told[name] = {"unit": unit or "1", "range": [low, high], "default": (low + high) / 2}
    return told


def metadata(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what an ONNX file's metadata says, under mjlab's names: lists are separated by commas."""
    scales, offsets = (
        [one for rule in values["actions"].values() for one in rule[name]] for name in ("scale", "offset")
    )
    listed = {
        "joint_names": values["joint_names"] or values["actuator_names"],
        "joint_stiffness": values["stiffness"],
        "joint_damping": values["damping"],
        "default_joint_pos": values["default_joint_pos"],
        "command_names": list(values["commands"]),
        "observation_names": list(values["observations"]),
        "action_scale": scales,
        "action_offset": offsets,
    }
    return {"run_path": folder_name(values["task"])} | {
        name: ",".join(str(one) for one in several) for name, several in listed.items()
    }


def plain(value: Any) -> Any:
    """Return a value as YAML has it: lists, names and numbers."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
