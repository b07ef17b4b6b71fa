"""The proof of an exported policy's actions: in the simulator it does what the trained policy does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from locomotion.evaluation.episodes import Actor, longest_episode
from locomotion.export.actor import seen_by_actor
from locomotion.export.proof import EPISODES, LARGEST, apart
from locomotion.progress import phase


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
                found = apart(action, actor(seen_by_actor(ours.seen, space), ours.starts))
                differences[file] = max(differences[file], found)
            if not theirs.over:
                own = alone(seen_by_actor(theirs.seen, space), theirs.starts).reshape(action.shape)
                together += together == ours.steps and apart(action, own) <= LARGEST
                theirs.step(own)
            ours.step(action)
            shown.advance()
        while not theirs.over:
            theirs.step(alone(seen_by_actor(theirs.seen, space), theirs.starts).reshape(action.shape))
    return ActionProof(ours.steps, differences, together, ours.returns[:EPISODES], theirs.returns[:EPISODES])
