"""What the cameras of a batch's robots see: pictures for observations, small, without shadows and smooth edges."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.offscreen import open_renderer


class Eyes:
    """The cameras of the robots of a batch. OpenGL is first used by the first picture.

    Args:
        batch: the robots.
    """

    def __init__(self, batch: Batch):
        self._batch = batch
        self._model = copy.copy(batch.model)
        self._model.vis.quality.shadowsize = self._model.vis.quality.offsamples = 0
        self._data = mujoco.MjData(self._model)
        self._options = mujoco.MjvOption()
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def see(self, ids: np.ndarray, camera: str, width: int, height: int, groups: np.ndarray) -> np.ndarray:
        """Return what the robots `ids` see, as `Fields.see` describes it: pictures (len(ids), height, width, 3)."""
        if (width, height) not in self._renderers:
            self._renderers[width, height] = open_renderer(self._model, width, height)
        renderer = self._renderers[width, height]
        self._options.geomgroup[:] = groups
        pictures = np.empty((len(ids), height, width, 3), np.uint8)
        for picture, i in zip(pictures, ids.tolist(), strict=True):
            self._batch.get_model(i, self._model)
            self._batch.get_data(i, self._data)
            mujoco.mj_forward(self._model, self._data)
            renderer.update_scene(self._data, camera, self._options)
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = False
            renderer.render(out=picture)
        return pictures
