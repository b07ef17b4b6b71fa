"""A policy on film: its robot in motion, with the episode's figures below, as MP4, GIF or WebP."""

from __future__ import annotations

import contextlib
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents import ActorCritic
from locomotion.encoding import write
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.overlay import Overlay
from locomotion.policy_files import PolicyCard, find_policy, load_policy, read_card
from locomotion.runs import Run, folder_name

ENDINGS = (".mp4", ".gif", ".webp")
SMALLEST, LARGEST = 16, 4096  # pixels
LONGEST = 3600.0  # s
MEMORY = 2**30  # bytes: Pillow holds all frames of a GIF or WebP before it writes the first
SPEED_WINDOW = 0.5  # s: the speed shown is the mean over it, or the figure would flicker with every stride
ENDLESS = 10_000  # steps after the video's end at which an episode that still goes on is given up


@dataclass(frozen=True)
class Recording:
    """A video that was made."""

    env: str  # canonical id
    path: Path
    frames: int
    seconds: float  # as played
    episode_return: float  # of the first episode shown
    finished: bool  # whether that episode came to an end, so that this is all of its return


def record(
    folder: str | Path,
    out: Path | None = None,
    seconds: float = 10.0,
    width: int = 640,
    height: int = 480,
    seed: int = 0,
) -> Recording:
    """Film a policy in real time, with the most likely actions, one episode after the other.

    The state of Python's, numpy's and torch's global generators is left as it was.

    Args:
        folder: of a run (its last checkpoint is filmed), a checkpoint or a policy.
        out: the file, whose ending says the format; by default an MP4 in the run's `videos`, or beside a policy's
            folder that is in no run. A file of that name is replaced, and only by a whole one.
        seconds: the video's length.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        seed: of the first episode: it starts as the environment reset with it.

    Raises:
        UsageError: where there is no such policy, nothing can be drawn or written, or a number is out of bounds.
    """
    folder = find_policy(folder)
    card = read_card(folder)
    path = default_path(folder, card) if out is None else out
    check(path, seconds, width, height, seed)
    with global_generators_kept():
        vec_env = make_env(card.env, 1, seed=seed, render_mode="rgb_array", width=width, height=height)
        try:
            show = Show(load_policy(folder, vec_env), vec_env, card.env, width, height)
            step, rate = frame_rate(show.control_rate, path.suffix.lower())
            count = max(1, round(seconds * rate))
            check_memory(path, count, width, height)
            frames = show.frames(count, step)
            frames = chain([next(frames)], frames)  # where nothing can be drawn it shows here, before a file is made
            write(path, frames, count, width, height, rate)
            episode_return, finished = show.first_return()
        finally:
            vec_env.close()
    return Recording(card.env, path, count, float(count / rate), episode_return, finished)


def default_path(folder: Path, card: PolicyCard) -> Path:
    """Return where the video of a policy goes: into its run, or beside a folder that is in none."""
    folder = folder.resolve()
    for run in (Run(folder.parent.parent), Run(folder.parent)):
        if run.config.is_file() and folder.parent in (run.checkpoints, run.folder):
            return run.videos / f"{card.steps:010d}.mp4"
    return folder.parent / f"{folder.name}.mp4"


def check(path: Path, seconds: float, width: int, height: int, seed: int) -> None:
    """Refuse what cannot be recorded.

    Raises:
        UsageError: naming the value and what is accepted.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"--out {path} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; name a file")
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"--seconds must be more than 0 and at most {LONGEST:g}, got {seconds:g}")
    for name, pixels in (("width", width), ("height", height)):
        if not SMALLEST <= pixels <= LARGEST:
            raise UsageError(f"--{name} must be {SMALLEST} to {LARGEST} pixels, got {pixels}")
        if ending == ".mp4" and pixels % 2:
            raise UsageError(f"--{name} must be even for an .mp4, got {pixels}")
    if seed < 0:
        raise UsageError(f"--seed must not be negative, got {seed}")


def check_memory(path: Path, count: int, width: int, height: int) -> None:
    """Refuse a file of `count` frames that Pillow could not hold.

    Raises:
        UsageError: saying what to change.
    """
    channels = {".gif": 1, ".webp": 3}.get(path.suffix.lower(), 0)  # bytes per pixel; an MP4 is written as it comes
    needed = count * width * height * channels
    if needed > MEMORY:
        raise UsageError(
            f"{path} of {count} frames of {width} x {height} pixels would take {needed / 2**30:.1f} GiB of memory to"
            " make; make it shorter or smaller, or an .mp4"
        )


def frame_rate(control_rate: Fraction, ending: str) -> tuple[int, Fraction]:
    """Return every how many control steps a frame is taken, and the frames per second that are then real time.

    30 to 60 frames per second, or all there are where control is slower: 125 Hz gives 31.25, 20 Hz gives 20. A GIF
    gets at most 50, because browsers slow down what is shown for less than 20 ms.
    """
    step = max(1, math.floor(control_rate / 30))
    if ending == ".gif":
        step = max(step, math.ceil(control_rate / 50))
    return step, control_rate / step


@contextlib.contextmanager
def global_generators_kept() -> Iterator[None]:
    """Put the global generators back as they were: a video made in the middle of a training must not change it."""
    python, torch_state = random.getstate(), torch.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002 - a stranger's environment may use it
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(torch_state)


class Show:
    """A policy acting in an environment of one robot, and pictures of it.

    VecEnvs begin the next episode within the step that ends one: a picture taken after it is of the new episode, and
    so are `steps`, `total` and the distance travelled.
    """

    def __init__(self, policy: ActorCritic, vec_env: VecEnv, name: str, width: int, height: int):
        self.policy = policy
        self.vec_env = vec_env
        self.name = name
        self.size = (width, height)
        self.overlay = Overlay(width, height)
        self.episode = 1
        self.steps = 0  # of this episode
        self.total = 0.0  # reward of this episode
        self._first_return: float | None = None
        self._travels = tracks_distance(vec_env)
        self._travelled = deque([(0.0, 0.0)])  # (s, m) since this episode's start, at its last pictures
        policy.set_training_mode(False)
        self.observations = vec_env.reset()

    @property
    def control_rate(self) -> Fraction:
        """Actions per second."""
        if isinstance(self.vec_env, envs.BatchedVecEnv):
            return Fraction(1 / self.vec_env.world.dt).limit_denominator(1000)
        rate: Any = self.vec_env.metadata.get("render_fps") or 30  # Gymnasium draws once for each action
        return Fraction(rate).limit_denominator(1000)

    def frames(self, count: int, step: int) -> Iterator[np.ndarray]:
        """Give `count` pictures (height, width, 3), uint8: of the start, and after every `step` actions."""
        for i in range(count):
            for _ in range(step if i else 0):
                self.act()
            yield self.picture()

    def act(self) -> None:
        """Take one action."""
        actions = self.policy.clip(self.policy.mode(self.observations))  # type: ignore[arg-type]
        self.observations, rewards, dones, _ = self.vec_env.step(actions)
        self.steps += 1
        self.total += float(rewards[0])
        if dones[0]:
            if self._first_return is None:
                self._first_return = self.total
            self.episode += 1
            self.steps, self.total = 0, 0.0
            self._travelled = deque([(0.0, 0.0)])

    def picture(self) -> np.ndarray:
        """Return the robot as it stands (height, width, 3), uint8, with the figures of its episode.

        Raises:
            UsageError: where nothing can be drawn.
        """
        try:
            pixels = self.vec_env.get_images()[0]
        except envs.RenderingUnavailable as error:
            raise UsageError(f"cannot film {self.name}: {error}") from error
        except Exception as error:
            if isinstance(self.vec_env, envs.BatchedVecEnv):
                raise
            # A stranger's environment may raise anything: most often that pygame is not installed.
            raise UsageError(f"cannot film {self.name}: {error}") from error
        if pixels is None:
            raise UsageError(f"cannot film {self.name}: it draws no pictures (render_mode rgb_array)")
        image = Image.fromarray(pixels)
        if image.size != self.size:  # a stranger's environment chooses its own
            image = ImageOps.pad(image.convert("RGB"), self.size, color=(40, 40, 40))
        seconds = self.steps / float(self.control_rate)
        figures = {"time": f"{seconds:.1f} s", "total reward": f"{self.total:z,.1f}"}
        speed = self._speed(seconds)
        if speed is not None:
            figures["speed"] = f"{speed:z.2f} m/s"
        self.overlay.draw(image, folder_name(self.name), f"episode {self.episode}", figures)
        return np.asarray(image)

    def first_return(self) -> tuple[float, bool]:
        """Return the first episode's return, played to its end off camera, and whether it has one within reach."""
        for _ in range(ENDLESS):
            if self._first_return is not None:
                return self._first_return, True
            self.act()
        return self.total, False

    def _speed(self, seconds: float) -> float | None:
        """Return the mean forward speed (m/s) up to now, `seconds` into the episode, of a task that tracks distance."""
        if not self._travels:
            return None
        if self.steps == 0:
            return 0.0
        assert isinstance(self.vec_env, envs.BatchedVecEnv)
        distance = float(self.vec_env.get_state()["tracked.distance"][0])
        self._travelled.append((seconds, distance))
        while self._travelled[1][0] <= seconds - SPEED_WINDOW:
            self._travelled.popleft()
        start, origin = self._travelled[0]
        return (distance - origin) / (seconds - start)


def tracks_distance(vec_env: VecEnv) -> bool:
    """Return whether a task counts how far its robot gets."""
    return isinstance(vec_env, envs.BatchedVecEnv) and "tracked.distance" in vec_env.get_state()
