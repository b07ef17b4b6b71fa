"""The formats in which a policy leaves: what is written, and what asks the written file for actions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agents import ActorCritic
from locomotion.evaluation.episodes import Actor
from locomotion.export.c_header import FILE as HEADER
from locomotion.export.c_header import compiled, write_c_header
from locomotion.export.sb3_zip import ZIP, sb3_actor, write_sb3
from locomotion.export.torchscript import FILE as SCRIPT
from locomotion.export.torchscript import TorchScriptActor, write_torchscript


class Format(NamedTuple):
    """A format besides ONNX, which every export has."""

    file: str  # its main one
    write: Callable[[ActorCritic, Path], None]  # into a folder
    actor: Callable[[Path], Actor | None]  # of the folder, for one robot; None where this machine has none


FORMATS = {
    "torchscript": Format(SCRIPT, write_torchscript, TorchScriptActor),
    "c": Format(HEADER, write_c_header, compiled),
    "sb3": Format(ZIP, write_sb3, sb3_actor),
}
