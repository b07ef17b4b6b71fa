"""A policy's card, policy.json: what it was trained in and how, its network and its spaces, and its scores."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from agents.network import BEFORE, Network
from envs.arguments import check_fields
from locomotion.checksums import COPY, SUMS, sums_of, tell_unchecked
from locomotion.errors import UsageError
from locomotion.files import read_json, write_json
from locomotion.policies.scores import check_scores
from locomotion.runs.settings import field_types, plain, restored

FORMAT = 5
READABLE = (2, 3, 4, FORMAT)
CHECKED = 4  # cards of this format and later ones come with SHA256SUMS
PACKAGES = ("gymnasium", "mujoco", "numpy", "stable-baselines3", "torch")


@dataclass(frozen=True)
class PolicyCard:
    """The content of policy.json, which stands beside policy.safetensors."""

    env: str  # canonical id
    algo: str
    seed: Annotated[int, Interval(ge=0, lt=2**63)]
    steps: Annotated[int, Interval(ge=0, lt=2**63)]  # of training so far
    observation_space: dict[str, Any]  # as `locomotion.policies.spaces` has it; of format 2 {"printed": ...}
    action_space: dict[str, Any]
    network: Network
    versions: dict[str, str]  # of the packages results move with
    format: int = FORMAT
    task: dict[str, Any] = field(default_factory=dict)  # the task's numbers that differ from its defaults
    source: str | None = None  # name of the file that registered the robot, if it is a stranger's
    # Of a policy that ships with the package:
    recipe: dict[str, Any] | None = None  # the settings it was trained with
    command: str | None = None  # the command line that trains it
    evaluation: dict[str, Any] | None = None  # its scores, as locomotion.evaluation.scores.Evaluation has them


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages results move with, as they are now."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def save_card(card: PolicyCard, folder: Path) -> None:
    """Write policy.json into a folder, without what the card says nothing of."""
    values = {name: value for name, value in vars(card).items() if value is not None and value != {}}
    write_json(folder / "policy.json", plain(values | {"network": vars(card.network)}))


def read_card(folder: Path, remedy: str = COPY) -> PolicyCard:
    """Return the card in a policy's folder.

    Args:
        folder: the policy's.
        remedy: in words, for a damaged card.

    Raises:
        UsageError: where it is damaged, or of another format.
    """
    path = folder / "policy.json"
    values = read_json(path, remedy=remedy, tell=False)
    version = values.get("format")
    if version not in READABLE:
        raise UsageError(f"{path} is of format {version!r}, this version reads formats {READABLE[0]} to {FORMAT}")
    if sums_of(path) is None:
        if version >= CHECKED:
            raise UsageError(f"{path} is damaged ({SUMS}, which was written beside it, is missing); {remedy}")
        tell_unchecked(folder)
    try:
        if version == 2:
            values = _from_format_2(values)
        elif version < FORMAT:
            values = values | {"network": BEFORE | values["network"]}
        return _card(values | {"format": FORMAT})
    except KeyError as error:
        raise UsageError(f"{path} is damaged (it says nothing of {error}); {remedy}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged ({error}); {remedy}") from error


def _card(values: Mapping[str, Any]) -> PolicyCard:
    """Return the card that JSON values describe; its types and ranges are checked.

    Raises:
        KeyError, TypeError, ValueError: where they describe none.
    """
    parts = values["network"]
    if not isinstance(parts, dict):
        raise TypeError(f"network must be an object, got {parts!r}")
    network = _checked(Network, {one.name: parts[one.name] for one in fields(Network)})
    card = PolicyCard(**_checked(PolicyCard, {**values, "network": Network(**network)}))
    if card.evaluation is not None:
        check_scores(card.evaluation, "episodes", "seed", "return_mean")
    return card


def _checked(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    hints = field_types(cls)
    for name in values:
        if name not in hints:
            raise TypeError(f"{name} is unknown")
    typed = {name: restored(value, hints[name]) for name, value in values.items()}
    check_fields(hints, typed)
    return typed


def _from_format_2(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card of format 2, which kept the network's fields one by one and spaces as gymnasium prints them."""
    known = {**vars(Network()), **BEFORE, **(values.get("recipe") or {}), **values}
    network = {one.name: known[one.name] for one in fields(Network)}
    for name in ("actor", "value", "activation", "min_std", "mirror"):
        network[name] = values[name]
    names = {one.name for one in fields(PolicyCard)}
    kept = {name: value for name, value in values.items() if name in names or name not in network}
    spaces = {name: {"printed": values[name]} for name in ("observation_space", "action_space")}
    return {**kept, **spaces, "network": network}
