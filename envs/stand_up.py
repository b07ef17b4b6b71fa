"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.biped import Biped
from envs.legged import Legged
from envs.simulation import Fields
from envs.task import Measured

LYING = (np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0)  # a quaternion: on the back, the head towards -x
# rad, flexion of hip, knee and ankle, with flat feet: upright, in a squat, sitting with the heels drawn in, lying with
# the knees up.
RISING = np.array([[0.3, 0.3, 0.15], [2.5, 2.1, 0.6], [2.45, 1.95, -0.6], [0.98, 1.95, -0.6]])

NOTCHES = 4  # from each of these postures to the next
ON_THE_BACK = NOTCHES * (len(RISING) - 1)  # the last level, on which a robot begins by lying straight

# What a robot remembers of an episode for the next one: columns of userdata.
LEVEL, UP = range(2)


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2, with their reward.

    Observations are the 33 numbers of `Biped`. An episode never ends early. In evaluation it begins on the back and
    lasts 20 s. In training it is shorter, and learning goes backwards (Florensa et al. 2017, "Reverse Curriculum
    Generation"): a robot begins by standing, and a notch further down the way to its back after each episode at whose
    end it stood, a notch further up after each other one. From lying alone, learning ends in sitting. The effort
    weighs a tenth of theirs, for theirs ends the exploration before the robot has found its feet.
    """

    head_weight: float = 1.0  # per m^2 between the head's height and `target_height`
    effort_weight: float = 1e-6  # per (N m)^2, over all joint torques
    target_height: float = 1.5  # m, of the head's middle
    standing_height: float = 1.3  # m, of the head's middle: the robot stands where it is higher ...
    standing_time: float = 5.0  # s: ... and has stood up if it does so from then on to the end
    first_level: int = 0  # notches down from standing, where the first episode begins
    promotion: float = 1.0  # s at an episode's end in which a robot must stand to begin further down
    episode_steps: int = 300  # type: ignore[misc]  # of 0.01 s

    evaluation: ClassVar = {"first_level": ON_THE_BACK, "episode_steps": 2000}
    shown: ClassVar = {"first_level": ON_THE_BACK, "episode_steps": 2000}
    model = Biped.model
    start_angles = Biped.start_angles
    mirrored_joints = Biped.mirrored_joints
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.nuserdata = 2
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        up = sim.site_xpos[:, 0, 2] > self.standing_height
        sim.userdata[:, UP] = np.where(up, sim.userdata[:, UP] + sim.dt, 0.0)

    def postures(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        stood = sim.userdata[:, UP] > self.promotion
        level = np.clip(sim.userdata[:, LEVEL] + np.where(stood, 1, -1), self.first_level, ON_THE_BACK)
        sim.userdata[:] = np.column_stack([level, 0 * level])
        depths = np.minimum((level + [rng.random() for rng in rngs]) / NOTCHES, len(RISING) - 1)
        hip, knee, ankle = (np.interp(depths, range(len(RISING)), flexion) for flexion in RISING.T)
        lean = hip - knee + ankle  # of the trunk, with the feet flat on the floor
        still = 0 * lean
        leg = (still, still, hip, knee, ankle)
        rising = np.stack([np.cos(lean / 2), still, np.sin(lean / 2), still, *leg, *leg], axis=1)
        return np.where((level == ON_THE_BACK)[:, None], [*LYING, *self.start_angles], rising)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {"head": sim.site_xpos[:, 0, 2]}  # m, height of its middle

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "head_height": -self.head_weight * np.square(now.head - self.target_height),
            "effort": -self.effort_weight * np.square(sim.ctrl).sum(axis=1),
        }

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        late = sim.time > self.standing_time
        return {"seconds_down": np.where(late & (now.head < self.standing_height), sim.dt, 0.0)}

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        if episode["seconds"] <= self.standing_time:  # too short to tell
            return None
        return episode["seconds_down"] == 0.0 and not episode["terminated"]

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        stood = (episodes["seconds_down"] == 0.0) & (episodes["seconds"] > self.standing_time) & ~episodes["terminated"]
        return {"stand_rate": float(np.mean(stood))}
