"""A policy on disk: policy.safetensors and policy.json. Loading it runs no code of the file's."""

from __future__ import annotations

import json
import math
import platform
import typing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from stable_baselines3.common.vec_env import VecEnv

from agents import ActorCritic, Network
from agents.activations import ACTIVATIONS
from agents.normalization import ObservationNormalizer
from agents.symmetry import identity_mirror
from envs.arguments import require_types
from locomotion.errors import UsageError
from locomotion.files import write_json
from locomotion.policies.shipped import find_shipped, nearest
from locomotion.runs.folder import Run

FORMAT = 2
PACKAGES = ("gymnasium", "mujoco", "numpy", "stable-baselines3", "torch")


@dataclass(frozen=True)
class PolicyCard:
    """What policy.json says of the policy beside it."""

    env: str  # canonical id
    algo: str
    seed: int
    steps: int  # of training so far
    observation_space: str  # as gymnasium prints it
    action_space: str
    actor: tuple[int, ...]  # hidden layers
    value: tuple[int, ...]
    activation: str  # of the hidden layers: a key of ACTIVATIONS
    min_std: float  # of the actions, on top of what was learned
    mirror: bool  # whether the actor is mirror symmetric
    versions: dict[str, str]  # of the packages results move with
    format: int = FORMAT
    obs_epsilon: float = 1e-8  # added to the variances that observations are scaled by
    mean_bound: float | None = None  # of the actions, in half their range around its middle
    # Of a policy that ships with the package:
    recipe: dict[str, Any] | None = None  # the settings it was trained with
    command: str | None = None  # the command line that trains it
    evaluation: dict[str, Any] | None = None  # its scores, as locomotion.evaluation.episodes.Evaluation has them


def describe(policy: ActorCritic, env: str, algo: str, seed: int, steps: int) -> PolicyCard:
    """Return the card of a policy.

    Raises:
        UsageError: where its activation has no name that a card could hold.
    """
    assert isinstance(policy.features_extractor, ObservationNormalizer)
    network = policy.network
    if network.activation not in ACTIVATIONS:
        raise UsageError(f"no card can name the activation {network.activation}: cards know {', '.join(ACTIVATIONS)}")
    return PolicyCard(
        env=env,
        algo=algo,
        seed=seed,
        steps=steps,
        observation_space=str(policy.observation_space),
        action_space=str(policy.action_space),
        actor=network.actor,
        value=network.value,
        activation=network.activation,
        min_std=network.min_std,
        mirror=network.mirror,
        mean_bound=network.mean_bound,
        obs_epsilon=network.obs_epsilon,
        versions=installed_versions(),
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages results move with, as they are now."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def save_policy(policy: ActorCritic, card: PolicyCard, folder: Path) -> None:
    """Write policy.safetensors and policy.json into a folder."""
    save_file(own_tensors(policy), folder / "policy.safetensors")
    save_card(card, folder)


def save_card(card: PolicyCard, folder: Path) -> None:
    """Write policy.json into a folder, without what the card says nothing of."""
    write_json(folder / "policy.json", {name: value for name, value in vars(card).items() if value is not None})


def find_policy(name: str | Path) -> Path:
    """Return the folder that holds policy.json: of a checkpoint, of a run's last checkpoint, or of a shipped policy.

    Args:
        name: a path, or, where nothing stands there, the short name of a robot whose policy is shipped (`Biped`).

    Raises:
        UsageError: where there is none, naming what comes nearest.
    """
    path = Path(name)
    if (path / "policy.json").is_file():
        return path
    if not path.exists():
        shipped = find_shipped(str(name))
        if shipped is None:
            raise UsageError(f"no policy at {path}: {nearest(str(name))}")
        return shipped
    latest = Run(path).latest()
    if latest is None:
        raise UsageError(f"{path} holds no policy: name a run's folder or a checkpoint's")
    return latest


def read_card(folder: Path) -> PolicyCard:
    """Return the card in a policy's folder.

    Raises:
        UsageError: where it is damaged, or of another format.
    """
    path = folder / "policy.json"
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict):
            raise UsageError(f"{path} is damaged: it holds no card")
        if values.get("format") != FORMAT:
            raise UsageError(f"{path} is of format {values.get('format')!r}, this version reads format {FORMAT}")
        values |= {name: tuple(values[name]) for name in ("actor", "value")}
        card = PolicyCard(**values)
        require_types(values, typing.get_type_hints(PolicyCard))
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing") from error
    except KeyError as error:
        raise UsageError(f"{path} is damaged: it says nothing of {error}") from error
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    if min((*card.actor, *card.value), default=1) < 1:
        raise UsageError(f"{path} is damaged: layers of {card.actor} and {card.value} units")
    if not 0.0 <= card.min_std < math.inf:
        raise UsageError(f"{path} is damaged: min_std is {card.min_std}, which must not be negative")
    if not 0.0 < card.obs_epsilon < math.inf:
        raise UsageError(f"{path} is damaged: obs_epsilon is {card.obs_epsilon}, which must be above 0")
    if card.mean_bound is not None and not 0.0 < card.mean_bound < math.inf:
        raise UsageError(f"{path} is damaged: mean_bound is {card.mean_bound}, which must be above 0")
    if card.evaluation is not None and not card.evaluation.keys() >= {"episodes", "seed", "return_mean"}:
        raise UsageError(f"{path} is damaged: evaluation must name episodes, seed and return_mean")
    if card.activation not in ACTIVATIONS:
        raise UsageError(f"{path} is damaged: activation is {card.activation!r}, not one of {', '.join(ACTIVATIONS)}")
    return card


def load_policy(folder: Path, env: VecEnv) -> ActorCritic:
    """Return the policy in a folder, for the environment it was trained in or one with the same spaces.

    Raises:
        UsageError: where the files are damaged, or the policy was trained on other spaces.
    """
    card = read_card(folder)
    for kind, ours in (("observation", env.observation_space), ("action", env.action_space)):
        theirs = getattr(card, f"{kind}_space")
        if theirs != str(ours):
            raise UsageError(f"this policy was trained on {kind}s {theirs}, {card.env} has {ours}")
    policy = build_policy(env.observation_space, env.action_space, card)
    load_tensors(policy, folder / "policy.safetensors")
    return policy


def build_policy(observation_space: spaces.Space, action_space: spaces.Space, card: PolicyCard) -> ActorCritic:
    """Return an untrained policy such as the card describes."""
    network = Network(
        actor=card.actor,
        value=card.value,
        activation=card.activation,  # type: ignore[arg-type]  # which `read_card` has checked
        min_std=card.min_std,
        mean_bound=card.mean_bound,
        obs_epsilon=card.obs_epsilon,
        mirror=card.mirror,
    )
    mirror = identity_mirror(observation_space, action_space) if card.mirror else None
    return ActorCritic(observation_space, action_space, lambda _: 1e-3, network, mirror)


def load_tensors(policy: ActorCritic, path: Path) -> None:
    """Fill a policy from a safetensors file.

    Raises:
        UsageError: where the file is damaged, or not of such a policy.
    """
    tensors, expected = read_tensors(path), own_tensors(policy)
    for name in sorted(tensors.keys() | expected.keys()):
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape:
            raise UsageError(f"{path} does not hold this policy: {name} is missing, unknown or of another shape")
    policy.load_state_dict(tensors, strict=False)


def own_tensors(policy: ActorCritic) -> dict[str, torch.Tensor]:
    """Return a policy's tensors, each under its first name: SB3 has three for the one features extractor."""
    tensors: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in policy.state_dict().items():
        tensors.setdefault(tensor.data_ptr(), (name, tensor))
    return dict(tensors.values())


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        UsageError: where it is missing, damaged or truncated.
    """
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing") from error
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
