"""What a viewer shows and lets its user do, for a window and a browser alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue

import mujoco
import numpy as np

import envs


@dataclass(frozen=True)
class Control:
    """An action of the user's, with a button and a key."""

    label: str
    key: str
    act: Callable[[], None]


class Scene:
    """One robot in motion.

    A viewer calls `advance` and `pose` from one thread. From any other thread it may read `figures` and the public
    attributes, and put bound methods into `requests`, which the next `advance` calls.

    Args:
        world: of the robot.
    """

    def __init__(self, world: envs.World):
        self.world = world
        self.renderer = envs.Renderer(world)  # gives the camera and the model of films; it draws nothing here
        self.requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.paused = False
        self.pull = np.zeros((world.model.nbody, 6))  # N and N m on each body, by the mouse
        self.commands: np.ndarray | None = None  # the user's; None: the task's own
        self.figures: dict[str, str] = {}
        self.sight: np.ndarray | None = None  # (height, width, 3), uint8: what the robot sees, if it has eyes

    @property
    def steerable(self) -> Mapping[str, tuple[float, float]]:
        """The commands that the user may give, and their ranges."""
        return {}

    def controls(self) -> list[Control]:
        """Return all controls but steering."""
        return [Control("pause", "space", self.toggle_pause)]

    def steering_keys(self) -> tuple[tuple[str, str], ...]:
        """Return the keys that lower and raise each command."""
        return ()

    def steering(self) -> list[Control]:
        """Return the controls of the commands: two keys for each, and one to stand still."""
        return []

    def steer(self, index: int, value: float) -> None:
        """Set a command, by its index in `steerable`, in its unit; it is clipped to its range."""
        raise NotImplementedError

    def stand_still(self) -> None:
        """Set all commands to zero, or to the nearest value in range."""
        raise NotImplementedError

    def toggle_pause(self) -> None:
        """Pause or resume."""
        self.paused = not self.paused

    def advance(self, elapsed: float) -> None:
        """Carry out the requests, then go on by what is due after `elapsed` more seconds of real time."""
        while not self.requests.empty():
            self.requests.get()()

    def aim(self, camera: mujoco.MjvCamera) -> None:
        """Set a viewer's camera as in films, following the robot."""
        films = self.renderer.camera
        camera.distance, camera.azimuth, camera.elevation = films.distance, films.azimuth, films.elevation
        camera.lookat[:] = films.lookat
        if self.renderer.followed is not None:
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            camera.trackbodyid = self.renderer.followed

    def pose(self, data: mujoco.MjData) -> bool:
        """Copy the robot's present state into `data`, which belongs to `renderer.model`.

        Return whether this model has changed, as it does where a robot's next episode has other walls.
        """
        raise NotImplementedError
