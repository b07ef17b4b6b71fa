"""The proof of an exported runner: from MuJoCo's data alone it sees what the task shows, and acts as the policy."""

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

import envs
from envs.observation import SEEN
from envs.sources import Source
from locomotion.evaluation.episodes import EVALUATION_SEED, Actor
from locomotion.export.deploy import known_sources, observations
from locomotion.export.proof import EPISODES, apart

RUNNER = "run_policy.py"
STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value


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
            observation = max(observation, apart(own, theirs[0]))
            controls, action = runner.act(own), trained(seen, np.full(1, age == 0))
            step = world.step(action)
            mujoco.mj_setState(runner.model, runner.data, world.step_began[0], STATE)
            acted = max(acted, apart(runner.action, action), apart(controls / scale, runner.data.ctrl / scale))
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
    spec = importlib.util.spec_from_file_location("exported_runner", folder / RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
