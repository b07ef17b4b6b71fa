"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np

from envs.biped import Biped
from envs.legged import UPRIGHT, Legged
from envs.orientation import to_world
from envs.simulation import Fields
from envs.task import Measured, told_once

ON_THE_BACK = (np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0)  # as a quaternion
NOTCHES = 20  # from all the help there is to none
UNAIDED = NOTCHES

# Columns of userdata: how many notches of help a robot does without, s for which its head has been up, steps the
# episode is to last, and whether it began by standing.
LEVEL, UP, STEPS, STOOD = range(4)


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2.

    Observations are the 33 numbers of `Biped`. An episode begins on the back and never ends early; in evaluation it
    lasts 20 s. In training there is at first a hand that pulls the robot up by its head. It is a notch weaker after
    each episode at whose end the robot stood, half a notch stronger after each other one. (A pull that fades out is
    also what helped in Huang et al. 2025, "Learning Humanoid Standing-up Control across Diverse Postures".) Without
    any, learning ends in sitting. Helped episodes are short, so that there are many; the others are longer, some as
    long as in evaluation, for who has risen must learn to stay up. So that it knows what it rises to, it begins some
    of its episodes by standing: who only ever rose stood bent, leaning on the hand, and soon fell without it.

    The reward is theirs, but drifting costs something: without that, who is up never comes to rest, and falls in the
    end. Not every seed learns it: two of three came to lean on the hand, bent, and never did without it.
    """

    head_weight: float = 1.0  # per m^2 between the head's height and `target_height`
    drift_weight: float = 0.25  # per (m/s)^2 of the trunk's velocity along the floor
    effort_weight: float = 1e-5  # per (N m)^2, over all joint torques
    target_height: float = 1.5  # m, of the head's middle
    standing_height: float = 1.3  # m, of the head's middle: the robot stands where it is higher ...
    standing_time: float = 5.0  # s: ... and has stood up if it does so from then on to the end
    pull: float = 1.0  # of the robot's weight: the hand's at first, on a head below `target_height` ...
    letting_go: float = 0.1  # m: ... and over so much above it less and less
    standing: float = 0.5  # probability that an episode begins by standing
    first_level: int = 0  # notches of help less in the first episode
    promotion: float = 1.0  # s at an episode's end in which a robot must stand for the help to be a notch less ...
    demotion: float = 0.5  # notches: ... and so much more where it did not, that it stays where a third succeed
    early_steps: int = 300  # of 0.01 s: an episode's with help
    least_steps: int = 800  # of 0.01 s: the shortest episode's without help; the longest has `episode_steps`

    evaluation: ClassVar = {"standing": 0.0, "first_level": UNAIDED, "least_steps": 2000}
    shown: ClassVar = {"standing": 0.0, "first_level": UNAIDED, "least_steps": 2000}
    model = Biped.model
    positive = ("letting_go", "early_steps", "least_steps")
    start_angles = Biped.start_angles
    mirrored_joints = Biped.mirrored_joints
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.nuserdata = 4
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        # From the state alone: where an episode has just begun, derived fields are still those of the one before.
        orientation, trunk = sim.qpos[:, 3:7], sim.body("trunk")
        head = to_world(orientation, sim.model.site("head").pos)  # m from the trunk's origin
        height = sim.qpos[:, 2] + head[:, 2]
        sim.userdata[:, UP] = np.where(height > self.standing_height, sim.userdata[:, UP] + sim.dt, 0.0)
        lever = head - to_world(orientation, sim.model.body_ipos[trunk])
        force = self._pull(sim, height)
        sim.xfrc_applied[:, trunk, 2] = force
        sim.xfrc_applied[:, trunk, 3] = lever[:, 1] * force
        sim.xfrc_applied[:, trunk, 4] = -lever[:, 0] * force

    def _pull(self, sim: Fields, height: np.ndarray) -> np.ndarray:
        """Return the force (N,) in N by which heads at these heights (N,) in m are helped upwards."""
        weight = sim.model.body_subtreemass[1] * -sim.model.opt.gravity[2]  # N
        below = np.clip((self.target_height + self.letting_go - height) / self.letting_go, 0.0, 1.0)
        return self.pull * weight * (1.0 - sim.userdata[:, LEVEL] / NOTCHES) * below

    def place(self, sim: Fields, rngs: list[np.random.Generator]) -> None:
        self._help_more_or_less(sim.userdata)
        standing, lasting = np.array([rng.random(2) for rng in rngs]).T
        sim.userdata[:, STOOD] = standing < self.standing
        spread = max(self.episode_steps - self.least_steps, 0)
        long = self.least_steps + np.round(spread * lasting)
        steps = np.where(sim.userdata[:, LEVEL] == UNAIDED, long, self.early_steps)
        sim.userdata[:, STEPS] = np.minimum(steps, self.episode_steps)
        super().place(sim, rngs)

    def _help_more_or_less(self, memory: np.ndarray) -> None:
        """Judge the robots (E, columns) by their last episode, if it began on the back; forget it."""
        change = np.where(memory[:, UP] > self.promotion, 1.0, -self.demotion) * (1.0 - memory[:, STOOD])
        memory[:, LEVEL] = np.clip(memory[:, LEVEL] + change, self.first_level, UNAIDED)
        memory[:, UP] = 0.0

    def postures(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        orientation = np.where(sim.userdata[:, [STOOD]], UPRIGHT, ON_THE_BACK)
        return np.concatenate([orientation, np.tile(self.start_angles, (len(rngs), 1))], axis=1)

    def episode_limits(self, sim: Fields) -> np.ndarray:
        return sim.userdata[:, STEPS]

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
        return bool(self._stood(episode))

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"stand_rate": float(np.mean(self._stood(episodes)))}

    def _stood(self, episodes: Mapping[str, Any]) -> Any:
        """Return which episodes, one or (E,), ended with a robot that had stood from `standing_time` on."""
        whole = (episodes["seconds"] > self.standing_time) & np.logical_not(episodes["terminated"])
        return whole & (episodes["seconds_down"] == 0.0)
