"""MuJoCo's renderer without a screen, by an OpenGL that works here."""

from __future__ import annotations

import sys

import mujoco

from envs.graphics import ASKED, INSTALL, OFF, backends, context_class, glfw_quiet, tell_if_another


class RenderingUnavailable(RuntimeError):  # noqa: N818 - it names a state of the machine, like FileNotFound
    """There is no OpenGL to draw with on this machine."""


def open_renderer(model: mujoco.MjModel, width: int, height: int) -> mujoco.Renderer:
    """Return a renderer of pictures of this size, in pixels.

    Raises:
        RenderingUnavailable: where there is no OpenGL; the message names the packages to install.
    """
    # MuJoCo has settled on a backend when it was imported, which may be before this package chose one.
    from mujoco.rendering.classic import gl_context

    if ASKED in OFF:
        raise RenderingUnavailable(f"no OpenGL to draw with: MUJOCO_GL={ASKED} turns it off; unset it")
    model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
    model.vis.global_.offheight = max(height, model.vis.global_.offheight)
    failures = []
    for backend in backends():
        try:
            if backend:
                gl_context.GLContext = context_class(backend)
            with glfw_quiet():
                renderer = mujoco.Renderer(model, height, width)
        except Exception as error:
            # Each backend fails in its own way, from ImportError to ctypes' AttributeError and mujoco.FatalError.
            failures.append(f"{backend or sys.platform}: {' '.join(str(error).split())}")
        else:
            tell_if_another(backend)
            return renderer
    reasons = "; ".join(failures) or "no library and no screen for it"
    raise RenderingUnavailable(f"no OpenGL to draw with ({reasons}); on Debian and Ubuntu: {INSTALL}")
