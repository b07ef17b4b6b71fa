"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.biped import Biped
from envs.legged import Legged
from envs.simulation import Fields
from envs.task import Measured, told_once

# rad, the trunk's lean and the flexion of hip, knee and ankle: upright, in a squat, sitting with the heels drawn in,
# lying with the knees up, all of them with flat feet, and lying straight.
RISING = np.array(
    [
        [0.15, 0.3, 0.3, 0.15],
        [1.0, 2.5, 2.1, 0.6],
        [-0.05, 2.5, 2.35, -0.2],
        [-1.57, 0.98, 2.35, -0.2],
        [-1.57, 0.1, 0.2, 0.1],
    ]
)
# Postures per s at which they are passed on the way up: only a swing of the trunk leads from sitting to a squat.
RISING_SPEED = np.array([0.0, 2.0, 6.0, 0.0, 0.0])
NOTCHES = 8  # from each of these postures to the next
ON_THE_BACK = NOTCHES * (len(RISING) - 1)  # the last level, on which a robot begins by lying straight, at rest

# What a robot remembers of an episode for the next one, and where on the way up this one began: columns of userdata.
LEVEL, UP, DEPTH = range(3)


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2.

    Observations are the 33 numbers of `Biped`. An episode never ends early. In evaluation it begins on the back and
    lasts 20 s. In training learning goes backwards (Florensa et al. 2017, "Reverse Curriculum Generation"): a robot
    begins by standing, and a notch further down the way to its back after each episode at whose end it stood, half a
    notch further up after each other one. It begins in motion: who is at rest between sitting and squatting can but
    fall back. From lying alone, learning ends in sitting. On the way down episodes are short, so that there are many;
    on the back they are longer, for who has risen must learn to stay up.

    The reward is theirs, with two changes. The effort weighs a tenth, for all of it ends the exploration before the
    robot has found its feet. And drifting costs something: without that, who is up never comes to rest, and falls in
    the end (of 100 robots 71 instead of 98 stood to the end; one seed, on a way down of fewer notches).
    """

    head_weight: float = 1.0  # per m^2 between the head's height and `target_height`
    drift_weight: float = 0.25  # per (m/s)^2 of the trunk's velocity along the floor
    effort_weight: float = 1e-6  # per (N m)^2, over all joint torques
    target_height: float = 1.5  # m, of the head's middle
    standing_height: float = 1.3  # m, of the head's middle: the robot stands where it is higher ...
    standing_time: float = 5.0  # s: ... and has stood up if it does so from then on to the end
    first_level: int = 0  # notches down from standing, where the first episode begins
    promotion: float = 1.0  # s at an episode's end in which a robot must stand to begin a notch further down ...
    demotion: float = 0.5  # notches: ... and so much further up where it did not, that it stays where a third succeed
    early_steps: int = 300  # of 0.01 s: an episode's on the way down
    episode_steps: int = 800  # type: ignore[misc]  # of 0.01 s: an episode's that begins on the back

    evaluation: ClassVar = {"first_level": ON_THE_BACK, "episode_steps": 2000}
    shown: ClassVar = {"first_level": ON_THE_BACK, "episode_steps": 2000}
    model = Biped.model
    start_angles = Biped.start_angles
    mirrored_joints = Biped.mirrored_joints
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.nuserdata = 3
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        up = sim.site_xpos[:, 0, 2] > self.standing_height
        sim.userdata[:, UP] = np.where(up, sim.userdata[:, UP] + sim.dt, 0.0)

    def place(self, sim: Fields, rngs: list[np.random.Generator]) -> None:
        stood = sim.userdata[:, UP] > self.promotion
        level = np.clip(sim.userdata[:, LEVEL] + np.where(stood, 1, -self.demotion), self.first_level, ON_THE_BACK)
        sim.userdata[:, LEVEL] = level
        sim.userdata[:, UP] = 0.0
        sim.userdata[:, DEPTH] = (level + [rng.random() for rng in rngs]) / NOTCHES  # on the back, beyond the last one
        super().place(sim, rngs)
        self._set_in_motion(sim)

    def postures(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        lean, *leg = on_the_way_up(sim.userdata[:, DEPTH])
        still = 0 * lean
        return np.stack([np.cos(lean / 2), still, np.sin(lean / 2), still, *2 * (still, still, *leg)], axis=1)

    def _set_in_motion(self, sim: Fields) -> None:
        """Add the velocities with which trunk and legs are on their way up, the feet resting."""
        depth, model, data = sim.userdata[:, DEPTH], sim.model, mujoco.MjData(sim.model)
        ahead = 1e-3  # of a posture
        change = np.subtract(on_the_way_up(depth - ahead), on_the_way_up(depth)) / ahead
        speed = np.interp(depth, range(len(RISING)), RISING_SPEED)
        lean, *leg = speed * change  # rad/s
        still = 0 * lean
        rising = np.stack([still, lean, still, *2 * (still, still, *leg)], axis=1)
        foot, velocity = sim.body("left_foot"), np.zeros(6)
        for qpos, qvel, added in zip(sim.qpos, sim.qvel, rising, strict=True):
            data.qpos[:], data.qvel[3:] = qpos, added
            mujoco.mj_fwdPosition(model, data)
            mujoco.mj_fwdVelocity(model, data)
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, foot, velocity, 0)
            qvel[:3] -= velocity[3:]
            qvel[3:] += added

    def episode_limits(self, sim: Fields) -> np.ndarray:
        on_the_back = sim.userdata[:, LEVEL] == ON_THE_BACK
        return np.where(on_the_back, self.episode_steps, min(self.early_steps, self.episode_steps))

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {"head": sim.site_xpos[:, 0, 2]}  # m, height of its middle

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "head_height": -self.head_weight * np.square(now.head - self.target_height),
            "drift": -self.drift_weight * np.square(sim.qvel[:, :2]).sum(axis=1),
            "effort": -self.effort_weight * np.square(sim.ctrl).sum(axis=1),
        }

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        late = sim.time > self.standing_time
        return {
            "seconds_down": np.where(late & (now.head < self.standing_height), sim.dt, 0.0),
            "level": told_once(sim, sim.userdata[:, LEVEL]),
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        if episode["seconds"] <= self.standing_time:  # too short to tell
            return None
        return episode["seconds_down"] == 0.0 and not episode["terminated"]

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        stood = (episodes["seconds_down"] == 0.0) & (episodes["seconds"] > self.standing_time) & ~episodes["terminated"]
        return {"stand_rate": float(np.mean(stood))}


def on_the_way_up(depth: np.ndarray) -> np.ndarray:
    """Return the trunk's lean and the flexion of hips, knees and ankles (4, E), in rad, so many postures down (E,)."""
    return np.stack([np.interp(depth, range(len(RISING)), angles) for angles in RISING.T])
