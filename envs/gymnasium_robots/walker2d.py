"""Walker2d-v5: two legs walk forward in a vertical plane."""

from dataclasses import dataclass
from typing import ClassVar

from envs.gymnasium_robots.planar_legs import PlanarLegs


@dataclass(frozen=True)
class Walker2d(PlanarLegs):
    """Walk forward on two legs, in a vertical plane (Erez, Tassa and Todorov 2011).

    Equal to `gymnasium.envs.mujoco.walker2d_v5.Walker2dEnv`, for N robots at once.
    """

    xml_file: str = "walker2d_v5.xml"  # MJCF file of the model: one of Gymnasium's, or a path
    healthy_z_range: tuple[float, float] = (0.8, 2.0)  # m, healthy heights of the torso
    healthy_angle_range: tuple[float, float] = (-1.0, 1.0)  # rad, healthy angles of the torso

    camera: ClassVar = {"trackbodyid": 2, "distance": 2.8, "lookat": (0.0, 0.0, 0.75), "elevation": -12.0}
