"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.biped import Biped
from envs.legged import Legged
from envs.simulation import Fields
from envs.task import Measured

LYING = (np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0)  # a quaternion: on the back, the head towards -x
# rad, flexion of hip, knee and ankle, with flat feet: upright, in a squat, sitting with the heels drawn in, lying with
# the knees up.
RISING = np.array([[0.3, 0.3, 0.15], [2.5, 2.1, 0.6], [2.45, 1.95, -0.6], [0.98, 1.95, -0.6]])


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2, with their reward.

    Observations are the 33 numbers of `Biped`. An episode never ends early. In evaluation it begins on the back and
    lasts 20 s. For training it is shorter, and most begin somewhere on the way up, from lying with the knees up to
    standing, which shows it to the critic: from lying alone, learning ends in sitting. The effort weighs a tenth of
    theirs, for theirs ends the exploration before the robot has found its feet.
    """

    head_weight: float = 1.0  # per m^2 between the head's height and `target_height`
    effort_weight: float = 1e-6  # per (N m)^2, over all joint torques
    target_height: float = 1.5  # m, of the head's middle
    standing_height: float = 1.3  # m, of the head's middle: the robot stands where it is higher ...
    standing_time: float = 5.0  # s: ... and has stood up if it does so from then on to the end
    rising_share: float = 0.7  # of the episodes begin on the way up
    episode_steps: int = 300  # type: ignore[misc]  # of 0.01 s: a field here, a class attribute elsewhere

    evaluation: ClassVar = {"rising_share": 0.0, "episode_steps": 2000}
    model = Biped.model
    start_angles = Biped.start_angles
    mirrored_joints = Biped.mirrored_joints
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def posture(self, rng: np.random.Generator) -> list[float]:
        if rng.random() >= self.rising_share:
            return [*LYING, *self.start_angles]
        depth = rng.uniform(0, len(RISING) - 1)
        hip, knee, ankle = (np.interp(depth, range(len(RISING)), flexion) for flexion in RISING.T)
        lean = hip - knee + ankle  # of the trunk, with the feet flat on the floor
        return [np.cos(lean / 2), 0.0, np.sin(lean / 2), 0.0, *2 * (0.0, 0.0, hip, knee, ankle)]

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
