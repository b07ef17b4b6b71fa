"""Whatever OpenGL's settings say, pictures are drawn by what works here, or one sentence says why not."""

import os
import socketserver
import subprocess
import sys
import threading

import pytest

from envs.graphics import INSTALL, backends

SETTINGS = ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "PYOPENGL_PLATFORM", "MUJOCO_EGL_DEVICE_ID")
HEADLESS = {name: value for name, value in os.environ.items() if name not in SETTINGS}
DRAW = """
world = envs.World(envs.make_task("Hopper-v5"), 1)
pictures = envs.Renderer(world, 32, 32, shadow_size=0, samples=0), envs.Renderer(world, 32, 32)
try: print([bool(each.render().mean() > 40) for each in pictures])
except envs.RenderingUnavailable as error: print(error)
"""

needs_egl = pytest.mark.skipif("egl" not in backends(), reason=f"no EGL on this machine: {INSTALL}")


def drawn(settings, first="import envs"):
    """Return what is said on stdout and on stderr when two renderers draw under these settings."""
    done = subprocess.run(
        [sys.executable, "-c", f"{first}\n{DRAW}"], capture_output=True, text=True, env=HEADLESS | settings, check=True
    )
    return done.stdout.strip(), done.stderr.strip()


@needs_egl
@pytest.mark.parametrize("first", ["import mujoco, envs", "import envs, mujoco"])
def test_without_a_screen_it_draws_whichever_is_imported_first(first):
    assert drawn({}, first) == ("[True, True]", "")


@needs_egl
@pytest.mark.parametrize("asked", ["nonsense", "glfw", "osmesa"])
def test_a_backend_that_does_not_work_is_replaced_and_told_once(asked):
    if asked in backends():
        pytest.skip(f"{asked} works on this machine")
    told = f"MUJOCO_GL={asked} does not work here: pictures are drawn with egl"
    assert drawn({"MUJOCO_GL": asked}) == ("[True, True]", told)


@needs_egl
@pytest.mark.parametrize(
    "settings",
    [
        {"DISPLAY": ":97"},
        {"WAYLAND_DISPLAY": "wayland-97", "XDG_RUNTIME_DIR": "/nowhere"},
        {"PYOPENGL_PLATFORM": "osmesa", "MUJOCO_GL": " EGL "},
    ],
)
def test_a_screen_that_is_not_there_is_not_drawn_on(settings):
    assert drawn(settings) == ("[True, True]", "")


@needs_egl
def test_a_screen_that_refuses_is_left_for_another_backend():
    class Refuse(socketserver.BaseRequestHandler):
        pass  # hangs up

    with socketserver.ThreadingUnixStreamServer("\0/tmp/.X11-unix/X96", Refuse) as screen:
        threading.Thread(target=screen.serve_forever, daemon=True).start()
        tried = "import envs\nassert envs.graphics.backends()[0] == 'glfw'"
        told = "MUJOCO_GL=glfw does not work here: pictures are drawn with egl"
        assert drawn({"DISPLAY": ":96"}, tried) == ("[True, True]", "")
        assert drawn({"DISPLAY": ":96", "MUJOCO_GL": "glfw"}, tried) == ("[True, True]", told)
        screen.shutdown()


def test_where_there_is_no_opengl_it_says_what_to_install():
    said, _ = drawn({}, "import envs\nenvs.graphics._loads = lambda library: False")
    assert said == f"no OpenGL to draw with (no library and no screen for it); on Debian and Ubuntu: {INSTALL}"


def test_opengl_that_is_turned_off_stays_off():
    said, _ = drawn({"MUJOCO_GL": "disable"})
    assert said == "no OpenGL to draw with: MUJOCO_GL=disable turns it off; unset it"


def test_help_and_training_need_no_opengl(tmp_path):
    words = "train CartPole --steps 16 --num-envs 1 --n-steps 16 --evaluations 0 --final-episodes 1 --track off"
    for arguments in ("train --help", f"{words} --video-seconds 0 --out {tmp_path}"):
        command = [sys.executable, "-m", "locomotion", *arguments.split()]
        done = subprocess.run(
            command, capture_output=True, text=True, env=HEADLESS | {"MUJOCO_GL": "osmesa"}, check=True
        )
        assert "MUJOCO_GL" not in done.stderr
