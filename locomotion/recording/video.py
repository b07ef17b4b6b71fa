"""A policy on film: its robot in motion, with the episode's figures below, as MP4, GIF or WebP."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from locomotion.environments import make_env, shown_fields
from locomotion.errors import UsageError
from locomotion.files import folder_name
from locomotion.policies.files import PolicyCard, find_policy, load_policy, read_card
from locomotion.policies.shipped import FOLDER
from locomotion.recording.encoding import write
from locomotion.recording.overlay import Overlay
from locomotion.recording.player import Player
from locomotion.runs.folder import Run

ENDINGS = (".mp4", ".gif", ".webp")
SMALLEST, LARGEST = 16, 4096  # pixels
LONGEST = 3600.0  # s
SMOOTH = 30.0  # frames per second
MEMORY = 2**30  # bytes: Pillow holds all frames of a GIF or WebP before it writes the first
ENDLESS = 10_000  # steps after the video's end at which an episode that still goes on is given up


@dataclass(frozen=True)
class Recording:
    """A video that was made."""

    env: str  # canonical id; several are parted by commas
    path: Path
    frames: int
    seconds: float  # as played
    episode_return: float | None = None  # of the first episode of a robot that is alone in the picture
    finished: bool = False  # whether that episode came to an end, so that this is all of its return


def record(
    folder: str | Path,
    out: Path | None = None,
    seconds: float = 10.0,
    width: int = 640,
    height: int = 480,
    seed: int = 0,
    fps: float = SMOOTH,
) -> Recording:
    """Film a policy in real time, without its exploration, one episode after the other.

    The state of Python's, numpy's and torch's global generators is left as it was.

    Args:
        folder: of a run (its last checkpoint is filmed), a checkpoint or a policy, or a shipped policy's name.
        out: the file, whose ending says the format; by default an MP4 in the run's `videos`, beside a policy's folder
            that is in no run, or, of a shipped policy, in the working folder. A file of that name is replaced, and
            only by a whole one.
        seconds: the video's length.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        seed: of the first episode: it starts as the environment reset with it.
        fps: frames per second: from this to twice as many, or one for each action where there are fewer.

    Raises:
        UsageError: where there is no such policy, nothing can be drawn or written, or a number is out of bounds.
    """
    folder = find_policy(folder)
    card = read_card(folder)
    path = default_path(folder, card) if out is None else out
    check(path, seconds, width, height, seed, fps)
    overlay = Overlay(width, height)
    with global_generators_kept(), contextlib.ExitStack() as stack:
        player = enter(stack, folder, seed, width, height)

        def picture() -> Image.Image:
            image = player.picture(width, height)
            overlay.draw(image, folder_name(card.env), f"episode {player.episode}", player.figures())
            return image

        frames, rate = shoot(path, [player], picture, seconds, width, height, fps)
        episode_return, finished = first_return(player)
    return Recording(card.env, path, frames, float(frames / rate), episode_return, finished)


def enter(stack: contextlib.ExitStack, folder: Path, seed: int, width: int, height: int) -> Player:
    """Return a policy at play, whose pictures have this size; its environment is closed with the stack."""
    env = read_card(folder).env
    vec_env = make_env(env, 1, seed=seed, render_mode="rgb_array", width=width, height=height, **shown_fields(env))
    stack.callback(vec_env.close)
    return Player(load_policy(folder, vec_env), vec_env, env)


def shoot(
    path: Path,
    players: Sequence[Player],
    picture: Callable[[], Image.Image],
    seconds: float,
    width: int,
    height: int,
    fps: float,
) -> tuple[int, Fraction]:
    """Film players, each in its own real time; return how many frames that made, and the frames per second.

    Args:
        path: the file.
        players: at the start of their first episodes.
        picture: draws them as they stand.
        seconds: the video's length.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        fps: frames per second: from this to twice as many, or one for each action where there are fewer.
    """
    rate = frame_rate(max(player.control_rate for player in players), path.suffix.lower(), fps)
    count = max(1, round(seconds * rate))
    check_memory(path, count, width, height)

    def draw() -> Iterator[np.ndarray]:
        for i in range(count):
            for player in players:
                player.play_until(i / rate)
            yield np.asarray(picture())

    frames = draw()
    frames = chain([next(frames)], frames)  # where nothing can be drawn it shows here, before a file is made
    write(path, frames, count, width, height, rate)
    return count, rate


def first_return(player: Player) -> tuple[float, bool]:
    """Return the first episode's return, played to its end off camera, and whether it has one within reach."""
    for _ in range(ENDLESS):
        if player.finished:
            return player.finished[0], True
        player.act()
    return player.total, False


def default_path(folder: Path, card: PolicyCard) -> Path:
    """Return where the video of a policy goes: into its run, beside a folder that is in none, or here if shipped."""
    place = folder.resolve()
    if place.parent == FOLDER.resolve():
        return Path(f"{place.name}.mp4")
    path = place.parent / f"{place.name}.mp4"
    for run in (Run(place.parent.parent), Run(place.parent)):
        if run.config.is_file() and place.parent in (run.checkpoints, run.snapshots, run.folder):
            path = run.videos / f"{card.steps:010d}.mp4"
    return path if folder.is_absolute() else Path(os.path.relpath(path))


def check(path: Path, seconds: float, width: int, height: int, seed: int, fps: float) -> None:
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
    if not 1 <= fps <= 100:
        raise UsageError(f"--fps must lie in [1, 100], got {fps:g}")


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


def frame_rate(control_rate: Fraction, ending: str, least: float = SMOOTH) -> Fraction:
    """Return the frames per second of a film that shows every so many control steps one.

    From `least` to twice as many, or all there are where control is slower: of 30, 125 Hz gives 31.25, 20 Hz gives
    20. A GIF gets at most 50, because browsers slow down what is shown for less than 20 ms.
    """
    step = max(1, math.floor(control_rate / Fraction(least)))
    if ending == ".gif":
        step = max(step, math.ceil(control_rate / 50))
    return control_rate / step


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
