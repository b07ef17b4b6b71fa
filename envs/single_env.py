"""The door for `gymnasium.make`: a World of one robot as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from envs.arguments import whole_number
from envs.episodes import outcome
from envs.observation import Observations, observation_of
from envs.registry import require_task
from envs.rendering import Pictures, renderer_for
from envs.world import World

ONLY = np.array([0])


class SingleEnv(gymnasium.Env[Observations, Any]):
    """One robot, for `gymnasium.make("envs:Locomotion/CartPole-v0", ...)`.

    It is seeded like any Gymnasium environment, and truncates episodes by the task's own `episode_steps`. `info` holds
    each term of the reward as `reward_<name>`, `is_success` at the end of an episode with a goal, and a `BlowUp` as
    `physics_error` after a step in which the simulation blew up.

    Args:
        task: the canonical id of a robot that is stepped in batches.
        render_mode: None or `rgb_array`.
        width: of the pictures, in pixels.
        height: of the pictures, in pixels.
        **task_kwargs: the task's fields.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self, task: str, render_mode: str | None = None, width: int = 480, height: int = 480, **task_kwargs: Any
    ):
        self.task = require_task(task, **task_kwargs)
        self.world = World(self.task, 1, auto_reset=False)
        self.observation_space = self.world.observation_space  # type: ignore[assignment]  # a Box or a Dict
        self.action_space = self.world.action_space
        self.metadata = type(self).metadata | {"render_fps": round(1.0 / self.world.dt)}
        self.render_mode = render_mode
        self._renderer = renderer_for(Pictures(render_mode, width, height), self.world)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        super().reset(seed=None if seed is None else whole_number(seed, "the seed"))
        self.world.starts.rngs[0], self.world.starts.seeds[0] = self.np_random, self.np_random_seed
        if seed is not None:
            self.world.forget(ONLY)
        return observation_of(self.world.reset(ONLY), 0), {}

    def step(self, action: np.ndarray) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        step = self.world.step(np.asarray(action)[None])
        info: dict[str, Any] = {f"reward_{name}": float(term[0]) for name, term in step.terms.items()}
        for episode in step.episodes:
            info |= outcome(episode)
        terminated = bool(step.terminated[0])
        return observation_of(step.observations, 0), float(step.rewards[0]), terminated, bool(step.truncated[0]), info

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        return None if self._renderer is None else self._renderer.render(0)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
