"""The policies that ship with the package, each under its robot's short name."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from envs.registry import OWN_TASKS, REGISTERED
from locomotion.files import folder_name

FOLDER = Path(__file__).parent


def short_name(env: str) -> str:
    """Return a robot's short name: `Biped` for `Locomotion/Biped-v0`, `Hopper` for `Hopper-v5`."""
    return re.sub(r"-v5$", "", folder_name(env))


def shipped_names() -> list[str]:
    """Return the names of all policies there are."""
    return sorted(path.parent.name for path in FOLDER.glob("[!.]*/policy.json"))


def find_shipped(name: str) -> Path | None:
    """Return the folder of the policy of a robot, by its short name (`Hopper`) or its id (`Hopper-v5`)."""
    folder = FOLDER / short_name(name)
    return folder if folder.name in shipped_names() else None


def nearest(name: str) -> str:
    """Return a hint for a name without a policy: how to train it, similar shipped ones, or what is accepted."""
    names = {known.lower(): known for known in shipped_names()}
    if name in {*OWN_TASKS, *REGISTERED}:
        return f"{name} comes without one: train it, python scripts/train.py {name}"
    near = [names[match] for match in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"name a run's folder, a checkpoint's, or a shipped policy: {', '.join(names.values()) or 'there are none'}"
