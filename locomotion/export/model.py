"""A robot's model as files: exact in MuJoCo's binary format, and as MJCF, with its meshes and textures, for reading."""

from __future__ import annotations

import warnings
from pathlib import Path

import mujoco

import envs
from envs.contract import one_line, specified

XML, BINARY = "model.xml", "model.mjb"


def write_model(task: envs.Task, model: mujoco.MjModel, folder: Path) -> str:
    """Write a task's model into a folder; return in words why it is not there as MJCF, empty where it is.

    MJCF rounds some numbers to six digits, and any version of MuJoCo reads it; the binary is exact, and only the
    version that wrote it reads it.

    Args:
        task: the task.
        model: its compiled model.
        folder: the folder, which has no folders in it.
    """
    mujoco.mj_saveModel(model, str(folder / BINARY))
    spec = specified(task)
    try:
        _copy_assets(spec, task.model_path().parent, folder)
        with warnings.catch_warnings():  # the engine's remarks on a model
            warnings.simplefilter("ignore", UserWarning)
            (folder / XML).write_text(spec.to_xml())
        mujoco.MjModel.from_xml_path(str(folder / XML))
    except (FileNotFoundError, ValueError) as error:
        (folder / XML).unlink(missing_ok=True)
        return f"no {XML}: MuJoCo cannot write this model as MJCF ({one_line(error)})"
    return ""


def _copy_assets(spec: mujoco.MjSpec, base: Path, folder: Path) -> None:
    """Copy a model's meshes, height fields, skins and textures into a folder; name the copies in the model."""
    places = [(one, spec.meshdir) for one in (*spec.meshes, *spec.hfields, *spec.skins)]
    places += [(one, spec.texturedir) for one in spec.textures]
    for number, (asset, place) in enumerate(places):
        if asset.file:
            path = base / place / asset.file
            content = spec.assets[asset.file] if asset.file in spec.assets else path.read_bytes()
            asset.file = f"asset-{number}-{path.name}"  # two of them may have one name
            (folder / asset.file).write_bytes(content)
    spec.meshdir = spec.texturedir = ""
    spec.assets = {}
    spec.modelfiledir = str(folder)
