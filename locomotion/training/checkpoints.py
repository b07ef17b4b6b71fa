"""Checkpoints: everything that a run's future depends on, as tensors and JSON, so that resuming is exact."""

from __future__ import annotations

import json
import random
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from agents.policy_gradient import PolicyGradient
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.files import atomic_folder, write_json
from locomotion.policies.card import PolicyCard, read_card
from locomotion.policies.stored import save_policy
from locomotion.policies.tensors import load_tensors, read_tensors

ENV, LEARNER = "env.", "learner."


def save_checkpoint(folder: Path, model: PolicyGradient, card: PolicyCard, extra: dict[str, Any]) -> None:
    """Write a checkpoint, between two iterations: whole, or not at all.

    Args:
        folder: of the checkpoint.
        model: the learner with its environment.
        card: of its policy.
        extra: JSON values of the caller's, which `load_checkpoint` gives back.
    """
    tensors, values = _state(model)
    with atomic_folder(folder) as temporary:
        save_policy(model.policy, card, temporary)
        save_file(tensors, temporary / "state.safetensors")
        write_json(temporary / "state.json", values | {"extra": extra})


def load_checkpoint(folder: Path, model: PolicyGradient) -> dict[str, Any]:
    """Restore the saved state of a learner, just built, and its environment; return `extra`.

    A foreign environment cannot be saved: it starts new episodes instead.

    Raises:
        UsageError: where a file is missing or damaged.
    """
    path = folder / "state.json"
    read_card(folder)
    load_tensors(model.policy, folder / "policy.safetensors")
    tensors = read_tensors(folder / "state.safetensors")
    try:
        values = json.loads(path.read_text())
        _restore(model, tensors, values)
        return dict(values["extra"])
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"the checkpoint {folder} is damaged: {type(error).__name__}: {error}") from error


def _state(model: PolicyGradient) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and JSON values of a learner's state, without its policy."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - SB3 and its callbacks use it
    keys = numpy_state["state"]["key"]  # type: ignore[call-overload, index]
    version, internal, gauss_next = random.getstate()
    values: dict[str, Any] = {
        "num_timesteps": model.num_timesteps,
        "n_updates": model._n_updates,
        "physics_errors": model.physics_errors,
        "episodes": list(model.ep_info_buffer or []),
        "successes": [float(success) for success in model.ep_success_buffer or []],
        "numpy": numpy_state | {"state": {"pos": numpy_state["state"]["pos"]}},  # type: ignore[operator, call-overload, index]
        "python": [version, list(internal), gauss_next],
        "env": {},
    }
    tensors = {"rng.torch": torch.get_rng_state(), "rng.numpy": torch.from_numpy(keys.astype(np.int64))}
    for optimizer, statistics in model.optimizers().items():
        for i, state in statistics.state_dict()["state"].items():
            tensors |= {f"{optimizer}.{i}.{name}": value.contiguous() for name, value in state.items()}
    tensors |= {LEARNER + name: torch.from_numpy(array) for name, array in model.get_state().items()}
    robots = batched(model.env)
    if robots is not None and model._last_obs is not None:
        tensors["last_obs"] = torch.from_numpy(np.ascontiguousarray(model._last_obs))
        for name, value in robots.get_state().items():
            if isinstance(value, np.ndarray):
                tensors[ENV + name] = torch.from_numpy(np.ascontiguousarray(value))
            else:
                values["env"][name] = value
    return tensors, values


def _restore(model: PolicyGradient, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    model.num_timesteps = int(values["num_timesteps"])
    model._n_updates = int(values["n_updates"])
    model.physics_errors = values["physics_errors"]
    model.ep_info_buffer = deque(values["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(values["successes"], maxlen=model._stats_window_size)
    for optimizer, statistics in model.optimizers().items():
        state = statistics.state_dict()
        for key, value in tensors.items():
            if key.startswith(optimizer + "."):
                i, name = key.removeprefix(optimizer + ".").split(".")
                state["state"].setdefault(int(i), {})[name] = value
        statistics.load_state_dict(state)
    model.set_state({key.removeprefix(LEARNER): t.numpy() for key, t in tensors.items() if key.startswith(LEARNER)})
    robots = batched(model.env)
    if robots is not None and "last_obs" in tensors:
        arrays = {key.removeprefix(ENV): value.numpy() for key, value in tensors.items() if key.startswith(ENV)}
        robots.set_state(arrays | values["env"])
        model._last_obs = tensors["last_obs"].numpy()
        model._last_episode_starts = np.zeros(model.n_envs, bool)
    numpy_state = values["numpy"]
    numpy_state["state"]["key"] = tensors["rng.numpy"].numpy().astype(np.uint32)
    np.random.set_state(numpy_state)  # noqa: NPY002
    version, internal, gauss_next = values["python"]
    random.setstate((version, tuple(internal), gauss_next))
    torch.set_rng_state(tensors["rng.torch"])  # last: building the objects above may have drawn from it
