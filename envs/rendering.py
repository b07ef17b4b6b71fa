"""Off-screen pictures of the robots of a World."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import mujoco
import numpy as np

from envs.arguments import whole_number
from envs.contract import InvalidTask
from envs.graphics import ASKED, INSTALL, OFF, backends, context_class, glfw_quiet, tell_if_another
from envs.world import World

# Attributes of MjvCamera.
VIEW = ("type", "fixedcamid", "trackbodyid", "lookat", "distance", "azimuth", "elevation", "orthographic")


class RenderingUnavailable(RuntimeError):  # noqa: N818 - it names a state of the machine, like FileNotFound
    """There is no OpenGL to draw with on this machine."""


class Pictures(NamedTuple):
    """The pictures that an environment draws."""

    render_mode: str | None  # Gymnasium's: `rgb_array`, or None for no pictures
    width: int  # in pixels
    height: int  # in pixels


def renderer_for(pictures: Pictures | None, world: World) -> Renderer | None:
    """Return what draws these pictures, or None for none.

    Raises:
        ValueError: for an unknown render mode.
    """
    if pictures is None or pictures.render_mode is None:
        return None
    if pictures.render_mode != "rgb_array":
        raise ValueError(f"render_mode must be None or 'rgb_array', got {pictures.render_mode!r}")
    return Renderer(world, pictures.width, pictures.height)


class Renderer:
    """Draws the robots of a World, one at a time, with a camera that follows the robot.

    The task's `camera_settings` hold attributes of `mujoco.MjvCamera` (`distance` in m, `azimuth` and `elevation` in
    degrees, `lookat` in m) and `trackbodyid`, the body whose robot is followed along the floor (0 or -1: none). By
    default the camera follows the first body that moves, from the side.

    OpenGL is first used by the first `render`.

    Args:
        world: the world whose robots are drawn.
        width: of the pictures, in pixels.
        height: of the pictures, in pixels.
        shadow_size: of the shadow map, in pixels; 0 draws no shadows, which is much faster in software.
        samples: per pixel, against jagged edges; 0 is fastest.
    """

    def __init__(self, world: World, width: int = 480, height: int = 480, *, shadow_size: int = 1024, samples: int = 4):
        width, height = whole_number(width, "the width"), whole_number(height, "the height")
        if width < 1 or height < 1:
            raise ValueError(f"a picture must be at least 1 pixel wide and high, got {width} x {height}")
        self.world = world
        self.width = width
        self.height = height
        self.model = _with_sky(world)  # its own, because the quality of the picture is part of the model
        self.model.vis.global_.offwidth = max(width, self.model.vis.global_.offwidth)
        self.model.vis.global_.offheight = max(height, self.model.vis.global_.offheight)
        self.model.vis.quality.shadowsize = shadow_size
        self.model.vis.quality.offsamples = samples
        self._shadows = shadow_size > 0
        self._data = mujoco.MjData(self.model)
        self._renderer: mujoco.Renderer | None = None
        settings = world.task.camera_settings()
        self.followed = self._root(settings.get("trackbodyid"))  # body, or None
        self.camera = self._camera(settings)

    def __getstate__(self) -> dict[str, Any]:
        """Return what an equal renderer is made of, for copies and pickles, which open an OpenGL of their own."""
        view = {name: getattr(self.camera, name) for name in VIEW}
        return vars(self) | {"_renderer": None, "_data": None, "camera": view}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept, _data=mujoco.MjData(kept["model"]), camera=mujoco.MjvCamera())
        for name, value in kept["camera"].items():
            setattr(self.camera, name, value)

    def render(self, i: int = 0) -> np.ndarray:
        """Return a picture (height, width, 3), uint8, of robot i in its present state.

        Raises:
            RenderingUnavailable: where there is no OpenGL; the message names the packages to install.
        """
        self.world.batch.get_data(i, self._data)
        mujoco.mj_forward(self.model, self._data)
        return self.render_data(self._data)

    def render_data(self, data: mujoco.MjData) -> np.ndarray:
        """Return a picture (height, width, 3), uint8, of any state of the world's model, after `mj_forward`."""
        if self._renderer is None:
            self._renderer = self._open()
        if self.followed is not None:
            self.camera.lookat[:2] = data.subtree_com[self.followed, :2]
        self._renderer.update_scene(data, self.camera)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = self._shadows
        return self._renderer.render()

    def close(self) -> None:
        """Free OpenGL's memory; the next picture opens it anew."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _open(self) -> mujoco.Renderer:
        # MuJoCo has settled on a backend when it was imported, which may be before this package chose one.
        from mujoco.rendering.classic import gl_context

        if ASKED in OFF:
            raise RenderingUnavailable(f"no OpenGL to draw with: MUJOCO_GL={ASKED} turns it off; unset it")
        failures = []
        for backend in backends():
            try:
                if backend:
                    gl_context.GLContext = context_class(backend)
                with glfw_quiet():
                    renderer = mujoco.Renderer(self.model, self.height, self.width)
            except Exception as error:
                # Each backend fails in its own way, from ImportError to ctypes' AttributeError and mujoco.FatalError.
                failures.append(f"{backend or sys.platform}: {' '.join(str(error).split())}")
            else:
                tell_if_another(backend)
                return renderer
        reasons = "; ".join(failures) or "no library and no screen for it"
        raise RenderingUnavailable(f"no OpenGL to draw with ({reasons}); on Debian and Ubuntu: {INSTALL}")

    def _root(self, tracked: int | None) -> int | None:
        """Return the root body of the robot to follow, or None for a fixed camera."""
        if tracked is None:
            moving = np.flatnonzero(self.model.body_dofnum > 0)
            tracked = int(moving[0]) if len(moving) else 0
        return int(self.model.body_rootid[tracked]) if tracked > 0 else None

    def _camera(self, settings: Mapping[str, Any]) -> mujoco.MjvCamera:
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        camera.elevation = -20.0
        camera.distance = 1.5 * self.model.stat.extent
        camera.lookat[:] = self.model.stat.center
        if self.followed is not None:
            mujoco.mj_forward(self.model, self._data)
            camera.lookat[:] = self._data.subtree_com[self.followed]
        for name, value in settings.items():
            if name == "lookat":
                camera.lookat[:] = value
            elif name not in VIEW:
                task = type(self.world.task).__name__
                raise InvalidTask(f"{task}.camera: MuJoCo's camera has no {name!r}; it has {', '.join(VIEW)}")
            elif name != "trackbodyid":
                setattr(camera, name, value)
        return camera


def _with_sky(world: World) -> mujoco.MjModel:
    """Return a copy of the world's model, with a sky and more light if its background would be black."""
    if (world.model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX.value).any():
        return copy.copy(world.model)
    spec = world.task.model_spec()
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.80, 0.88, 0.95),
        rgb2=(0.36, 0.55, 0.76),
        width=256,
        height=256,
    )
    spec.visual.headlight.ambient = (0.4, 0.4, 0.4)
    return spec.compile()
