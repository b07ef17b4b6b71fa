"""Checkpoints: everything that a run's future depends on, as tensors and JSON, so that resuming is exact."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor

from agents.policy_gradient import PolicyGradient
from envs.arguments import check_fields
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.files import atomic_folder, read_json, write_json
from locomotion.policies.card import PolicyCard, read_card
from locomotion.policies.stored import save_policy
from locomotion.policies.tensors import fill, read_tensors, write_tensors

ENV, LEARNER = "env.", "learner."
MT19937 = 624  # words of its state; numpy believes any position among them
REMEDY = "restore it from a copy, or delete this checkpoint to go on from the one before"
Whole = Annotated[int, Interval(ge=0, lt=2**63)]
# Of an episode, as SB3 keeps it: `r` and `l`, and what our environments add.
EPISODE: dict[str, Any] = {"r": float, "l": float, "terms": dict[str, float], "tracked": dict[str, float]}
ENV_STATE: dict[str, Any] = {"physics_errors": Whole, "seeds": list[int]}  # of ours, where they are there
STATE: dict[str, Any] = {  # types of what every state.json holds
    "num_timesteps": Whole,
    "n_updates": Whole,
    "physics_errors": Whole,
    "episodes": list[dict[str, Any]],
    "successes": list[float],
    "numpy": dict[str, Any],
    "python": list,
    "env": dict[str, Any],
    "extra": dict[str, Any],
}


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
        write_tensors(tensors, temporary / "state.safetensors")
        write_json(temporary / "state.json", values | {"extra": extra})


def load_checkpoint(folder: Path, model: PolicyGradient) -> dict[str, Any]:
    """Restore the saved state of a learner, just built, and its environment; return `extra`.

    A foreign environment cannot be saved: it starts new episodes instead.

    Raises:
        UsageError: where a file is missing or damaged.
    """
    read_card(folder, REMEDY)
    policy = folder / "policy.safetensors"
    fill(model.policy, read_tensors(policy, REMEDY), policy)
    tensors = read_tensors(folder / "state.safetensors", REMEDY)
    values = read_json(folder / "state.json", *STATE, remedy=REMEDY)
    try:
        check_fields(STATE, {name: values[name] for name in STATE})
        _restore(model, tensors, values)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"the checkpoint {folder} is damaged ({reason}); {REMEDY}") from error
    return values["extra"]


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
    for episode in values["episodes"]:
        check_fields(EPISODE, {name: episode[name] for name in EPISODE if name in "rl" or name in episode})
    model.ep_info_buffer = deque(values["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(values["successes"], maxlen=model._stats_window_size)
    for optimizer, statistics in model.optimizers().items():
        state = statistics.state_dict()
        parameters = [parameter for group in statistics.param_groups for parameter in group["params"]]
        for key, value in tensors.items():
            if key.startswith(optimizer + "."):
                i, name = key.removeprefix(optimizer + ".").split(".")
                if value.shape not in ((), parameters[int(i)].shape):
                    raise ValueError(f"{key} is of shape {tuple(value.shape)}")
                state["state"].setdefault(int(i), {})[name] = value
        statistics.load_state_dict(state)
    model.set_state(_saved(tensors, LEARNER, model.get_state()))
    robots = batched(model.env)
    if robots is not None and "last_obs" in tensors:
        own = {name: value for name, value in robots.get_state().items() if isinstance(value, np.ndarray)}
        check_fields(ENV_STATE, {name: value for name, value in values["env"].items() if name in ENV_STATE})
        robots.set_state(_saved(tensors, ENV, own, shapes=True) | values["env"])
        model._last_obs = _saved(tensors, "last_", {"obs": own["observations"]}, shapes=True)["obs"]
        model._last_episode_starts = np.zeros(model.n_envs, bool)
    numpy_state = values["numpy"]
    check_fields({"pos": Annotated[int, Interval(ge=0, le=MT19937)]}, {"pos": numpy_state["state"]["pos"]})
    numpy_state["state"]["key"] = tensors["rng.numpy"].numpy().astype(np.uint32)
    np.random.set_state(numpy_state)  # noqa: NPY002
    version, internal, gauss_next = values["python"]
    random.setstate((version, tuple(internal), gauss_next))
    torch.set_rng_state(tensors["rng.torch"])  # last: building the objects above may have drawn from it


def _saved(
    tensors: Mapping[str, Tensor], prefix: str, own: Mapping[str, np.ndarray], shapes: bool = False
) -> dict[str, np.ndarray]:
    """Return the saved arrays of a prefix.

    Args:
        tensors: all.
        prefix: of their names, which is taken off.
        own: arrays that must be among them, of the same type and as many dimensions.
        shapes: whether they must be of the same shape, too.

    Raises:
        KeyError, ValueError: naming the first that is missing or of another kind.
    """
    saved = {name.removeprefix(prefix): one.numpy() for name, one in tensors.items() if name.startswith(prefix)}
    for name, array in own.items():
        found = saved[name]
        same = found.shape == array.shape if shapes else found.ndim == array.ndim
        if not same or found.dtype != array.dtype:
            raise ValueError(f"{prefix}{name} is of type {found.dtype} and shape {found.shape}")
    return saved
