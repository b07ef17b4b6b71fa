"""The door for `gymnasium.make_vec`: the robots of a World as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space

from envs.arguments import whole_number
from envs.episodes import outcome
from envs.observation import Observations
from envs.registry import require_task
from envs.rendering import Pictures, renderer_for
from envs.world import Step, World


class VectorEnv(GymnasiumVectorEnv[Observations, np.ndarray, np.ndarray]):
    """N robots, for `gymnasium.make_vec("envs:Locomotion/CartPole-v0", N, ...)`.

    What happens where an episode ends is Gymnasium's `AutoresetMode`, and all that is returned is what its own
    `SyncVectorEnv` returns of as many single environments:

    - `SAME_STEP`: the next episode begins in the same step; `infos["final_obs"][i]` and `infos["final_info"]` hold the
      end of the episode before.
    - `NEXT_STEP`: the next step begins it, whatever the action, with reward 0.
    - `DISABLED`: the caller begins it, by `reset(options={"reset_mask": terminated | truncated})`.

    Args:
        task: the canonical id of a robot that is stepped in batches.
        num_envs: N.
        render_mode: None or `rgb_array`.
        num_threads: threads that step the physics; by default one for each core.
        width: of pictures, in pixels.
        height: of pictures, in pixels.
        autoreset_mode: an `AutoresetMode` or its value.
        **task_kwargs: the task's fields.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        render_mode: str | None = None,
        num_threads: int | None = None,
        width: int = 480,
        height: int = 480,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **task_kwargs: Any,
    ):
        self.autoreset_mode = _mode(autoreset_mode)
        self.task = require_task(task, **task_kwargs)
        self.world = World(self.task, num_envs, num_threads, auto_reset=self.autoreset_mode is AutoresetMode.SAME_STEP)
        self._ended = np.zeros(self.world.num_robots, bool)  # the robots whose next episode has not begun
        self.num_envs = num_envs = self.world.num_robots
        self.single_observation_space = self.world.observation_space
        self.single_action_space = self.world.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.metadata = {
            **type(self).metadata,
            "render_fps": round(1.0 / self.world.dt),
            "autoreset_mode": self.autoreset_mode,
        }
        self.render_mode = render_mode
        self._renderer = renderer_for(Pictures(render_mode, width, height), self.world)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin new episodes; return observations (N, observations) and no infos.

        Args:
            seed: robot i gets `seed + i`, or the i-th of a sequence.
            options: `reset_mask` (N,), bool, selects the robots to reset; the others go on.
        """
        given: Any = seed
        if given is None:
            seeds: list[int | None] = [None] * self.num_envs
        elif np.ndim(given) == 0:
            seeds = [whole_number(given, "the seed") + i for i in range(self.num_envs)]
        else:
            seeds = list(given)
            if len(seeds) != self.num_envs:
                raise ValueError(f"{self.num_envs} robots need as many seeds, got {len(seeds)}")
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(f"reset_mask must be {self.num_envs} booleans, at least one of them True, got {mask}")
        ids = mask.nonzero()[0]
        self.world.reset(ids, [seeds[i] for i in ids])
        self._ended[ids] = False
        return self.world.observations, {}

    def step(self, actions: np.ndarray) -> tuple[Observations, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Apply actions (N, actions).

        Raises:
            ResetNeeded: with autoreset disabled, for robots whose episode has ended.
        """
        waiting = self._ended.copy()
        if self.autoreset_mode is AutoresetMode.DISABLED and waiting.any():
            raise ResetNeeded(
                f"autoreset is disabled, and the episodes of the robots {np.flatnonzero(waiting).tolist()} have ended:"
                " begin new ones by reset(options={'reset_mask': ...})"
            )
        actions = np.asarray(actions)
        step = self._step_others(actions, waiting) if waiting.any() else self.world.step(actions)
        ended = step.terminated | step.truncated
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        self._ended = np.zeros_like(ended) if same_step else ended

        infos: dict[str, Any] = {}
        told = ~(ended if same_step else waiting)  # the others' terms are in `final_info`, or there are none
        if told.any():
            for name, term in step.terms.items():
                infos |= {f"reward_{name}": np.where(told, term, 0.0), f"_reward_{name}": told.copy()}
        for i, final_observation, episode in zip(step.ended, step.final_observations, step.episodes, strict=True):
            if waiting[i]:
                continue
            info = outcome(episode)
            if same_step:
                final_info = {f"reward_{name}": float(term[i]) for name, term in step.terms.items()} | info
                info = {"final_obs": final_observation, "final_info": final_info}
            infos = self._add_info(infos, info, i)
        return step.observations, step.rewards, step.terminated, step.truncated, infos

    def _step_others(self, actions: np.ndarray, waiting: np.ndarray) -> Step:
        """Begin a new episode for the robots that wait for it, and apply the actions of the others.

        The world steps all robots. What this changes of those that wait is undone, for their next episode may begin
        with numbers that the last one kept (`Task.memory`).
        """
        ids = waiting.nonzero()[0]
        before = self.world.batch.state[ids]
        idle = actions.copy()
        if idle.shape == self.action_space.shape:  # any other is the world's to refuse
            idle[ids] = self.world.actions.idle[ids]
        step = self.world.step(idle)
        self.world.batch.state[ids] = before
        self.world.reset(ids)
        step.observations = self.world.observations
        step.rewards, step.terminated, step.truncated = (
            np.where(waiting, values.dtype.type(0), values)
            for values in (step.rewards, step.terminated, step.truncated)
        )
        return step

    def render(self) -> tuple[np.ndarray, ...] | None:  # type: ignore[override]
        return None if self._renderer is None else tuple(self._renderer.render(i) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        if self._renderer is not None:
            self._renderer.close()


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        known = ", ".join(each.value for each in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {known}, got {mode!r}") from error
