"""A policy in action: one robot, episode after episode, and the figures of the present episode."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import ActorCritic, acting
from locomotion.environments import batched
from locomotion.errors import UsageError
from locomotion.recording.picture import as_image

SLOW = Fraction(15)  # Hz: of robots that act less often, pictures show the physics between two actions
LEAST_RATE = 0.001  # frames per second of a foreign environment; others are taken for mistakes
SPEED_WINDOW = 0.5  # s; the speed shown is a mean over it, so that it does not flicker with every stride


class Player:
    """A policy acting in an environment of one robot, without its exploration.

    A VecEnv begins the next episode within the step that ends one: the picture after that step shows the new episode,
    and `steps`, `total` and the distance travelled are those of the new episode.
    """

    def __init__(self, policy: ActorCritic, vec_env: VecEnv, name: str):
        self.policy = policy
        self.actor = acting.actor_of(policy, 1)
        self.vec_env = vec_env
        self.robots = batched(vec_env)
        self.name = name
        self.actions = 0  # over all episodes
        self.late = 0.0  # s between the moment that pictures show and the last action's end
        self.finished: list[float] = []  # returns of the episodes that have ended
        policy.set_training_mode(False)
        self.restart()

    def restart(self) -> None:
        """Begin a new episode, leaving the present one unfinished."""
        self.observations = self.vec_env.reset()
        self.starts = np.ones(1, bool)
        self._begin()

    def _begin(self) -> None:
        self.steps = 0  # of this episode
        self.total = 0.0  # reward of this episode
        self._travelled = deque([(0.0, 0.0)])  # (s, m) since this episode's start, at each call of `speed`

    @property
    def episode(self) -> int:
        """Number of this episode, from 1; abandoned episodes are not counted."""
        return len(self.finished) + 1

    @property
    def control_rate(self) -> Fraction:
        """Actions per second."""
        if (ours := batched(self.vec_env)) is not None:
            return Fraction(1 / ours.world.dt).limit_denominator(1000)
        rate: Any = self.vec_env.metadata.get("render_fps")  # Gymnasium draws one frame for each action
        known = isinstance(rate, int | float | np.number) and LEAST_RATE <= rate < math.inf
        return Fraction(float(rate) if known else 30).limit_denominator(1000)

    @property
    def seconds(self) -> float:
        """Age of the episode, in s."""
        return self.steps / float(self.control_rate)

    def act(self) -> None:
        """Take one action."""
        actions = self.policy.clip(self.actor.mode(self.observations, self.starts))  # type: ignore[arg-type]
        self.observations, rewards, dones, _ = self.vec_env.step(actions)
        self.starts = dones
        self.actions += 1
        self.steps += 1
        self.total += float(rewards[0])
        if dones[0]:
            self.finished.append(self.total)
            self._begin()

    @property
    def between(self) -> int:
        """How many moments of each action pictures can show: the physics steps of a slow robot's, else its end."""
        return self.robots.world.substeps if self.robots is not None and self.control_rate < SLOW else 1

    def play_until(self, moment: Fraction) -> None:
        """Take the actions that are due up to a moment, in s since the first episode's start.

        Of a slow robot, the action that this moment lies in is taken, too, and the picture shows the moment in it.
        Where that action ends an episode, it shows the next one's start.
        """
        due = moment * self.control_rate
        while self.actions < (math.ceil(due) if self.between > 1 else int(due)):
            self.act()
        self.late = float((self.actions - due) / self.control_rate) if self.between > 1 and self.steps else 0.0

    def figures(self) -> dict[str, str]:
        """Return the episode's figures by label."""
        time = {"time": f"{self.seconds:.1f} s"}
        tracking = self.command_tracking()
        if tracking is not None:
            command, actual = (" ".join(f"{number:z.1f}" for number in row) for row in tracking)
            return time | {"command: m/s, rad/s": command, "actual": actual}
        figures = time | {"total reward": f"{self.total:z,.1f}"}
        speed = self.speed()
        return figures if speed is None else figures | {"speed": f"{speed:z.2f} m/s"}

    def command_tracking(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the robot's commands and its actual motion, in the order of its task's `commands`.

        None for a task without commands, or with such as only a user gives.
        """
        if self.robots is None:
            return None
        commands, actual = self.robots.task.command_tracking(self.robots.world.sim)
        return (commands[0], actual[0]) if commands.size else None

    def speed(self) -> float | None:
        """Return the mean forward speed (m/s) up to now of a task that tracks distance."""
        if self.robots is None or "distance" not in self.robots.world.tracked:
            return None
        if self.steps == 0:
            return 0.0
        distance = float(self.robots.world.so_far("distance")[0])
        self._travelled.append((self.seconds, distance))
        while self._travelled[1][0] <= self.seconds - SPEED_WINDOW:
            self._travelled.popleft()
        start, origin = self._travelled[0]
        return (distance - origin) / (self.seconds - start) if self.seconds > start else 0.0

    def _drawn(self) -> Any:
        if self.robots is not None and self.late:
            return self.robots.get_images(self.late)[0]
        return self.vec_env.get_images()[0]

    def picture(self, width: int, height: int) -> Image.Image:
        """Return a picture of the robot in its present state, or in that of the moment of `play_until`.

        Raises:
            UsageError: where nothing can be drawn.
        """
        try:
            pixels = self._drawn()
        except envs.RenderingUnavailable as error:
            raise UsageError(f"cannot film {self.name}: {error}") from error
        except Exception as error:
            if self.robots is not None:
                raise
            # A foreign environment may raise anything: most often that pygame is not installed.
            raise UsageError(f"cannot film {self.name}: {error}") from error
        if pixels is None:
            raise UsageError(f"cannot film {self.name}: it draws no pictures (render_mode rgb_array)")
        try:
            image = as_image(pixels)
        except ValueError as error:
            raise UsageError(f"cannot film {self.name}: {error}") from error
        if image.size != (width, height):  # a foreign environment chooses its own size
            image = ImageOps.pad(image.convert("RGB"), (width, height), color=(40, 40, 40))
        return image
