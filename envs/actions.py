"""Actions as callers give them: checked before a task sees them."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from envs.simulation import all_finite


class Actions:
    """What N robots may do at once.

    Args:
        space: of one robot.
        num_robots: N.
        task: name of the task, for messages.
    """

    def __init__(self, space: spaces.Box | spaces.Discrete, num_robots: int, task: str):
        assert space.shape is not None  # a Box or Discrete has one
        self._space = space
        self._task = task
        first = space.start if isinstance(space, spaces.Discrete) else 0
        self.idle = np.full((num_robots, *space.shape), first, space.dtype)  # valid: zeros, or the first choice

    def checked(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the actions with zeros for those of robots with a non-finite one, and which robots (N,) these are.

        Raises:
            ValueError: for another shape; for choices that are not in the space.
        """
        if actions.shape != self.idle.shape:
            raise ValueError(f"{self._task} takes actions of shape {self.idle.shape}, got {actions.shape}")
        broken = np.zeros(len(actions), bool)
        if isinstance(self._space, spaces.Discrete):
            self._require_choices(actions, self._space)
        elif not all_finite(actions):
            broken = ~np.isfinite(actions).all(axis=1)
            actions = np.where(broken[:, None], actions.dtype.type(0), actions)
        # The order in which numpy adds up a row depends on the memory layout: always one robot after the other.
        return np.ascontiguousarray(actions), broken

    def _require_choices(self, actions: np.ndarray, space: spaces.Discrete) -> None:
        first, last = int(space.start), int(space.start + space.n - 1)
        wrong = actions if actions.dtype.kind not in "iu" else actions[(actions < first) | (actions > last)]
        if len(wrong):
            raise ValueError(f"{self._task} takes whole numbers from {first} to {last} as actions, got {wrong[0]!r}")
