"""A scene in a window on the screen: MuJoCo's passive viewer."""

from __future__ import annotations

import os
import sys
import time
import warnings

import glfw
import mujoco
import mujoco.viewer
import numpy as np

from locomotion.errors import UsageError
from locomotion.viewer.scene import Scene

FRAME = 1 / 60  # s
SIGHT = 0.25  # of the window's width: what the robot sees
KEYS = {
    "space": glfw.KEY_SPACE,
    "backspace": glfw.KEY_BACKSPACE,
    "enter": glfw.KEY_ENTER,
    "-": glfw.KEY_MINUS,
    "=": glfw.KEY_EQUAL,
    "up": glfw.KEY_UP,
    "down": glfw.KEY_DOWN,
    "left": glfw.KEY_LEFT,
    "right": glfw.KEY_RIGHT,
    ",": glfw.KEY_COMMA,
    ".": glfw.KEY_PERIOD,
    "home": glfw.KEY_HOME,
}


def show(scene: Scene) -> None:
    """Show a scene until its window is closed.

    Raises:
        UsageError: where there is no screen.
    """
    if not has_screen():
        raise UsageError("there is no screen here to open a window on; --web shows the robot in a browser")
    acts = {KEYS[control.key]: control.act for control in scene.controls() + scene.steering()}
    model = scene.renderer.model
    data = mujoco.MjData(model)
    scene.pose(data)

    def on_key(key: int) -> None:
        if key in acts:
            scene.requests.put(acts[key])

    with mujoco.viewer.launch_passive(
        model, data, key_callback=on_key, show_left_ui=False, show_right_ui=False
    ) as viewer:
        with viewer.lock():
            scene.aim(viewer.cam)
        before = time.perf_counter()
        while viewer.is_running():
            now = time.perf_counter()
            scene.advance(now - before)
            with viewer.lock():
                scene.pose(data)
                data.xfrc_applied[:] = 0.0
            viewer.set_texts(texts(scene))
            if scene.sight is not None:
                viewer.set_images(in_the_corner(scene.sight, viewer.viewport.width))
            viewer.sync()
            scene.pull[:] = data.xfrc_applied  # forces by the mouse
            before = now
            time.sleep(max(0.0, now + FRAME - time.perf_counter()))


def in_the_corner(sight: np.ndarray, width: int) -> tuple[mujoco.MjrRect, np.ndarray]:
    """Return what the robot sees in the form of MuJoCo's viewer, for the lower right corner of a window this wide."""
    times = max(1, round(SIGHT * width / sight.shape[1]))
    image = sight.repeat(times, axis=0).repeat(times, axis=1)
    return mujoco.MjrRect(width - image.shape[1], 0, image.shape[1], image.shape[0]), image


def has_screen() -> bool:
    """Return whether a window can be opened."""
    if not sys.platform.startswith("linux"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    with warnings.catch_warnings(action="ignore"):
        opened = bool(glfw.init())
    glfw.terminate()
    return opened


def texts(scene: Scene) -> list[tuple[int, int, str, str]]:
    """Return figures and keys in the form of MuJoCo's viewer, for the corners of its window."""
    font = mujoco.mjtFontScale.mjFONTSCALE_150.value
    orders = {} if scene.commands is None else dict(zip(scene.steerable, scene.commands, strict=True))
    figures = scene.figures | {name: f"{value:.2f}" for name, value in orders.items()}
    keys = {control.key: control.label for control in scene.controls() + scene.steering()}
    return [
        (font, corner.value, "\n".join(rows), "\n".join(rows.values()))
        for corner, rows in (
            (mujoco.mjtGridPos.mjGRID_TOPLEFT, figures),
            (mujoco.mjtGridPos.mjGRID_BOTTOMLEFT, keys),
        )
    ]
