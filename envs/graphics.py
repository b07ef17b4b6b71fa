"""The choice of an OpenGL for machines without a screen, which MuJoCo reads when it is imported."""

import ctypes
import os
import sys

INSTALL = "apt-get install libegl1 libopengl0 libgl1-mesa-dri"


def choose_backend() -> str | None:
    """Set MUJOCO_GL to `egl`, else `osmesa`, if there is no screen and it is not set; return its value.

    Only the presence of the libraries is checked: the first picture shows whether they work.
    """
    if not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return os.environ.get("MUJOCO_GL")
    if "MUJOCO_GL" not in os.environ:
        if _loads("libEGL.so.1") and (_loads("libOpenGL.so.0") or _loads("libGL.so.1")):
            os.environ["MUJOCO_GL"] = "egl"
        elif _loads("libOSMesa.so.8") or _loads("libOSMesa.so.6"):
            os.environ["MUJOCO_GL"] = "osmesa"
    return os.environ.get("MUJOCO_GL")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
