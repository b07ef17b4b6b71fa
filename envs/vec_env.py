"""The door for Stable-Baselines3: the robots of a World as one of its VecEnvs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from envs.arguments import at_least_one, whole_number
from envs.episodes import outcome
from envs.observation import Observations
from envs.registry import canonical_id, make_task
from envs.rendering import Pictures, Renderer, renderer_for
from envs.task import Task
from envs.world import World


def make_vec(
    env_id: str,
    num_envs: int,
    seed: int | None = 0,
    *,
    num_threads: int | None = None,
    render_mode: str | None = None,
    width: int = 480,
    height: int = 480,
    stagger: bool | tuple[int, int] = False,
    **task_kwargs: Any,
) -> VecEnv:
    """Return `num_envs` robots behind Stable-Baselines3's VecEnv interface.

    Our own robots (`CartPole` is short for `Locomotion/CartPole-v0`), registered ones and Gymnasium's MuJoCo robots
    (`Hopper-v5`) are stepped together as one batch, any other Gymnasium environment by Stable-Baselines3's own
    `make_vec_env`.

    Args:
        env_id: an id, or the short name of one of our own robots or of a registered one.
        num_envs: the number of robots, at least 1.
        seed: robot i begins as `gymnasium.make(env_id)` does after `reset(seed=seed + i)`; None for a random seed.
        num_threads: threads that step a batch's physics; by default one for each core.
        render_mode: None or `rgb_array` (or a mode of the other environment's).
        width: of a batch's pictures, in pixels.
        height: of a batch's pictures, in pixels.
        stagger: whether the ends of a batch's first episodes are evenly spread; where these robots are some of many,
            the number of the first and that of all (see `World.stagger`).
        **task_kwargs: the task's fields, or the other environment's keyword arguments.

    Raises:
        UnknownEnvironment: naming the nearest known ids.
        TypeError: for an argument that the task does not have, or one of another type.
        ValueError: for a number of robots, threads or pixels below 1, a negative seed, a field out of its range, or
            `stagger` for an environment that is not stepped in a batch.
    """
    env_id = canonical_id(env_id)
    num_envs = at_least_one(num_envs, "the number of robots")
    seed = None if seed is None else whole_number(seed, "the seed")
    if seed is not None and seed < 0:
        raise ValueError(f"the seed must not be negative, got {seed}")
    task = make_task(env_id, **task_kwargs)
    if task is None:
        if stagger:
            raise ValueError(f"stagger: only the episodes of our own tasks can be staggered, not those of {env_id}")
        env_kwargs = task_kwargs if render_mode is None else task_kwargs | {"render_mode": render_mode}
        return make_vec_env(env_id, num_envs, seed=seed, env_kwargs=env_kwargs, wrapper_class=_with_arrays)
    return BatchedVecEnv(
        task,
        num_envs,
        seed,
        num_threads=num_threads,
        pictures=Pictures(render_mode, width, height),
        stagger=stagger,
    )


def _with_arrays(env: gymnasium.Env) -> gymnasium.Env:
    """Return an environment whose observations SB3's VecEnvs can hold: arrays, or a Dict or Tuple of arrays."""
    space = env.observation_space
    parts = space.spaces if isinstance(space, gymnasium.spaces.Dict | gymnasium.spaces.Tuple) else [space]
    if any(part.shape is None for part in (parts.values() if isinstance(parts, Mapping) else parts)):
        raise ValueError(f"observations must be arrays, or a Dict or Tuple of arrays, got {space}")
    return env


class BatchedVecEnv(VecEnv):
    """N robots behind SB3's VecEnv interface, with SB3's semantics.

    - A robot whose episode ends begins the next one in the same step; `infos[i]` then holds `terminal_observation`,
      `TimeLimit.truncated`, `episode` (`r`, `l`, `t` as SB3's Monitor writes them, and the sums over the episode of
      the reward's `terms` and of the `tracked` quantities), `is_success` for a task with a goal, and `physics_error`,
      a `BlowUp`, if the simulation blew up.
    - Arrays that are returned belong to the caller; rewards are float32, as in SB3's own VecEnvs.
    - `get_attr`, `set_attr` and `env_method` address `Robot` objects, one for each row.
    - Options of `set_options` have no effect: no task has any.
    """

    always_finite = True  # what a learner asks of a VecEnv that needs no guard

    def __init__(
        self,
        task: Task,
        num_envs: int,
        seed: int | None = 0,
        *,
        num_threads: int | None = None,
        pictures: Pictures | None = None,
        stagger: bool | tuple[int, int] = False,
    ):
        self.world = World(task, num_envs, num_threads)
        num_envs = self.world.num_robots
        self.task = task
        self._stagger = stagger
        self._renderer = renderer_for(pictures, self.world)
        self.robots = [Robot(self.world, i, self._renderer) for i in range(num_envs)]
        super().__init__(num_envs, self.world.observation_space, self.world.action_space)
        self.metadata["render_fps"] = round(1.0 / self.world.dt)
        self._actions = self.world.actions.idle
        if seed is not None:
            self.seed(seed)

    def reset(self) -> Observations:  # type: ignore[override]
        observations = self.world.reset(np.arange(self.num_envs), self._seeds)
        if self._stagger:
            self.world.stagger(*self._stagger) if isinstance(self._stagger, tuple) else self.world.stagger()
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
            } | outcome(episode)
            if episode["whole"]:
                infos[i]["episode"] = {
                    "r": round(episode["return"], 6),
                    "l": episode["length"],
                    "t": round(episode["wall_time"], 6),
                    "terms": episode["terms"],
                    "tracked": episode["tracked"],
                }
            self.reset_infos[i] = {}
        rewards, dones = step.rewards.astype(np.float32), step.terminated | step.truncated
        return step.observations, rewards, dones, infos  # type: ignore[return-value]

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()

    def get_images(self, late: float = 0.0) -> Sequence[np.ndarray | None]:
        """Return a picture of each robot: at present, or as it was `late` seconds ago, in its last step."""
        return [robot.render(late) for robot in self.robots]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.robots[i], attr_name) for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        if hasattr(self.task, attr_name):
            raise AttributeError(f"{attr_name} is fixed for the life of a task: pass it to make_vec instead")
        for i in self._get_indices(indices):
            setattr(self.robots[i], attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        return [getattr(self.robots[i], method_name)(*method_args, **method_kwargs) for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Return whether robots report what a wrapper reports: nothing wraps them, but `infos` are as of a Monitor."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]

    def get_state(self) -> dict[str, Any]:
        """Return everything that the robots' future depends on (see `World.get_state`)."""
        return self.world.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore a state of `get_state` (see `World.set_state`)."""
        self.world.set_state(state)


class Robot:
    """One row of a BatchedVecEnv, with the attributes that SB3 and its users expect of an environment.

    The task's fields are its attributes, too: `venv.get_attr("forward_reward_weight")`.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    spec = None

    def __init__(self, world: World, index: int, renderer: Renderer | None):
        self.task = world.task
        self.observation_space = world.observation_space
        self.action_space = world.action_space
        self.render_mode = None if renderer is None else "rgb_array"
        self._world = world
        self._index = index
        self._renderer = renderer

    @property
    def unwrapped(self) -> Robot:
        """The robot itself: nothing wraps it."""
        return self

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of this robot's first states."""
        return self._world.starts.rngs[self._index]

    def render(self, late: float = 0.0) -> np.ndarray | None:
        """Return a picture (height, width, 3) of this robot, or None without a `render_mode`."""
        return None if self._renderer is None else self._renderer.render(self._index, late)

    def __getattr__(self, name: str) -> Any:
        if name == "task":  # not there yet: the robot is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.task, name)
