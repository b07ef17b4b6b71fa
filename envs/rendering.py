"""Off-screen pictures of the robots of a World."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import mujoco
import numpy as np

from envs.arguments import whole_number
from envs.contract import InvalidTask
from envs.offscreen import open_renderer
from envs.trail import Trail
from envs.world import World

# Attributes of MjvCamera.
VIEW = ("type", "fixedcamid", "trackbodyid", "lookat", "distance", "azimuth", "elevation", "orthographic")


STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value

# Fields of the model that may be a robot's own and that pictures show.
SHOWN = (
    *("body_pos", "body_quat", "geom_pos", "geom_quat", "geom_type", "geom_size", "geom_rgba"),
    *("site_pos", "site_quat"),
)

LEAST, MOST = 0.3, 0.5  # shares of a picture's width: of what a robot with eyes sees
UPRIGHT = 0.8  # of a picture's height: the width that the robot itself gets, within these bounds
BACKGROUND = (25, 28, 34)  # RGB, around what it sees


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

    What a robot with eyes sees (`Task.first_person`) stands beside it. With the task's `trail` the way that it has come
    is drawn: it joins the places at which the robot was drawn in its present episode.

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
        self.model.vis.quality.shadowsize = shadow_size
        self.model.vis.quality.offsamples = samples
        self._shadows = shadow_size > 0
        self._data = mujoco.MjData(self.model)
        self._renderer: mujoco.Renderer | None = None
        self._past = mujoco.MjData(world.model)
        self._state = np.empty(mujoco.mj_stateSize(world.model, STATE))
        self._trails: dict[int, Trail] = {}
        self._seen: dict[int, np.ndarray] = {}  # the last pictures of what robots saw
        settings = world.task.camera_settings()
        self.followed = self._root(settings.get("trackbodyid"))  # body, or None
        self.camera = self._camera(settings)

    def __getstate__(self) -> dict[str, Any]:
        """Return what an equal renderer is made of, for copies and pickles, which open an OpenGL of their own."""
        view = {name: getattr(self.camera, name) for name in VIEW}
        return vars(self) | {"_renderer": None, "_data": None, "_past": None, "camera": view}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept, _data=mujoco.MjData(kept["model"]), camera=mujoco.MjvCamera())
        self._past = mujoco.MjData(self.world.model)
        for name, value in kept["camera"].items():
            setattr(self.camera, name, value)

    def render(self, i: int = 0, late: float = 0.0) -> np.ndarray:
        """Return a picture (height, width, 3), uint8, of robot i in its present state.

        Args:
            i: its row.
            late: s before the present, at most as long as its last step: it is drawn as it was then, beside what it saw
                as that step began.

        Raises:
            RenderingUnavailable: where there is no OpenGL; the message names the packages to install.
        """
        self.dress(i)
        self.pose(i, self._data, late)
        picture = self.render_data(self._data, self._noted(i, late))
        if not late or i not in self._seen:
            seen = self.world.task.first_person(self.world.sim)
            if seen is None:
                return picture
            self._seen[i] = seen[i]
        return beside(picture, self._seen[i])

    def dress(self, i: int) -> bool:
        """Put what is robot i's own (`Task.physics`) into `model`; return whether this changed anything."""
        changed = False
        for name in SHOWN:
            values, present = self.world.batch.expanded(name), getattr(self.model, name)
            if values is not None and not np.array_equal(values[i], present):
                present[:] = values[i]
                changed = True
        return changed

    def pose(self, i: int, data: mujoco.MjData, late: float = 0.0) -> None:
        """Put robot i's present state into `data`, which belongs to `model`; or that of some moment in its last step.

        Args:
            i: its row.
            data: is overwritten.
            late: s before the present, as for `render`; rounded to whole physics steps.
        """
        world = self.world
        ago = round(late / world.model.opt.timestep)
        if ago:
            model = world.batch.get_model(i)
            mujoco.mj_setState(model, self._past, world.step_began[i], STATE)
            mujoco.mj_step(model, self._past, world.substeps - ago)
            mujoco.mj_getState(model, self._past, self._state, STATE)
            mujoco.mj_setState(self.model, data, self._state, STATE)
        else:
            world.batch.get_data(i, data)
        mujoco.mj_forward(self.model, data)

    def render_data(self, data: mujoco.MjData, trail: Trail | None = None) -> np.ndarray:
        """Return a picture (height, width, 3), uint8, of any state of the world's model, after `mj_forward`."""
        if self._renderer is None:
            self._renderer = open_renderer(self.model, self.width, self.height)
        if self.followed is not None:
            self.camera.lookat[:2] = data.subtree_com[self.followed, :2]
        self._renderer.update_scene(data, self.camera)
        if trail is not None:
            trail.draw(self._renderer.scene)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = self._shadows
        return self._renderer.render()

    def _noted(self, i: int, late: float) -> Trail | None:
        """Return the way of robot i up to now, or None where the task shows none."""
        if not self.world.task.trail:
            return None
        trail = self._trails.setdefault(i, Trail())
        body = int(np.flatnonzero(self.model.body_dofnum > 0)[0])
        trail.note(self.world.episodes.elapsed[i] - late / self.world.dt, self._data.subtree_com[body, :2])
        return trail

    def close(self) -> None:
        """Free OpenGL's memory; the next picture opens it anew."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

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


def beside(picture: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return a picture (height, width, 3) without its edges at both sides, and at its right what the robot sees."""
    height, width, _ = picture.shape
    share = min(max(1 - UPRIGHT * height / width, LEAST), MOST)
    panel = np.full((height, round(share * width), 3), BACKGROUND, np.uint8)
    margin = panel.shape[1] // 16
    columns = panel.shape[1] - 2 * margin
    rows = min(columns * seen.shape[0] // seen.shape[1], height)
    top = (height - rows) // 2
    nearest = (np.arange(rows) * seen.shape[0] // rows)[:, None], np.arange(columns) * seen.shape[1] // columns
    panel[top : top + rows, margin : margin + columns] = seen[nearest]
    left = panel.shape[1] // 2
    return np.concatenate([picture[:, left : left + width - panel.shape[1]], panel], axis=1)


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
