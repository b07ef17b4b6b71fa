"""A robot's model as files: exact in MuJoCo's binary format, and as MJCF, with its meshes and textures, for reading."""

from __future__ import annotations

import warnings
from pathlib import Path

import mujoco

import envs
from envs.contract import specified
from locomotion.errors import UsageError

XML, BINARY = "model.xml", "model.mjb"


def write_model(task: envs.Task, model: mujoco.MjModel, folder: Path) -> None:
    """Write a task's model into a folder.

    MJCF rounds some numbers to six digits, and any version of MuJoCo reads it; the binary is exact, and only the
    version that wrote it reads it.

    Args:
        task: the task.
        model: its compiled model.
        folder: the folder, which has no folders in it.

    Raises:
        UsageError: where MuJoCo cannot write it as MJCF.
    """
    mujoco.mj_saveModel(model, str(folder / BINARY))
    spec = specified(task)
    places = [(one, spec.meshdir) for one in (*spec.meshes, *spec.hfields)]
    places += [(one, spec.texturedir) for one in spec.textures]
    for number, (asset, place) in enumerate(places):
        if asset.file:
            path = task.model_path().parent / place / asset.file
            content = spec.assets[asset.file] if asset.file in spec.assets else path.read_bytes()
            name = f"asset-{number}-{path.name}"
            (folder / name).write_bytes(content)
            asset.file = name
    spec.meshdir = spec.texturedir = ""
    spec.assets = {}
    spec.modelfiledir = str(folder)
    try:
        with warnings.catch_warnings():  # the engine's remarks on a model
            warnings.simplefilter("ignore", UserWarning)
            (folder / XML).write_text(spec.to_xml())
        mujoco.MjModel.from_xml_path(str(folder / XML))
    except ValueError as error:
        raise UsageError(f"MuJoCo cannot write the model of {type(task).__name__} as MJCF: {error}") from error
