"""The door for Stable-Baselines3: the robots of a World as one of its VecEnvs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from envs.rendering import Renderer
from envs.task import Task
from envs.world import World


class BatchedVecEnv(VecEnv):
    """N robots behind SB3's VecEnv interface, with SB3's semantics.

    - Robots whose episode ends begin the next one in the same step; `infos[i]` then holds `terminal_observation`,
      `TimeLimit.truncated`, `episode` (`r`, `l`, `t` as SB3's Monitor writes them), `terms` (each reward term and
      tracked quantity, summed over the episode) and, if the simulation blew up, `physics_error`.
    - Arrays that are returned belong to the caller; rewards are float32, as in SB3's own VecEnvs.
    - `get_attr`, `set_attr` and `env_method` speak to `Robot` objects, one for each row.
    """

    def __init__(
        self,
        task: Task,
        num_envs: int,
        seed: int | None = 0,
        *,
        num_threads: int | None = None,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        self.world = World(task, num_envs, num_threads)
        self.task = task
        self._renderer = Renderer(self.world, width, height) if render_mode else None
        self.robots = [Robot(self, i, render_mode) for i in range(num_envs)]
        super().__init__(num_envs, self.world.observation_space, self.world.action_space)
        self.metadata["render_fps"] = round(1.0 / self.world.dt)
        self._actions = np.zeros((num_envs, *self.action_space.shape), self.action_space.dtype)
        if seed is not None:
            self.seed(seed)

    def reset(self) -> np.ndarray:
        observations = self.world.reset(np.arange(self.num_envs), self._seeds)
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions)

    def step_wait(self) -> VecEnvStepReturn:
        step = self.world.step(self._actions)
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        for i, final_observation, episode in zip(step.ended, step.final_observations, step.episodes, strict=True):
            infos[i] |= {
                "terminal_observation": final_observation,
                "TimeLimit.truncated": bool(step.truncated[i] and not step.terminated[i]),
                "episode": {
                    "r": round(episode["return"], 6),
                    "l": episode["length"],
                    "t": round(episode["wall_time"], 6),
                },
                "terms": episode["sums"],
            }
            if episode["physics_error"]:
                infos[i]["physics_error"] = True
            self.reset_infos[i] = {}
        return step.observations, step.rewards.astype(np.float32), step.terminated | step.truncated, infos

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        return [robot.render() for robot in self.robots]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.robots[i], attr_name) for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        for i in self._get_indices(indices):
            setattr(self.robots[i], attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any):
        return [getattr(self.robots[i], method_name)(*method_args, **method_kwargs) for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def get_state(self) -> dict[str, Any]:
        """Return all that the robots' future depends on (see `World.get_state`)."""
        return self.world.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on exactly where `get_state` was called."""
        self.world.set_state(state)


class Robot:
    """One row of a BatchedVecEnv, with the attributes that SB3 and its users ask an environment for."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, vec_env: BatchedVecEnv, index: int, render_mode: str | None):
        self._vec_env = vec_env
        self._index = index
        self.render_mode = render_mode
        self.spec = None

    @property
    def unwrapped(self) -> Robot:
        return self

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of this robot's start states."""
        return self._vec_env.world.rngs[self._index]

    def render(self) -> np.ndarray | None:
        """Return a picture (height, width, 3) of this robot, or None where no `render_mode` was asked for."""
        renderer = self._vec_env._renderer
        return None if renderer is None else renderer.render(self._index)

    def __getattr__(self, name: str) -> Any:
        # What is not the robot's own is the task's or the VecEnv's: forward_reward_weight, action_space, ...
        if name.startswith("_"):
            raise AttributeError(name)
        for owner in (self._vec_env.task, self._vec_env):
            if name in ("observation_space", "action_space") or owner is self._vec_env.task:
                if hasattr(owner, name):
                    return getattr(owner, name)
        raise AttributeError(f"a robot of {type(self._vec_env.task).__name__} has no attribute {name!r}")
