"""The door for `gymnasium.make_vec`: the robots of a World as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space

from envs.episodes import outcome
from envs.registry import require_task
from envs.rendering import Pictures, renderer_for
from envs.world import World


class VectorEnv(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N robots, for `gymnasium.make_vec("envs:Locomotion/CartPole-v0", N, ...)`.

    A robot whose episode ends begins the next one in the same step; `infos["final_obs"][i]` and
    `infos["final_info"]` then hold the end of the episode before, as in Gymnasium's own vector environments.

    Args:
        task: the canonical id of a robot that is stepped in batches.
        num_envs: N.
        render_mode: None or `rgb_array`.
        num_threads: threads that step the physics; by default one for each core.
        width: of pictures, in pixels.
        height: of pictures, in pixels.
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
        **task_kwargs: Any,
    ):
        self.task = require_task(task, **task_kwargs)
        self.world = World(self.task, num_envs, num_threads)
        self.num_envs = num_envs
        self.single_observation_space = self.world.observation_space
        self.single_action_space = self.world.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.metadata = type(self).metadata | {"render_fps": round(1.0 / self.world.dt)}
        self.render_mode = render_mode
        self._renderer = renderer_for(Pictures(render_mode, width, height), self.world)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new episodes; return observations (N, observations) and no infos.

        Args:
            seed: robot i gets `seed + i`, or the i-th of a sequence.
            options: `reset_mask` (N,), bool, selects the robots to reset; the others go on.
        """
        if seed is None or isinstance(seed, (int, np.integer)):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
            if len(seeds) != self.num_envs:
                raise ValueError(f"{self.num_envs} robots need as many seeds, got {len(seeds)}")
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(f"reset_mask must be {self.num_envs} booleans, at least one of them True, got {mask}")
        ids = mask.nonzero()[0]
        self.world.reset(ids, [seeds[i] for i in ids])
        return self.world.observations, {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        step = self.world.step(np.asarray(actions))
        infos: dict[str, Any] = {}
        for name, term in step.terms.items():
            infos |= {f"reward_{name}": term, f"_reward_{name}": np.ones(self.num_envs, bool)}
        for i, final_observation, episode in zip(step.ended, step.final_observations, step.episodes, strict=True):
            final_info = {f"reward_{name}": float(term[i]) for name, term in step.terms.items()}
            final_info |= outcome(episode)
            infos = self._add_info(infos, {"final_obs": final_observation, "final_info": final_info}, i)
        return step.observations, step.rewards, step.terminated, step.truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:  # type: ignore[override]
        return None if self._renderer is None else tuple(self._renderer.render(i) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        if self._renderer is not None:
            self._renderer.close()
