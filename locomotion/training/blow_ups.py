"""Files of blow-ups, blow-ups/STEP-robotI.safetensors in a run's folder: tensors and JSON, of which no code is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save

import envs
from envs.arguments import check_fields
from envs.blow_up import BlowUp
from locomotion.checksums import read_regular
from locomotion.errors import UsageError
from locomotion.files import atomic_file, parse_json
from locomotion.policies.card import installed_versions
from locomotion.runs.settings import field_types, plain

FORMAT = 1
KEPT = 5  # files in a run's folder
BEFORE = "before."  # prefix of what the task remembers of the step before
MAX_BYTES = 2**26  # of a file: a robot's state is some hundred numbers
FOLDER = "blow-ups"  # in a run's folder
NAME = "blow_up"  # of the one entry of the file's metadata: the order of several is not always the same


@dataclass(frozen=True)
class Evidence:
    """A blow-up, as its file has it: the numbers as tensors, all else as JSON."""

    env: str  # canonical id
    source: str | None  # name of the file that registered the robot, if it is a stranger's
    steps: Annotated[int, Ge(0)]  # of training, of all robots
    task: str  # these seven are `BlowUp`'s
    fields: dict[str, Any]
    robot: Annotated[int, Ge(0)]
    seed: Annotated[int, Ge(0)]
    step: Annotated[int, Ge(0)]
    found: str
    model: str
    arrays: dict[str, np.ndarray]  # `state`, `action`, and `before.NAME` for each quantity that is remembered
    versions: dict[str, str] = field(default_factory=installed_versions)
    format: int = FORMAT

    @classmethod
    def of(cls, blow_up: BlowUp, steps: int, env: str) -> Evidence:
        """Return the evidence of a blow-up in a robot of this canonical id, after so many steps of training."""
        source = envs.source(env)
        arrays = {"state": blow_up.state, "action": blow_up.action}
        return cls(
            env=env,
            source=source.name if source else None,
            steps=steps,
            **{one: getattr(blow_up, one) for one in ("task", "robot", "seed", "step", "found", "model")},
            fields=plain(blow_up.fields),
            arrays=arrays | {BEFORE + name: value for name, value in blow_up.before.items()},
        )

    @property
    def before(self) -> dict[str, np.ndarray]:
        """What the task remembers of the step before, by name."""
        return {name.removeprefix(BEFORE): value for name, value in self.arrays.items() if name.startswith(BEFORE)}

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.steps:010d}-robot{self.robot}.safetensors"


def blow_up_files(folder: Path) -> list[Path]:
    """Return the files of blow-ups in a folder, the oldest first."""
    return sorted(folder.glob("*-robot*.safetensors"))


def keep_blow_ups(folder: Path, found: Iterable[Evidence]) -> list[Path]:
    """Write blow-ups into a folder, one file each, and delete all but `KEPT`; return the files.

    The last ones are kept, but of several robots in one step all but one go first: they often have one cause.
    """
    folder.mkdir(exist_ok=True)
    for evidence in found:
        with atomic_file(folder / evidence.name) as temporary:
            temporary.write_bytes(_content(evidence))
    files = blow_up_files(folder)
    of_each_step = {file.name.partition("-")[0]: file for file in files}.values()
    for file in sorted(files, key=lambda file: (file in of_each_step, file))[:-KEPT]:
        file.unlink()
    return blow_up_files(folder)


def read_blow_up(path: Path) -> Evidence:
    """Return the blow-up that a file holds.

    Raises:
        UsageError: where there is no such file, or it is damaged.
    """
    if path.is_dir():
        files = blow_up_files(path / FOLDER) or blow_up_files(path)
        found = f"name a file, such as {files[-1]}" if files else "there are no blow-ups in it"
        raise UsageError(f"{path} is a folder; {found}")
    try:
        return _evidence(read_regular(path, MAX_BYTES))
    except (SafetensorError, AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, LookupError) else error
        raise UsageError(f"{path} is damaged, or no file of a blow-up: {reason}") from error


def _content(evidence: Evidence) -> bytes:
    values = plain({name: value for name, value in asdict(evidence).items() if name != "arrays"})
    arrays = {name: np.array(array, order="C") for name, array in evidence.arrays.items()}
    text = json.dumps(values)
    return save(arrays, {NAME: f"{_checksum(text, arrays)} {text}"})


def _evidence(content: bytes) -> Evidence:
    """Return what a file holds, after comparing it with its checksum and its types with `Evidence`'s.

    Raises:
        SafetensorError, AttributeError, KeyError, TypeError, ValueError: where it holds no blow-up.
    """
    arrays = load_tensors(content)
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")].decode())
    checksum, _, text = header["__metadata__"][NAME].partition(" ")
    if checksum != _checksum(text, arrays):
        raise ValueError("its checksum differs")
    values = parse_json(text)
    if values.get("format") != FORMAT:
        raise ValueError(f"it is of format {values.get('format')!r}, this version reads format {FORMAT}")
    values["arrays"] = arrays
    check_fields(field_types(Evidence), {one.name: values[one.name] for one in fields(Evidence)})
    if arrays["state"].ndim != 1 or arrays["state"].dtype != float or arrays["action"].dtype.kind not in "fiu":
        raise ValueError("its state must be a row of float64, and its action numbers")
    return Evidence(**values)


def _checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of JSON and of tensors with their names, types and shapes."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
