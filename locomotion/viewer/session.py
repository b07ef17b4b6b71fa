"""What someone who watches a policy may do to it: pause, begin anew, push, slow down, steer; whatever shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import mujoco
import numpy as np

import envs
from locomotion.environments import make_env, shown_fields
from locomotion.errors import UsageError
from locomotion.policies.files import find_policy, load_policy, read_card
from locomotion.recording.player import Player
from locomotion.threads import set_threads

PACES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)  # simulated seconds in a second
LAG = 0.1  # s: what a slow machine falls behind by more than this is not made up for
PUSH_SPEED = 1.0  # m/s by which a push would move a robot that stood free
PUSH_SECONDS = 0.1  # s that it lasts
NUDGES = 5  # presses of a key from the middle of a command's range to its end

# The keys that lower and raise a command, by how many commands there are and which of them it is.
STEERING_KEYS = {
    1: (("left", "right"),),
    2: (("down", "up"), ("right", "left")),
    3: (("down", "up"), (".", ","), ("right", "left")),
}


@dataclass(frozen=True)
class Control:
    """Something to do, with a button and a key."""

    label: str
    key: str
    act: Callable[[], None]


class Session:
    """A policy at play that someone watches and meddles with.

    What shows it calls `advance` and `pose`, from one thread; from any other it may read `figures` and the public
    attributes, and put what it wants done into `requests`: bound methods, carried out by the next `advance`.

    Args:
        player: a policy at play in one of our batched environments.
        seed: of the directions of the pushes.
    """

    def __init__(self, player: Player, seed: int = 0):
        assert isinstance(player.vec_env, envs.BatchedVecEnv)
        self.player = player
        self.world = player.vec_env.world
        self.task = player.vec_env.task
        self.look = envs.Renderer(self.world)  # the camera and the model as films show them; it draws nothing here
        self.requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.paused = False
        self.pace = 1.0
        self.commands: np.ndarray | None = None  # of whoever steers; until then the task gives its own
        self.pull = np.zeros((self.world.model.nbody, 6))  # N and N m on each body, by the mouse
        self.figures: dict[str, str] = {}
        self._due = 0.0  # s to be simulated
        self._push = np.zeros(3)  # N
        self._push_steps = 0  # that it still lasts
        self._rng = np.random.default_rng(seed)
        self._report()

    @property
    def pushed_body(self) -> int:
        """The body a push acts on: the first that moves freely, or else the root of the robot."""
        model = self.world.model
        free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE.value)
        moving = model.jnt_bodyid[free] if len(free) else np.flatnonzero(model.body_dofnum > 0)
        return int(moving[0])

    def controls(self) -> list[Control]:
        """Return everything that can be done, but for steering."""
        return [
            Control("pause", "space", self.toggle_pause),
            Control("new episode", "backspace", self.restart),
            Control("push", "enter", self.push),
            Control("slower", "-", partial(self.change_pace, -1)),
            Control("faster", "=", partial(self.change_pace, 1)),
        ]

    def steering_keys(self) -> tuple[tuple[str, str], ...]:
        """Return the keys that lower and raise each command; none where there are too many commands for keys."""
        return STEERING_KEYS.get(len(self.task.commands), ())

    def steering(self) -> list[Control]:
        """Return what changes the commands, where the task takes any: two keys for each, and one that lets go."""
        controls = [
            Control(f"{name} {sign}", key, partial(self.nudge, i, step))
            for i, (name, keys) in enumerate(zip(self.task.commands, self.steering_keys(), strict=False))
            for key, sign, step in zip(keys, "-+", (-1, 1), strict=True)
        ]
        return [*controls, Control("stand still", "home", self.stand_still)] if controls else []

    def toggle_pause(self) -> None:
        """Stop time, or let it go on."""
        self.paused = not self.paused

    def restart(self) -> None:
        """Begin a new episode."""
        self.player.restart()
        self.pull[:] = 0.0  # if the browser went away in the middle of it
        self._push_steps = 0

    def push(self) -> None:
        """Push the robot from a direction drawn by chance, of two where it cannot move to the side."""
        model, body = self.world.model, self.pushed_body
        free = model.jnt_type[model.body_jntadr[body]] == mujoco.mjtJoint.mjJNT_FREE.value
        angle = self._rng.uniform(0, 2 * np.pi) if free else np.pi * self._rng.integers(2)
        force = model.body_subtreemass[body] * PUSH_SPEED / PUSH_SECONDS
        self._push = force * np.array([np.cos(angle), np.sin(angle), 0.0])
        self._push_steps = max(1, round(PUSH_SECONDS / self.world.dt))

    def change_pace(self, by: int) -> None:
        """Take the next faster (1) or slower (-1) pace."""
        self.pace = PACES[min(len(PACES) - 1, max(0, PACES.index(self.pace) + by))]

    def steer(self, index: int, value: float) -> None:
        """Give a command, by its place in the task's `commands`, in its unit, within its range."""
        low, high = list(self.task.commands.values())[index]
        if self.commands is None:
            self.stand_still()
        assert self.commands is not None
        commands = self.commands.copy()
        commands[index] = min(high, max(low, value))
        self.commands = commands

    def nudge(self, index: int, by: int) -> None:
        """Raise (1) or lower (-1) a command by a fifth of what it can reach."""
        low, high = list(self.task.commands.values())[index]
        now = 0.0 if self.commands is None else self.commands[index]
        self.steer(index, now + by * (high - low) / (2 * NUDGES))

    def stand_still(self) -> None:
        """Command nothing: zero, or what comes nearest to it."""
        self.commands = np.array([min(high, max(low, 0.0)) for low, high in self.task.commands.values()])

    def advance(self, elapsed: float) -> None:
        """Do what was requested, then simulate what is due after `elapsed` more seconds by the watcher's clock."""
        while not self.requests.empty():
            self.requests.get()()
        if not self.paused:
            self._due = min(self._due + elapsed * self.pace, LAG)
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
        self.player.act()
        if self.player.steps == 0:  # a new episode knows nothing of the last one's push
            self._push_steps = 0

    def _report(self) -> None:
        pace = "paused" if self.paused else f"{self.pace:g} x real time"
        self.figures = {"episode": f"{self.player.episode}"} | self.player.figures() | {"time runs": pace}

    def aim(self, camera: mujoco.MjvCamera) -> None:
        """Have a viewer's camera look at the robot as films do, and follow it."""
        films = self.look.camera
        camera.distance, camera.azimuth, camera.elevation = films.distance, films.azimuth, films.elevation
        camera.lookat[:] = films.lookat
        if self.look.followed is not None:
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            camera.trackbodyid = self.look.followed

    def pose(self, data: mujoco.MjData) -> None:
        """Put the robot as it stands into `data`, of `look.model`."""
        self.world.batch.get_data(0, data)


@contextlib.contextmanager
def watched(name: str | Path, seed: int = 0, threads: int | None = None) -> Iterator[Session]:
    """Give a session with a policy.

    Args:
        name: what `find_policy` finds.
        seed: of the first episode.
        threads: of the physics.

    Raises:
        UsageError: where there is no such policy, or its environment is none of ours.
    """
    folder = find_policy(name)
    env = read_card(folder).env
    if envs.task_class(env) is None:
        raise UsageError(f"{env} is not one of our robots, which alone can be watched live; scripts/record.py films it")
    if seed < 0:
        raise UsageError(f"--seed must not be negative, got {seed}")
    vec_env = make_env(env, 1, seed=seed, threads=set_threads(threads), **shown_fields(env))
    try:
        yield Session(Player(load_policy(folder, vec_env), vec_env, env), seed)
    finally:
        vec_env.close()
