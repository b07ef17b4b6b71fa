"""Biped: two legs run forward."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.arguments import Count, NotNegative, Positive
from envs.robots.legged import Runner
from envs.robots.pushes import DRAWS, draw_pushes, memory_of, push
from envs.simulation import Fields
from envs.task import Trial

PUSHES = 5  # pushes per episode


@dataclass(frozen=True)
class Biped(Runner):
    """Run forward on two legs without falling, after the 3D biped of Schulman et al. (2016), section 6.2.

    The reward's terms are the paper's, with its weights of speed and effort. Its impact weight of 1e-5 per N^2 would
    make standing still cost more than all other terms can earn. With its alive bonus of 0.2 a step costs more at first
    than it earns, and the robot learns to dive forward; with 0.5 it dawdles.

    Training episodes start at up to `start_speed`: having to step at once teaches running (4.6 instead of 1.4 m/s, one
    seed). After a full-length episode the next starts at rest, as in evaluation: otherwise good runners fall at the
    start (37 of 100 episodes, another seed).

    Episodes last 20 s in evaluation, as in the paper. In training they are shorter: most falls happen in the first
    second, and long episodes would give too few first seconds to learn from. Episodes of 5 s are too short: a gait that
    becomes unsteady later goes unnoticed.

    Nothing pushes it in training; BipedPushed learns among pushes. In a trial pushes of 1 m/s come from all sides, one
    in every 4 s.
    """

    alive_bonus: float = 0.3  # reward per step
    start_speed: NotNegative = 2.0  # m/s, greatest first speed, unless the episode before was of full length
    push_interval: Positive = 4.0  # s between pushes, of which an episode has five
    push_speeds: tuple[NotNegative, NotNegative] = (0.0, 0.0)  # m/s, least and greatest change of velocity by a push
    episode_steps: Count = 1000  # steps of 0.01 s after which an episode is truncated

    evaluation: ClassVar = {"episode_steps": 2000, "start_speed": 0.0, "push_interval": 4.0, "push_speeds": (0.0, 0.0)}
    trials: ClassVar = {"pushed": Trial({"push_speeds": (1.0, 1.0)}, ("fall_rate", "speed_mean"))}
    shown: ClassVar = evaluation

    model = "biped.xml"
    memory: ClassVar = {
        "lasted": 1,  # s, age of the present episode, which the next one reads
        **memory_of(PUSHES),
    }
    start_angles = 2 * (0.0, 0.0, 0.1, 0.2, 0.1)  # rad: the knees a little bent
    mirrored_contacts = (1, 0)
    camera: ClassVar = {"distance": 3.6, "lookat": (0.0, 0.0, 0.85), "azimuth": 120.0, "elevation": -12.0}

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        push(sim)
        sim.memory.lasted = sim.time + sim.dt

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        whole = sim.memory.lasted > (self.episode_steps - 0.5) * sim.dt
        super().place(sim, rngs, seeds)
        speed = self.start_speed * np.array([rng.random() for rng in rngs])
        sim.qvel[:, 0] += np.where(whole, 0.0, speed)
        sim.memory.lasted = 0.0
        draws = np.array([rng.random(DRAWS * PUSHES) for rng in rngs])
        draw_pushes(sim, draws, self.push_interval, self.push_speeds)
