"""A step that was taken again, moment by moment, for a window and a browser."""

from __future__ import annotations

from functools import partial

import mujoco

from locomotion.replay.physics import STATE
from locomotion.replay.step import ReplayedStep
from locomotion.viewer.scene import Control, Scene

SECONDS = 0.8  # of real time for each moment


class StepScene(Scene):
    """The moments of a step, one after the other and again from the first; it must have one that can be drawn."""

    def __init__(self, step: ReplayedStep):
        super().__init__(step.world)
        self.renderer.dress(0)
        self.step = step
        self.present = 0  # the moment that is shown
        self._left = SECONDS  # s that it is still shown
        self.go(0)

    def controls(self) -> list[Control]:
        return [
            *super().controls(),
            Control("back", "left", partial(self.go, -1)),
            Control("forward", "right", partial(self.go, 1)),
        ]

    def go(self, by: int) -> None:
        """Show another moment, the next (1) or the one before (-1)."""
        self.present = (self.present + by) % len(self.step.shown)
        self._left = SECONDS
        self.figures = {"moment": self.step.when(self.present)} | self.step.figures(self.present)

    def advance(self, elapsed: float) -> None:
        super().advance(elapsed)
        if not self.paused:
            self._left -= elapsed
            if self._left <= 0:
                self.go(1)

    def pose(self, data: mujoco.MjData) -> bool:
        mujoco.mj_setState(self.renderer.model, data, self.step.shown[self.present].state, STATE)
        mujoco.mj_forward(self.renderer.model, data)
        return False
