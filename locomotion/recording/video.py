"""Videos of a policy: its robot in motion, with the episode's figures below, as MP4, GIF or WebP."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from locomotion.environments import EVALUATION_STEPS
from locomotion.errors import UsageError
from locomotion.files import folder_name
from locomotion.policies.hub import cache
from locomotion.policies.shipped import FOLDER
from locomotion.policies.stored import Numbers, StoredPolicy, as_trained
from locomotion.progress import each
from locomotion.recording.encoding import write
from locomotion.recording.film import SMOOTH, Film
from locomotion.recording.overlay import Overlay
from locomotion.recording.player import Player
from locomotion.runs.folder import Run

MAX_BYTES = 2**30  # Pillow holds all frames of a GIF or WebP before it writes the first


@dataclass(frozen=True)
class Video:
    """A finished video."""

    env: str  # canonical id; several are separated by commas
    path: Path
    frames: int
    seconds: float  # as played
    episode_return: float | None = None  # of the first episode; None: several robots share the picture
    finished: bool = False  # whether that episode ended, so that its return is complete

    def summary(self) -> str:
        """Return two lines for the terminal: frames and length, then the file and the return."""
        lines = f"{self.env}: {self.frames} frames, {self.seconds:.2f} s\n{self.path}"
        if self.episode_return is None:
            return lines
        so_far = "" if self.finished else " so far"
        return f"{lines}, return of the first episode {self.episode_return:.2f}{so_far}"


def record(name: str | Path, film: Film | None = None, numbers: Numbers = as_trained) -> Video:
    """Film a policy in real time, without its exploration, one episode after the other.

    The state of Python's, numpy's and torch's global generators is left as it was.

    Args:
        name: a run's folder (its last checkpoint is filmed), a checkpoint's or a policy's, or a shipped policy's name.
        film: the video's options. By default it is an MP4 of 640 x 480 pixels in the run's `videos`, beside the folder
            of a policy outside any run, or in the working folder for a shipped policy. An existing file is replaced
            once the new one is complete.
        numbers: of the policy's task that differ from those it is filmed with.

    Raises:
        UsageError: where there is no such policy, nothing can be drawn or written, or the film is too large.
    """
    stored = StoredPolicy.find(name)
    film = (film or Film()).with_defaults(default_path(stored), 640, 480)
    overlay = Overlay(*film.size)
    with global_generators_kept(), contextlib.ExitStack() as stack:
        player = enter(stack, stored, film.seed, film.size, numbers(stored))

        def picture() -> Image.Image:
            image = player.picture(*film.size)
            overlay.draw(image, folder_name(stored.env), f"episode {player.episode}", player.figures())
            return image

        frames, rate = shoot(film, [player], picture)
        episode_return, finished = first_return(player)
    return Video(stored.env, film.path, frames, float(frames / rate), episode_return, finished)


def enter(
    stack: contextlib.ExitStack, stored: StoredPolicy, seed: int, size: tuple[int, int], task: Mapping[str, Any]
) -> Player:
    """Return a policy's player, whose pictures have this width and height; the stack closes its environment."""
    width, height = size
    vec_env = stored.environment(1, "show", task, seed=seed, render_mode="rgb_array", width=width, height=height)
    stack.callback(vec_env.close)
    return Player(stored.load(vec_env), vec_env, stored.env)


def shoot(film: Film, players: Sequence[Player], picture: Callable[[], Image.Image]) -> tuple[int, Fraction]:
    """Film players, each in its own real time; return the number of frames and the frames per second.

    Args:
        film: with its file and size.
        players: at the start of their first episodes.
        picture: draws them in their present states, in the film's size.
    """
    quickest = max(players, key=lambda player: player.control_rate)
    rate = frame_rate(quickest.control_rate, film.ending, film.fps, quickest.between)
    count = max(1, round(film.seconds * rate))
    check_memory(film, count)

    def draw() -> Iterator[np.ndarray]:
        for i in each(range(count), "filming", count):
            for player in players:
                player.play_until(i / rate)
            yield np.asarray(picture())

    frames = draw()
    frames = chain([next(frames)], frames)  # a failure to draw shows here, before a file is made
    write(film.path, frames, count, *film.size, rate)
    return count, rate


def first_return(player: Player) -> tuple[float, bool]:
    """Finish the first episode off camera; return its return, and whether it ended within `EVALUATION_STEPS` more."""
    for _ in each(range(EVALUATION_STEPS), "finishing the first episode", EVALUATION_STEPS):
        if player.finished:
            return player.finished[0], True
        player.act()
    return player.total, False


def default_path(stored: StoredPolicy) -> Path:
    """Return a video's default file: in the policy's run, beside a folder outside any run, here for a shipped one.

    A policy of the hub is like a shipped one.
    """
    place = stored.folder.resolve()
    if place.parent in (FOLDER.resolve(), cache().resolve()):
        return Path(f"{place.name}.mp4")
    path = place.parent / f"{place.name}.mp4"
    for run in (Run(place.parent.parent), Run(place.parent)):
        if run.config.is_file() and place.parent in (run.checkpoints, run.snapshots, run.folder):
            path = run.video(stored.card.steps)
    return path if stored.folder.is_absolute() else Path(os.path.relpath(path))


def check_memory(film: Film, count: int) -> None:
    """Refuse a film of `count` frames that Pillow could not hold in memory.

    Raises:
        UsageError: with the remedy.
    """
    width, height = film.size
    channels = {".gif": 1, ".webp": 3}.get(film.ending, 0)  # bytes per pixel; an MP4 is written frame by frame
    needed = count * width * height * channels
    if needed > MAX_BYTES:
        raise UsageError(
            f"{film.path} of {count} frames of {width} x {height} pixels would take {needed / 2**30:.1f} GiB of memory"
            " to make; make it shorter or smaller, or an .mp4"
        )


def frame_rate(control_rate: Fraction, ending: str, least: float = SMOOTH, between: int = 1) -> Fraction:
    """Return the frames per second of a film that shows every k-th control step.

    The rate lies between `least` and twice that, or is the control rate where that is lower: for 30, 125 Hz gives
    31.25 and 20 Hz gives 20. Where each action has several moments to be shown, as many of them are as stay below
    `least`: 5 Hz gives 25 of 5 moments. A GIF gets at most 50, because browsers slow down frames shorter than 20 ms.
    """
    moments = [count for count in range(1, between + 1) if between % count == 0 and control_rate * count <= least]
    control_rate *= max(moments, default=1)
    step = max(1, math.floor(control_rate / Fraction(least)))
    if ending == ".gif":
        step = max(step, math.ceil(control_rate / 50))
    return control_rate / step


@contextlib.contextmanager
def global_generators_kept() -> Iterator[None]:
    """Restore the global generators at the end: a video made during a training must not change the training."""
    python, torch_state = random.getstate(), torch.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002 - a foreign environment may use it
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(torch_state)
