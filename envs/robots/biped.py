"""Biped: two legs run forward."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.robots.legged import Runner
from envs.simulation import Fields

LASTED = 0  # s, how long the present episode has gone on, as the next one remembers it: a column of userdata


@dataclass(frozen=True)
class Biped(Runner):
    """Run forward on two legs without falling, after the 3D biped of Schulman et al. (2016), section 6.2.

    The reward's terms are theirs, with their weights of speed and effort. Their 1e-5 per N^2 of impact would make
    standing still cost more than all else could bring. With their 0.2 for being alive a step costs more than it brings
    at first, and the first thing learned is to dive forward; with 0.5 the robot dawdles.

    In training it begins at up to `start_speed`: who must step from the first moment on, or fall, learns to run (one
    seed 4.6 m/s instead of 1.4). Who has got to an episode's end begins the next one at rest, as in evaluation:
    otherwise a good runner falls as it starts (37 of 100, another seed).

    Observations are 33 numbers: the trunk's height and orientation (a quaternion), ten joint angles, the trunk's
    velocity along the world's axes, its turning rates about its own, ten joint velocities (m, rad and s), and for
    each foot whether it touches the floor. Episodes last 20 s in evaluation, as theirs. In training they are shorter,
    for most falls happen in the first second, and of first seconds there would be too few to learn from; but not so
    short that a gait which gets unsteady by and by is never found out, as with 5 s.
    """

    alive_bonus: float = 0.3  # per step
    start_speed: NotNegative = 2.0  # m/s ahead, at most, at which an episode begins where the one before was not whole
    episode_steps: Count = 1000  # of 0.01 s

    evaluation: ClassVar = {"episode_steps": 2000, "start_speed": 0.0}
    shown: ClassVar = {"episode_steps": 2000, "start_speed": 0.0}

    model = "biped.xml"
    start_angles = 2 * (0.0, 0.0, 0.1, 0.2, 0.1)  # the knees a little bent
    mirrored_contacts = (1, 0)
    camera: ClassVar = {"distance": 3.6, "lookat": (0.0, 0.0, 0.85), "azimuth": 120.0, "elevation": -12.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.nuserdata = 1
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        sim.userdata[:, LASTED] = sim.time + sim.dt

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        whole = sim.userdata[:, LASTED] > (self.episode_steps - 0.5) * sim.dt
        super().place(sim, rngs, seeds)
        speed = self.start_speed * np.array([rng.random() for rng in rngs])
        sim.qvel[:, 0] += np.where(whole, 0.0, speed)
        sim.userdata[:, LASTED] = 0.0
