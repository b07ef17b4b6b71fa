"""Evidence of a blow-up: all that it takes to replay the step in which one robot's simulation blew up."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from envs.task import Task


@dataclass(frozen=True, eq=False)
class BlowUp:
    """The step in which one robot's simulation blew up, as it stood when the physics began.

    From `state` the physics follows to the last bit: it needs neither `Task.apply` nor the steps before.
    """

    task: str  # name of the Task's class
    fields: Mapping[str, Any]  # of the task, those that differ from their defaults
    robot: int  # its row in the world
    seed: int  # of its generator
    step: int  # steps of the episode before this one
    found: str  # what was not finite, in words
    action: np.ndarray  # (actions,) as given
    state: np.ndarray  # (numbers,) mjSTATE_INTEGRATION: the state before, with the controls that `Task.apply` wrote
    before: Mapping[str, np.ndarray]  # what the task remembers of the step before, by name
    model: str  # fingerprint of the compiled model, of which `Task.physics` may change fields


class Witness:
    """Keeps what the physics began a step with, from which it makes the evidence of blow-ups.

    Args:
        task: of the robots.
        model: compiled.
        states: the rows (N, numbers) of the batch.
    """

    def __init__(self, task: Task, model: mujoco.MjModel, states: np.ndarray):
        self._task = task
        self._model = model
        self.states = states.copy()  # (N, numbers) with which the last step's physics began

    def enter(self, states: np.ndarray) -> None:
        """Keep the rows (N, numbers) with which the physics is about to begin."""
        np.copyto(self.states, states)

    def blow_up(
        self, robot: int, seed: int, step: int, found: str, action: np.ndarray, before: Mapping[str, np.ndarray]
    ) -> BlowUp:
        """Return the evidence of one robot; `before` is what the task remembers of all of them, arrays (N, ...)."""
        return BlowUp(
            task=type(self._task).__name__,
            fields=changed_fields(self._task),
            robot=robot,
            seed=seed,
            step=step,
            found=found,
            action=np.array(action),
            state=self.states[robot].copy(),
            before={name: np.array(values[robot]) for name, values in before.items()},
            model=self._fingerprint,
        )

    @functools.cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._model)


def changed_fields(task: Task) -> dict[str, Any]:
    """Return the fields of a task that differ from their defaults."""
    changed = {}
    for field in dataclasses.fields(task):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        value = getattr(task, field.name)
        if value != default:
            changed[field.name] = value
    return changed


def fingerprint(model: mujoco.MjModel) -> str:
    """Return what tells a compiled model from any other: the SHA-256 of its binary file."""
    content = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    return hashlib.sha256(content.tobytes()).hexdigest()


def not_finite(kind: str, names: Sequence[str | int], values: np.ndarray) -> list[str]:
    """Return which of these values (n,) are not finite, in words: `reward term effort is inf`."""
    return [f"{kind} {names[i]} is {values[i]}" for i in np.flatnonzero(~np.isfinite(values)).tolist()]
