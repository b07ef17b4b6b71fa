"""A short film of a step that was taken again, in slow motion."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import mujoco
import numpy as np
from PIL import Image

import envs
from locomotion.recording.encoding import write
from locomotion.recording.overlay import Overlay
from locomotion.replay.physics import STATE
from locomotion.replay.step import ReplayedStep

RATE = 10  # frames per second
FRAMES, LAST = 6, 20  # frames of each moment, and of the last one
WIDTH, HEIGHT = 640, 480  # pixels


def film(step: ReplayedStep, path: Path) -> None:
    """Film the moments of a step that can be drawn, at least one, in the format of the file's ending.

    Raises:
        RenderingUnavailable: where there is no OpenGL to draw with.
        UsageError: where the file cannot be written.
    """
    count = FRAMES * (len(step.shown) - 1) + LAST
    frames = pictures(step)
    frames = chain([next(frames)], frames)  # a failure to draw shows here, before a file is made
    write(path, frames, count, WIDTH, HEIGHT, Fraction(RATE))


def pictures(step: ReplayedStep) -> Iterator[np.ndarray]:
    """Draw the frames (height, width, 3), uint8, with each moment's figures below."""
    renderer = envs.Renderer(step.world, WIDTH, HEIGHT)
    renderer.dress(0)
    data, overlay = mujoco.MjData(renderer.model), Overlay(WIDTH, HEIGHT)
    try:
        for k, moment in enumerate(step.shown):
            mujoco.mj_setState(renderer.model, data, moment.state, STATE)
            mujoco.mj_forward(renderer.model, data)
            image = Image.fromarray(renderer.render_data(data))
            overlay.draw(image, envs.short_name(step.evidence.env), step.when(k), step.figures(k))
            for _ in range(LAST if k == len(step.shown) - 1 else FRAMES):
                yield np.asarray(image)
    finally:
        renderer.close()
