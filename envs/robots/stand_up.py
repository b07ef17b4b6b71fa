"""StandUp: the biped gets up from lying on its back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Interval

from envs.arguments import Count, NotNegative, Positive, Share
from envs.orientation import to_world
from envs.robots.biped import Biped
from envs.robots.legged import UPRIGHT, Legged
from envs.simulation import Fields, Memory
from envs.task import Measured, Trial, on_first_step

COS_45 = np.sqrt(0.5)  # cosine and sine of half a right angle
FULL_WEIGHT = 20  # the level at which a robot has its full weight
LONG = FULL_WEIGHT + 1  # the last level, which has long episodes

Level = Annotated[int, Interval(ge=0, le=LONG)]
Turn = Annotated[float, Interval(ge=0, le=np.pi)]


@dataclass(frozen=True)
class StandUp(Legged):
    """Stand up from lying on the back and stay up, after Schulman et al. (2016), section 6.2.

    Observations are those of `Biped`. An episode never ends early; in evaluation it lasts 20 s.

    Trained only like that, robots end sitting. So a robot weighs little at first, as on a small moon. Its weight rises
    by one level after an episode that ends standing and falls by half a level otherwise. (Without the fall, all robots
    ended sitting.) Some episodes are trials at a higher level, which the robot keeps if it stands: without trials,
    slow learners never caught up with a policy that had moved on. (Robots that weighed a tenth at first learned to leap
    and fly, two seeds of three; with four tenths, one seed ended sitting.)

    By default all lie on their backs, as the paper's. (Where half of the episodes began on the belly or a side, none
    ever rose from there, even with a quarter of its weight.)

    Episodes are short, so that there are many. Some episodes of robots that have stood at full weight are longer, up to
    the length in evaluation, because a robot that has risen must learn to stay up. (If all were long, few steps would
    be of rising.) Some episodes begin standing, so that the robot learns the value of what it rises to; they do not
    change its level.

    The reward is the paper's, with two changes. Drift has a cost: without it, a robot that stands never comes to rest,
    and falls in the end. And standing near the target height has a bonus: the paper's term is so flat there that a
    standing robot sinks by a centimetre per second. (A force that pulled the head up, ever weaker, taught two seeds of
    three to lean on it.)
    """

    # Reward
    head_weight: float = 1.0  # cost per step and m^2 between the head's height and `target_height`
    standing_bonus: float = 0.5  # reward per step with the head at `target_height`
    standing_width: Positive = 0.15  # m off `target_height` at which the standing bonus falls to 1/e
    drift_weight: float = 0.25  # cost per step and (m/s)^2 of the trunk's velocity along the floor
    effort_weight: float = 1e-5  # cost per step and (N m)^2, over all joint torques
    target_height: float = 1.5  # m, desired height of the head's middle

    # Success
    standing_height: float = 1.3  # m, height of the head's middle above which the robot stands
    flying_height: float = 1.7  # m, height of the head's middle above which, in training, the robot flies
    standing_time: NotNegative = 5.0  # s after which the robot must stand to the end, to have stood up

    # Start
    roll: tuple[Turn, Turn] = (0.0, 0.0)  # rad, least and greatest turn from the back to either side; pi: the belly

    # Curriculum
    lightness: Share = 0.75  # share of its weight that a robot lacks at first
    standing_share: Share = 0.3  # probability that an episode begins standing
    first_level: Level = 0  # level of weight in the first episode; 20 is the full weight
    promotion: NotNegative = 1.0  # s of standing before an episode's end that raise the weight by a level
    demotion: NotNegative = 0.5  # levels lost otherwise: half of one is steady where a third of episodes succeed
    trial_share: Share = 0.2  # probability that an episode is a trial at a level between the robot's own and the last
    long_share: Share = 0.25  # probability that an episode is long, of a robot that has stood at full weight

    early_steps: Count = 300  # steps of 0.01 s of a short episode
    least_steps: Count = 800  # steps of 0.01 s of the shortest long episode; the longest has `episode_steps`

    shown: ClassVar = {"standing_share": 0.0, "first_level": LONG, "least_steps": 2000, "long_share": 1.0}
    evaluation: ClassVar = {**shown, "roll": (0.0, 0.0)}
    trials: ClassVar = {
        "belly": Trial({"roll": (np.pi, np.pi)}, ("stand_rate",)),
        "side": Trial({"roll": (np.pi / 2, np.pi / 2)}, ("stand_rate",)),
    }
    model = Biped.model
    memory: ClassVar = {
        "level": 1,  # of weight
        "present": 1,  # level of weight in the present episode
        "up": 1,  # s for which the head has been up
        "steps": 1,  # length of the present episode
        "stood": 1,  # whether the present episode began standing
    }
    start_angles = Biped.start_angles
    mirrored_contacts = Biped.mirrored_contacts
    camera: ClassVar = {"distance": 3.8, "lookat": (0.0, 0.0, 0.75), "azimuth": 120.0, "elevation": -14.0}

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        # From the state alone: in an episode's first step derived fields are still those of the episode before.
        head = sim.qpos[:, 2] + to_world(sim.qpos[:, 3:7], sim.model.site("head").pos)[:, 2]
        stands = (head > self.standing_height) & (head < self.flying_height)
        sim.memory.up = np.where(stands, sim.memory.up + sim.dt, 0.0)
        lacking = self.lightness * np.maximum(1.0 - sim.memory.present / FULL_WEIGHT, 0.0)  # share of the weight
        weights = sim.model.body_mass * -sim.model.opt.gravity[2]  # N, of the bodies
        sim.xfrc_applied[:, :, 2] = lacking[:, None] * weights

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        memory = sim.memory
        self._weigh(memory)
        standing, trying, more, longer, lasting = np.array([rng.random(5) for rng in rngs]).T
        level = memory.level
        memory.present = level + np.where(trying < self.trial_share, more * (LONG - level), 0.0)
        memory.stood = standing < self.standing_share
        spread = max(self.episode_steps - self.least_steps, 0)
        long = self.least_steps + np.round(spread * lasting)
        steps = np.where((level == LONG) & (longer < self.long_share), long, self.early_steps)
        memory.steps = np.minimum(steps, self.episode_steps)
        super().place(sim, rngs, seeds)

    def _weigh(self, memory: Memory) -> None:
        """Move robots a level up or down by the outcome of an episode that began lying; clear the outcome."""
        level, present = memory.level, memory.present
        worse = np.where(present > level, level, level - self.demotion)
        after = np.where(memory.up > self.promotion, present + 1.0, worse)
        memory.level = np.clip(np.where(memory.stood, level, after), self.first_level, LONG)
        memory.up = 0.0

    def postures(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        half = self._turns(rngs) / 2
        # On the back and then turned about the trunk's long axis.
        lying = COS_45 * np.column_stack([np.cos(half), -np.sin(half), -np.cos(half), np.sin(half)])
        orientation = np.where(sim.memory.stood[:, None], UPRIGHT, lying)
        return np.concatenate([orientation, np.tile(self.start_angles, (len(rngs), 1))], axis=1)

    def _turns(self, rngs: list[np.random.Generator]) -> np.ndarray:
        """Draw the turns (E,) of robots that lie from their backs, in rad."""
        least, greatest = self.roll
        if greatest == 0.0:  # nothing to draw: seeds make the episodes that they made before
            return np.zeros(len(rngs))
        share, side = np.array([rng.random(2) for rng in rngs]).T
        turn = least + (greatest - least) * share
        return np.where(side < 0.5, turn, -turn)

    def episode_limits(self, sim: Fields) -> np.ndarray:
        return sim.memory.steps

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
            "level": on_first_step(sim, sim.memory.level),
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        if episode["seconds"] <= self.standing_time:  # too short for an outcome
            return None
        return bool(self._stood(episode))

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"stand_rate": float(np.mean(self._stood(episodes)))}

    def _stood(self, episodes: Mapping[str, Any]) -> Any:
        """Return whether the robot stood from `standing_time` to the end of an episode, for one or for E of them."""
        whole = (episodes["seconds"] > self.standing_time) & np.logical_not(episodes["terminated"])
        return whole & (episodes["seconds_down"] == 0.0)
