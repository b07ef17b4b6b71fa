"""The robot dog itself, whatever its task: stance, mirror image, and what differs from episode to episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import NotNegative
from envs.mirror import SignedPermutation
from envs.simulation import Fields
from envs.task import Task

HOME = np.array([-0.1, 0.9, -1.8, 0.1, 0.9, -1.8, -0.1, 0.9, -1.8, 0.1, 0.9, -1.8])  # rad: FR, FL, RR, RL
HOME_HEIGHT = 0.29  # m, of the trunk: the feet just above the ground
STANCE_HEIGHT = HOME_HEIGHT - 0.02  # m, of the trunk of a dog that stands in that posture: its weight bends the legs
JOINTS = len(HOME)
# Left and right legs change places; outward is a positive angle on the left, a negative one on the right.
MIRRORED_JOINTS = SignedPermutation(np.array([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]), np.tile([-1.0, 1.0, 1.0], 4))


@dataclass(frozen=True)
class Dog(Task):
    """A robot dog that has its own floor friction, load and motor strength in each episode."""

    friction: tuple[NotNegative, NotNegative] = (0.4, 1.25)  # friction coefficient of the floor, least and greatest
    load: tuple[float, float] = (-1.0, 1.0)  # kg on top of the trunk's own mass, least and greatest
    strength: tuple[NotNegative, NotNegative] = (0.9, 1.1)  # share of the motors' nominal stiffness

    model = "go1.xml"
    control_dt = 0.02  # s
    memory: ClassVar = {  # drawn at an episode's start and read by its steps
        "friction": 1,  # of the floor
        "load": 1,  # kg
        "strength": 1,  # share of the motors' nominal stiffness
    }

    def draw_body(self, sim: Fields, shares: np.ndarray) -> None:
        """Give the robots of `sim` their friction, load and strength, at these shares (E, 3) of the ranges."""
        memory = sim.memory
        memory.friction, memory.load, memory.strength = (
            low + (high - low) * shares[:, i] for i, (low, high) in enumerate((self.friction, self.load, self.strength))
        )

    def heights(self, sim: Fields, points: np.ndarray) -> np.ndarray:
        """Return the heights (N, k) of points (N, k, 3) above the ground, in m: by default a plane at 0."""
        return points[:, :, 2]

    def trunk_height(self, sim: Fields) -> np.ndarray:
        """Return the heights (N,) of the trunks above the ground, in m."""
        return self.heights(sim, sim.qpos[:, None, :3])[:, 0]

    def highest_ground(self, sim: Fields, reach: float) -> np.ndarray:
        """Return the height (E,) of the highest ground within so many m around the trunks, in m: by default 0."""
        return np.zeros(len(sim.qpos))

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        model, count = sim.model, len(sim.qpos)
        friction, load, strength = sim.memory.friction, sim.memory.load, sim.memory.strength
        frictions = np.repeat(model.geom_friction[None], count, axis=0)
        frictions[:, model.geom("floor").id, 0] = friction
        masses = np.repeat(model.body_mass[None], count, axis=0)
        masses[:, sim.body("trunk")] += load
        gains = model.actuator_gainprm * strength[:, None, None]
        biases = np.repeat(model.actuator_biasprm[None], count, axis=0)
        biases[:, :, 1] *= strength[:, None]
        return {"geom_friction": frictions, "body_mass": masses, "actuator_gainprm": gains, "actuator_biasprm": biases}


def make_solid(spec: mujoco.MjSpec) -> None:
    """Let the trunk and the legs of a dog's model touch the ground, and not each other."""
    for geom in spec.geoms:
        if geom.name != "floor" and geom.conaffinity == 0:
            geom.conaffinity = 1  # with the floor, whose contype is 1


def lowest(sim: Fields, heights: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return a lower bound (E,) on the heights of all geoms of each robot of `sim`, in m.

    Args:
        sim: the robots.
        heights: points (E, k, 3) -> their heights (E, k).
    """
    (centres,), own = sim.posed("geom_xpos"), sim.model.geom_bodyid > 0  # not the ground's shapes
    return (heights(centres[:, own]) - sim.model.geom_rbound[own]).min(axis=1)


def random_orientations(rngs: list[np.random.Generator]) -> np.ndarray:
    """Draw orientations (E, 4), all of them equally likely, one from each generator."""
    turned = np.array([rng.normal(size=4) for rng in rngs])
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def risen(up: np.ndarray, height: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two shares (N,) of having got up: how upright the trunk is, and that times how near its height is.

    Args:
        up: cosine of the trunk's tilt from the vertical.
        height: m, of the trunk above the ground.
        width: m below the stance's height at which the share of the height falls to 1/e.
    """
    upright = np.square((up + 1.0) / 2.0)
    below = np.maximum(STANCE_HEIGHT - height, 0.0)
    return upright, upright * np.exp(-np.square(below / width))
