"""The proof of an exported policy: in the simulator it does what the trained policy does, and sees what that sees."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import mujoco
import numpy as np
import onnxruntime
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents.observations import Observations
from envs.observation import SEEN
from envs.sources import Source
from locomotion.evaluation.episodes import EVALUATION_SEED, Actor, longest_episode
from locomotion.export.actor import seen_by_actor
from locomotion.export.deploy import known_sources, observations
from locomotion.progress import phase

GRAPH = "policy.onnx"
LARGEST = 1e-5  # difference between the actions of the exported and the trained policy
STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value
EPISODES = 2


@dataclass(frozen=True)
class ActionProof:
    """Trained and exported policy, asked for actions in the same episodes."""

    steps: int
    differences: dict[str, float]  # the greatest of each file, in states that all see
    together: int  # steps for which a simulation that the ONNX file drives stays within `LARGEST` of the trained one's
    trained: list[float]  # returns of the trained policy's episodes
    alone: list[float]  # returns in the simulation that the ONNX file drives

    def __str__(self) -> str:
        """Tell it to a reader."""
        lines = [
            f"{file}: actions differ by at most {found:.1e} in {self.steps:,} steps of {EPISODES} episodes"
            for file, found in self.differences.items()
        ]
        ours, theirs = (" and ".join(f"{one:,.2f}" for one in returns) for returns in (self.trained, self.alone))
        apart = "all steps" if self.together == self.steps else f"the first {self.together:,} steps"
        lines.insert(1, f"  in a simulation of its own it acts alike for {apart} and returns {theirs}; trained: {ours}")
        return "\n".join(lines)


@dataclass(frozen=True)
class RunnerProof:
    """The runner's observations and actions, and those of task and policy, in the same states."""

    steps: int
    observation: float  # greatest difference
    action: float  # greatest difference, and of controls in units of an action

    def __str__(self) -> str:
        """Tell it to a reader."""
        return (
            f"observations differ by at most {self.observation:.1e}, actions by {self.action:.1e}, in {self.steps:,}"
            f" steps of {EPISODES} episodes"
        )


class OnnxActor:
    """The ONNX file of a folder, as an actor of one robot."""

    def __init__(self, folder: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / GRAPH, options, ["CPUExecutionProvider"])
        self._inputs = {one.name: one for one in self.session.get_inputs()}
        self._outputs = [one.name for one in self.session.get_outputs()]
        self._memory = {
            name: np.zeros((1, one.shape[1]), np.float32) for name, one in self._inputs.items() if name[1:] == "_in"
        }

    def __call__(self, observations: Observations, starts: np.ndarray) -> np.ndarray:
        """Return the actions (1, ...) for observations (1, ...), given whether an episode begins with them."""
        for values in self._memory.values():
            values[starts] = 0.0
        seen = observations if isinstance(observations, Mapping) else {"obs": observations}
        given = {name: np.asarray(one).astype(_dtype(self._inputs[name].type)) for name, one in seen.items()}
        outputs = dict(zip(self._outputs, self.session.run(None, given | self._memory), strict=True))
        self._memory = {name: outputs[f"{name[0]}_out"] for name in self._memory}
        return outputs["actions"]


def _dtype(onnx_type: str) -> str:
    return {"tensor(float)": "float32", "tensor(uint8)": "uint8"}.get(onnx_type, "int64")


class Loop:
    """A simulation of one robot that an actor drives, episode after episode.

    Args:
        env: the simulation.
        limit: steps after which an episode is cut off.
    """

    def __init__(self, env: VecEnv, limit: int):
        self._env, self._limit, self._age = env, limit, 0
        self.seen: Any = env.reset()
        self.starts = np.ones(1, bool)
        self.returns = [0.0]  # of the episodes so far, and of the present one
        self.steps = 0

    @property
    def over(self) -> bool:
        """Whether all episodes are over."""
        return len(self.returns) > EPISODES

    def step(self, action: np.ndarray) -> None:
        """Take a step."""
        self.seen, rewards, self.starts, _ = self._env.step(action)
        self.returns[-1] += float(rewards[0])
        self.steps, self._age = self.steps + 1, self._age + 1
        if self.starts[0] or self._age == self._limit:
            self.returns.append(0.0)
            self._age = 0


def compare_actions(
    trained: Actor,
    exported: Mapping[str, Actor],
    alone: Actor,
    space: spaces.Space,
    one: VecEnv,
    other: VecEnv,
    limit: int,
) -> ActionProof:
    """Return how exported files' actions differ from the trained policy's over `EPISODES` episodes.

    Args:
        trained: the policy, as an actor of one robot.
        exported: the same of each file.
        alone: once more that of the first file, for its own simulation.
        space: of what the exported actors see.
        one: an environment of one robot, which the trained policy drives.
        other: its equal, which `alone` drives.
        limit: steps after which an episode is cut off.
    """
    differences, together = dict.fromkeys(exported, 0.0), 0
    ours, theirs = Loop(one, limit), Loop(other, limit)
    with phase(f"comparing actions in {EPISODES} episodes", EPISODES * min(longest_episode(one), limit)) as shown:
        while not ours.over:
            action = trained(ours.seen, ours.starts)
            for file, actor in exported.items():
                found = _apart(action, actor(seen_by_actor(ours.seen, space), ours.starts))
                differences[file] = max(differences[file], found)
            if not theirs.over:
                own = alone(seen_by_actor(theirs.seen, space), theirs.starts).reshape(action.shape)
                together += together == ours.steps and _apart(action, own) <= LARGEST
                theirs.step(own)
            ours.step(action)
            shown.advance()
        while not theirs.over:
            theirs.step(alone(seen_by_actor(theirs.seen, space), theirs.starts).reshape(action.shape))
    return ActionProof(ours.steps, differences, together, ours.returns[:EPISODES], theirs.returns[:EPISODES])


def _apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the greatest difference of two arrays, in units of their numbers where these are above 1."""
    ours, theirs = (np.asarray(one, float).ravel() for one in (ours, theirs))
    return float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())


def compare_runner(trained: Actor, folder: Path, task: envs.Task, limit: int) -> RunnerProof:
    """Return how the runner's observations and controls differ from the task's, in the states of `EPISODES` episodes.

    Runner and trained policy are each asked about every state, and the task's physics leads to the next one.

    Args:
        trained: the policy, as an actor of one robot.
        folder: of the runner.
        task: the robot's.
        limit: steps after which an episode is cut off.

    Raises:
        InvalidTask: where the task names an origin that has another size than its part.
    """
    world = envs.World(task, 1, auto_reset=False)
    runner = load_runner(folder).Robot(folder)
    found = known_sources(world)
    steps, observation, acted = 0, 0.0, 0.0
    (rule,) = runner.deploy["actions"].values()
    scale = np.array(rule["scale"])
    for episode in range(EPISODES):
        seen = world.reset(np.arange(1), [EVALUATION_SEED + episode])
        begin(runner, world, found)
        _require_sizes(runner, task)
        for age in range(limit):
            own, theirs = runner.observe(), seen[SEEN] if isinstance(seen, dict) else seen
            observation = max(observation, _apart(own, theirs[0]))
            controls, action = runner.act(own), trained(seen, np.full(1, age == 0))
            step = world.step(action)
            mujoco.mj_setState(runner.model, runner.data, world.step_began[0], STATE)
            acted = max(acted, _apart(runner.action, action), _apart(controls / scale, runner.data.ctrl / scale))
            runner.advance()
            runner.command = world.task.command_tracking(world.sim)[0][0]
            seen, steps = step.observations, steps + 1
            if step.terminated[0] or step.truncated[0]:
                break
    return RunnerProof(steps, observation, acted)


def _require_sizes(runner: Any, task: envs.Task) -> None:
    for name, told in runner.deploy["observations"].items():
        if (size := runner.part(told["source"], told).size) != told["size"]:
            raise envs.InvalidTask(
                f"{type(task).__name__}.observation_sources: {name} must be of {told['size']} numbers as in observe,"
                f" {told['source']['kind']} has {size}"
            )


def begin(runner: Any, world: envs.World, found: Mapping[str, Source]) -> None:
    """Give a runner the episode that begins for a world's robot: its own physics, and what its sources say of it."""
    told = {**found, **world.task.observation_sources(world.sim)}
    runner.deploy["observations"] = observations(world, told)
    for name, values in world.task.physics(world.sim).items():
        attrgetter(name)(runner.model)[:] = values[0]  # `opt.gravity` is a name, too
    mujoco.mj_setConst(runner.model, runner.data)
    runner.forget()
    runner.command = world.task.command_tracking(world.sim)[0][0]
    mujoco.mj_resetData(runner.model, runner.data)
    mujoco.mj_setState(runner.model, runner.data, world.batch.state[0], STATE)
    mujoco.mj_forward(runner.model, runner.data)


def load_runner(folder: Path) -> ModuleType:
    """Return a folder's run_policy.py as a module."""
    spec = importlib.util.spec_from_file_location("exported_runner", folder / "run_policy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
