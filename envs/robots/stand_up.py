"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval

from envs.arguments import Count, NotNegative, Positive, Share
from envs.orientation import to_world
from envs.robots.biped import Biped
from envs.robots.legged import UPRIGHT, Legged
from envs.simulation import Fields
from envs.task import Measured, told_once

ON_THE_BACK = (np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0)  # as a quaternion
FULL_WEIGHT = 20  # notches from the least weight to all of it
LONG = FULL_WEIGHT + 1  # the last level, of long episodes

# Columns of userdata: a robot's level, in notches, and that of its present episode; s for which its head has been up,
# steps the episode is to last, and whether it began by standing.
LEVEL, PRESENT, UP, STEPS, STOOD = range(5)


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2.

    Observations are the 33 numbers of `Biped`. An episode begins on the back and never ends early; in evaluation it
    lasts 20 s. Learned like that it ends in sitting, so in training a robot at first weighs little, as on a small moon:
    a notch more after each episode at whose end it stood, half a notch less after each other one. (Where nobody went
    back from full weight, all came to sit in the end.) Some episodes are trials of more weight, which a robot keeps if
    it stands: without them, who lagged behind could no longer do what the others had left behind. (Those who at
    first weighed a tenth came to leap and fly, two seeds of three; with four tenths, one seed, to sit.)

    Episodes are short, so that there are many, but for some of those who have stood at full weight: these last longer,
    some as long as in evaluation, for who has risen must learn to stay up. (With all of them long, hardly any step was
    one of rising.) Some episodes begin by standing, so that the robot knows what it rises to; they do not count for its
    level.

    The reward is theirs, with two changes. Drifting costs something: without that, who is up never comes to rest, and
    falls in the end. And the height near the target's brings something: theirs is so flat there that who is up sinks,
    a centimetre in a second. (A hand that pulled the head up, ever weaker, taught two of three seeds to lean on it.)
    """

    head_weight: float = 1.0  # per m^2 between the head's height and `target_height`
    standing_bonus: float = 0.5  # per step with the head at `target_height`, an e-th of it ...
    standing_width: Positive = 0.15  # m: ... so far from there
    drift_weight: float = 0.25  # per (m/s)^2 of the trunk's velocity along the floor
    effort_weight: float = 1e-5  # per (N m)^2, over all joint torques
    target_height: float = 1.5  # m, of the head's middle
    standing_height: float = 1.3  # m, of the head's middle: the robot stands where it is higher ...
    flying_height: float = 1.7  # m: ... (in training: where it is higher, it flies) ...
    standing_time: NotNegative = 5.0  # s: ... and has stood up if it does so from then on to the end
    lightness: Share = 0.75  # share of its weight that a robot lacks at first
    standing_share: Share = 0.3  # probability that an episode begins by standing
    first_level: Annotated[int, Interval(ge=0, le=LONG)] = 0  # notches of weight more in the first episode
    promotion: NotNegative = 1.0  # s at an episode's end in which a robot must stand to weigh a notch more ...
    demotion: NotNegative = 0.5  # notches: ... and so much less where it did not, that it stays where a third succeed
    trial_share: Share = 0.2  # probability that an episode is a try at more weight, between the robot's own and all
    long_share: Share = 0.25  # probability that a robot's next episode is long, once it has stood at full weight
    early_steps: Count = 300  # of 0.01 s: a short episode's
    least_steps: Count = 800  # of 0.01 s: the shortest of the long ones'; the longest has `episode_steps`

    evaluation: ClassVar = {"standing_share": 0.0, "first_level": LONG, "least_steps": 2000, "long_share": 1.0}
    shown: ClassVar = {"standing_share": 0.0, "first_level": LONG, "least_steps": 2000, "long_share": 1.0}
    model = Biped.model
    start_angles = Biped.start_angles
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.nuserdata = 5
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        # From the state alone: where an episode has just begun, derived fields are still those of the one before.
        head = sim.qpos[:, 2] + to_world(sim.qpos[:, 3:7], sim.model.site("head").pos)[:, 2]
        stands = (head > self.standing_height) & (head < self.flying_height)
        sim.userdata[:, UP] = np.where(stands, sim.userdata[:, UP] + sim.dt, 0.0)
        lacking = self.lightness * np.maximum(1.0 - sim.userdata[:, PRESENT] / FULL_WEIGHT, 0.0)  # share of the weight
        weights = sim.model.body_mass * -sim.model.opt.gravity[2]  # N, of its bodies
        sim.xfrc_applied[:, :, 2] = lacking[:, None] * weights

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        self._weigh(sim.userdata)
        standing, trying, more, longer, lasting = np.array([rng.random(5) for rng in rngs]).T
        level = sim.userdata[:, LEVEL]
        sim.userdata[:, PRESENT] = level + np.where(trying < self.trial_share, more * (LONG - level), 0.0)
        sim.userdata[:, STOOD] = standing < self.standing_share
        spread = max(self.episode_steps - self.least_steps, 0)
        long = self.least_steps + np.round(spread * lasting)
        steps = np.where((level == LONG) & (longer < self.long_share), long, self.early_steps)
        sim.userdata[:, STEPS] = np.minimum(steps, self.episode_steps)
        super().place(sim, rngs, seeds)

    def _weigh(self, memory: np.ndarray) -> None:
        """Move the robots (E, columns) up or down by their last episode, if it began on the back; forget it."""
        level, present = memory[:, LEVEL], memory[:, PRESENT]
        worse = np.where(present > level, level, level - self.demotion)
        after = np.where(memory[:, UP] > self.promotion, present + 1.0, worse)
        memory[:, LEVEL] = np.clip(np.where(memory[:, STOOD], level, after), self.first_level, LONG)
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
            "standing": self.standing_bonus * np.exp(-np.square((now.head - self.target_height) / self.standing_width)),
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
