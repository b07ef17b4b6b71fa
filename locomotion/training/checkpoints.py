"""Checkpoints: everything that a run's future depends on, as tensors and JSON, so that resuming is exact."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from itertools import chain
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
    """Write a checkpoint, between two iterations: whole, or not at all. The learner's processes must all call `tell`.

    Args:
        folder: of the checkpoint.
        model: the learner with its environment.
        card: of its policy.
        extra: JSON values of the caller's, which `read_checkpoint` gives back.
    """
    states = tell(model)
    assert states is not None
    tensors, values = _merged(model, states)
    with atomic_folder(folder) as temporary:
        save_policy(model.policy, card, temporary)
        write_tensors(tensors, temporary / "state.safetensors")
        write_json(temporary / "state.json", values | {"extra": extra})


def load_checkpoint(folder: Path, model: PolicyGradient) -> dict[str, Any]:
    """Restore the saved state of a learner, just built, and its environment; return `extra`.

    All processes of the learner must call it; process 0 alone reads the files. A foreign environment cannot be saved:
    it starts new episodes instead.

    Raises:
        UsageError: where a file is missing, damaged, or of another version.
    """
    exchange, file = model.team.exchange, folder / "policy.safetensors"
    policy, tensors, values = exchange.announce(_read(folder) if exchange.rank == 0 else None)
    fill(model.policy, policy, file)
    try:
        check_fields(STATE, {name: values[name] for name in STATE})
        _restore(model, tensors, values)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"the checkpoint {folder} is damaged, or of another version ({reason}); {REMEDY}") from error
    return values["extra"]


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    read_card(folder, REMEDY)
    policy = read_tensors(folder / "policy.safetensors", REMEDY)
    tensors = read_tensors(folder / "state.safetensors", REMEDY)
    return policy, tensors, read_json(folder / "state.json", *STATE, remedy=REMEDY)


def tell(model: PolicyGradient) -> list[dict[str, Any]] | None:
    """Return, in process 0, what depends on each process's robots, by rank; in others nothing."""
    own: dict[str, Any] = {"learner": model.get_state(), "env": {}, "last_obs": None}
    robots = batched(model.env)
    if robots is not None and model._last_obs is not None:
        own |= {"env": robots.get_state(), "last_obs": model.rollout_buffer.packing.pack(model._last_obs)}
    return model.team.exchange.collect(own)


def _merged(model: PolicyGradient, states: list[dict[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Any]]:
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
    learner = model.merged([state["learner"] for state in states])
    arrays = {LEARNER + name: array for name, array in learner.items()}
    if states[0]["env"]:
        arrays["last_obs"] = np.concatenate([state["last_obs"] for state in states])
        for name, first in states[0]["env"].items():
            parts = [state["env"][name] for state in states]
            if isinstance(first, np.ndarray):
                arrays[ENV + name] = np.concatenate(parts)
            else:  # of lists, all; of counts, the sum
                values["env"][name] = list(chain(*parts)) if isinstance(first, list) else sum(parts)
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
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
    own = model.team.own_robots
    model.set_state(model.own_part(_saved(tensors, LEARNER, model.get_state())))
    robots = batched(model.env)
    if robots is not None and "last_obs" in tensors:
        state = robots.get_state()
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        check_fields(ENV_STATE, {name: value for name, value in values["env"].items() if name in ENV_STATE})
        everyones = _saved(tensors, ENV, arrays, robots=model.team.robots)
        mine = {name: value[own] if isinstance(value, list) else value for name, value in values["env"].items()}
        if own.start > 0:  # the first process counts for all
            mine["physics_errors"] = 0
        robots.set_state({name: array[own] for name, array in everyones.items()} | mine)
        alike = model.rollout_buffer.packing.pack(robots.world.observations)
        seen = _saved(tensors, "last_", {"obs": alike}, robots=model.team.robots)["obs"]
        model._last_obs = np.ascontiguousarray(seen[own])  # packed, as all that a learner makes of it
        model._last_episode_starts = np.zeros(model.n_envs, bool)
    numpy_state = values["numpy"]
    check_fields({"pos": Annotated[int, Interval(ge=0, le=MT19937)]}, {"pos": numpy_state["state"]["pos"]})
    numpy_state["state"]["key"] = tensors["rng.numpy"].numpy().astype(np.uint32)
    np.random.set_state(numpy_state)  # noqa: NPY002
    version, internal, gauss_next = values["python"]
    random.setstate((version, tuple(internal), gauss_next))
    torch.set_rng_state(tensors["rng.torch"])  # last: building the objects above may have drawn from it


def _saved(
    tensors: Mapping[str, Tensor], prefix: str, own: Mapping[str, np.ndarray], robots: int | None = None
) -> dict[str, np.ndarray]:
    """Return the saved arrays of a prefix.

    Args:
        tensors: all.
        prefix: of their names, which is taken off.
        own: this process's arrays, which must be among them, of the same type and as many dimensions.
        robots: where it is given, they must be of the same shape, too, but for so many rows.

    Raises:
        KeyError, ValueError: naming the first that is missing or of another kind.
    """
    saved = {name.removeprefix(prefix): one.numpy() for name, one in tensors.items() if name.startswith(prefix)}
    for name, array in own.items():
        found = saved[name]
        same = found.ndim == array.ndim if robots is None else found.shape == (robots, *array.shape[1:])
        if not same or found.dtype != array.dtype:
            raise ValueError(f"{prefix}{name} is of type {found.dtype} and shape {found.shape}")
    return saved
