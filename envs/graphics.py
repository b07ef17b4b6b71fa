"""The choice of an OpenGL, which MuJoCo reads as MUJOCO_GL when it is imported: what is set, else what works here."""

import contextlib
import ctypes
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

INSTALL = "apt-get install libegl1 libopengl0 libgl1-mesa-dri"
OFF = ("disable", "disabled", "off", "false", "0")  # MuJoCo's words for no OpenGL at all
UNDECIDED = ("", "enable", "enabled", "on", "true", "1")  # MuJoCo's words for its own choice
OTHERS = {"darwin": ("cgl", "glfw"), "win32": ("wgl", "glfw")}  # where only a name can be wrong

ASKED = os.environ.get("MUJOCO_GL", "").strip().lower()  # before this module changes it
_told: set[str] = set()


def choose_backend() -> str | None:
    """Set MUJOCO_GL to a backend that `import mujoco` can load; return its value.

    On Linux that is the one that is set, else one for the screen, else `egl` or `osmesa`, which need no screen. Only
    the presence of the libraries and of the screen is checked: the first picture shows whether they work.
    """
    if ASKED not in OFF:
        first = next(iter(backends()), "")
        if first == "glfw" and ASKED in UNDECIDED:
            return os.environ.get("MUJOCO_GL")  # MuJoCo's own choice
        os.environ["MUJOCO_GL"] = first
    return os.environ.get("MUJOCO_GL")


def backends() -> list[str]:
    """Return the backends that may work here, the first choice first; none where MUJOCO_GL turns OpenGL off."""
    if ASKED in OFF:
        return []
    if not sys.platform.startswith("linux"):
        return [ASKED if ASKED in OTHERS.get(sys.platform, ()) else ""]
    asked = "glfw" if ASKED == "glx" else ASKED
    names = sorted(("glfw", "egl", "osmesa"), key=lambda name: name != asked)  # a stable order
    return [name for name in names if _may_work(name)]


def context_class(backend: str) -> Any:
    """Return MuJoCo's class of OpenGL contexts of a backend.

    Raises:
        Exception: of any kind, where the backend does not work.
    """
    if backend == "glfw":
        _require_glfw()
    elif os.environ.get("PYOPENGL_PLATFORM", "").lower() != backend:
        # PyOpenGL and MuJoCo's modules have settled on one backend: they are imported anew for another.
        for name in [name for name in sys.modules if name.split(".")[0] == "OpenGL" or name == f"mujoco.{backend}"]:
            del sys.modules[name]
        os.environ["PYOPENGL_PLATFORM"] = backend
    return import_module(f"mujoco.{backend}").GLContext


def tell_if_another(backend: str) -> None:
    """Say once, on stderr, that a backend is taken in place of the one that MUJOCO_GL names."""
    if ASKED not in (*UNDECIDED, backend) and (ASKED, backend) != ("glx", "glfw") and not _told:
        _told.add(backend)
        taken = backend or "the system's own OpenGL"
        print(f"MUJOCO_GL={ASKED} does not work here: pictures are drawn with {taken}", file=sys.stderr)


@contextlib.contextmanager
def glfw_quiet() -> Iterator[None]:
    """Leave out GLFW's warnings about a screen that does not answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _require_glfw() -> None:
    import glfw

    with glfw_quiet():
        if not glfw.init():
            raise OSError("the screen does not answer")


def _may_work(backend: str) -> bool:
    if backend == "egl":
        return _loads("libEGL.so.1") and (_loads("libOpenGL.so.0") or _loads("libGL.so.1"))
    if backend == "osmesa":
        return _loads("libOSMesa.so.8") or _loads("libOSMesa.so.6")
    return screen_answers()


def screen_answers() -> bool:
    """Return whether DISPLAY or WAYLAND_DISPLAY names a screen that may be there: a local one answers at its socket."""
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY", "")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/nowhere")
    if wayland and _answers(socket.AF_UNIX, str(Path(runtime, wayland))):
        return True
    host, colon, number = x11.rpartition(":")
    number = number.split(".")[0]
    if not colon or not number.isdecimal():
        return False
    if host in ("", "unix"):
        place = f"/tmp/.X11-unix/X{number}"
        return _answers(socket.AF_UNIX, place) or _answers(socket.AF_UNIX, f"\0{place}")
    if host in ("localhost", "127.0.0.1"):  # forwarded by ssh
        return _answers(socket.AF_INET, ("127.0.0.1", 6000 + int(number)))
    return True  # another machine's: asking could take long


def _answers(family: int, address: Any) -> bool:
    with socket.socket(family) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(address)
        except (OSError, ValueError, OverflowError):
            return False
    return True


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
