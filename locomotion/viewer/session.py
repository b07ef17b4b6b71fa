"""A live session with a policy: pause, new episode, push, pace and steering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import mujoco
import numpy as np

import envs
from locomotion.command_line import invocation
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained
from locomotion.recording.player import Player
from locomotion.threads import set_threads
from locomotion.viewer.scene import Control, Scene

PACES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)  # simulated seconds per second
MAX_LAG = 0.1  # s; a slow machine catches up at most this
PUSH_SPEED = 1.0  # m/s that a push adds to a free robot
PUSH_SECONDS = 0.1  # s
NUDGES = 5  # key presses from the middle of a command's range to its end

# Number of commands -> for each command, the keys that lower and raise it.
STEERING_KEYS = {
    1: (("left", "right"),),
    2: (("down", "up"), ("right", "left")),
    3: (("down", "up"), (".", ","), ("right", "left")),
}


class Session(Scene):
    """A player whose user can interfere with it.

    Args:
        player: in one of our batched environments.
        seed: of the pushes' directions.
    """

    def __init__(self, player: Player, seed: int = 0):
        robots = batched(player.vec_env)
        assert robots is not None
        super().__init__(robots.world)
        self.player = player
        self.task = robots.task
        self.pace = 1.0
        self._due = 0.0  # s still to be simulated
        self._push = np.zeros(3)  # N
        self._push_steps = 0  # control steps left of the push
        self._rng = np.random.default_rng(seed)
        self._look()
        self._report()

    @property
    def pushed_body(self) -> int:
        """The body that pushes act on: the first that moves freely, or else the root of the robot."""
        model = self.world.model
        free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE.value)
        moving = model.jnt_bodyid[free] if len(free) else np.flatnonzero(model.body_dofnum > 0)
        return int(moving[0])

    @property
    def steerable(self) -> Mapping[str, tuple[float, float]]:
        return self.task.commands

    def controls(self) -> list[Control]:
        return [
            *super().controls(),
            Control("new episode", "backspace", self.restart),
            Control("push", "enter", self.push),
            Control("slower", "-", partial(self.change_pace, -1)),
            Control("faster", "=", partial(self.change_pace, 1)),
        ]

    def steering_keys(self) -> tuple[tuple[str, str], ...]:
        # None for more commands than there are keys.
        return STEERING_KEYS.get(len(self.task.commands), ())

    def steering(self) -> list[Control]:
        controls = [
            Control(f"{name} {sign}", key, partial(self.nudge, i, step))
            for i, (name, keys) in enumerate(zip(self.task.commands, self.steering_keys(), strict=False))
            for key, sign, step in zip(keys, "-+", (-1, 1), strict=True)
        ]
        return [*controls, Control("stand still", "home", self.stand_still)] if controls else []

    def restart(self) -> None:
        """Begin a new episode."""
        self.player.restart()
        self._look()
        self.pull[:] = 0.0  # in case the browser was closed during a pull
        self._push_steps = 0

    def push(self) -> None:
        """Push the robot in a random direction: forwards or backwards where it cannot move sideways."""
        model, body = self.world.model, self.pushed_body
        free = model.jnt_type[model.body_jntadr[body]] == mujoco.mjtJoint.mjJNT_FREE.value
        angle = self._rng.uniform(0, 2 * np.pi) if free else np.pi * self._rng.integers(2)
        force = model.body_subtreemass[body] * PUSH_SPEED / PUSH_SECONDS
        self._push = force * np.array([np.cos(angle), np.sin(angle), 0.0])
        self._push_steps = max(1, round(PUSH_SECONDS / self.world.dt))

    def change_pace(self, by: int) -> None:
        """Change to the next faster (1) or slower (-1) pace."""
        self.pace = PACES[min(len(PACES) - 1, max(0, PACES.index(self.pace) + by))]

    def steer(self, index: int, value: float) -> None:
        low, high = list(self.task.commands.values())[index]
        if self.commands is None:
            self.stand_still()
        assert self.commands is not None
        commands = self.commands.copy()
        commands[index] = min(high, max(low, value))
        self.commands = commands

    def nudge(self, index: int, by: int) -> None:
        """Raise (1) or lower (-1) a command by a tenth of its range."""
        low, high = list(self.task.commands.values())[index]
        now = 0.0 if self.commands is None else self.commands[index]
        self.steer(index, now + by * (high - low) / (2 * NUDGES))

    def stand_still(self) -> None:
        self.commands = np.array([min(high, max(low, 0.0)) for low, high in self.task.commands.values()])

    def advance(self, elapsed: float) -> None:
        super().advance(elapsed)
        if not self.paused:
            self._due = min(self._due + elapsed * self.pace, max(MAX_LAG, self.world.dt))
            while self._due >= self.world.dt:
                self._due -= self.world.dt
                self._step()
        self._report()

    def _step(self) -> None:
        forces = self.world.sim.xfrc_applied[0]
        forces[:] = self.pull
        if self._push_steps > 0:
            self._push_steps -= 1
            forces[self.pushed_body, :3] += self._push
        if self.commands is not None:
            self.task.set_commands(self.world.sim, self.commands)
        self._look()
        self.player.act()
        if self.player.steps == 0:  # a new episode begins without the last one's push
            self._push_steps = 0

    def _look(self) -> None:
        """Show what the robot sees as its next action begins."""
        seen = self.task.first_person(self.world.sim)
        self.sight = None if seen is None else seen[0]

    def _report(self) -> None:
        pace = "paused" if self.paused else f"{self.pace:g} x real time"
        self.figures = {"episode": f"{self.player.episode}"} | self.player.figures() | {"time runs": pace}

    def pose(self, data: mujoco.MjData) -> bool:
        changed = self.renderer.dress(0)
        moving = self.player.between > 1 and self.player.steps > 0
        self.renderer.pose(0, data, max(0.0, self.world.dt - self._due) if moving else 0.0)
        return changed


@contextlib.contextmanager
def watched(
    name: str | Path, seed: int = 0, threads: int | None = None, numbers: Numbers = as_trained
) -> Iterator[Session]:
    """Give a session with a policy.

    Args:
        name: as `StoredPolicy.find` takes it.
        seed: of the first episode and of the pushes.
        threads: of the physics.
        numbers: of the policy's task that differ from those it is watched with.

    Raises:
        UsageError: where there is no such policy, or its environment is not one of our batched robots.
    """
    stored = StoredPolicy.find(name)
    if envs.task_class(stored.env) is None:
        raise UsageError(
            f"{stored.env} is not one of our robots; only those can be watched live, {invocation('record')} films it"
        )
    if seed < 0:
        raise UsageError(f"--seed must not be negative, got {seed}")
    vec_env = stored.environment(1, "show", numbers(stored), seed=seed, threads=set_threads(threads))
    try:
        yield Session(Player(stored.load(vec_env), vec_env, stored.env), seed)
    finally:
        vec_env.close()
