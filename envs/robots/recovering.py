"""What a robot dog that walks needs to get up from a fall and go on, whatever it walks on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import mujoco
import numpy as np

from envs.arguments import Cosine, NotNegative, Positive, Share
from envs.orientation import cosine_of_tilt
from envs.robots.dog import HOME, JOINTS, lowest, make_solid, random_orientations, risen
from envs.simulation import Fields
from envs.sources import Control, Source, field_of_data, projected_gravity
from envs.task import Measured, on_first_step, on_last_step

if TYPE_CHECKING:
    from envs.robots.go1 import Go1 as Walker
else:
    # As a subclass of Go1 it would have all of Go1's fields, and would restore their defaults where another subclass of
    # Go1 that has changed them inherits from both.
    Walker = object

EXTENT = 0.5  # m from the trunk's middle to the end of a stretched leg
CLOSE = 0.3  # m/s off the commanded velocity within which a robot follows it
# Where a policy is scored or shown.
ENDLESS: Mapping[str, Any] = {"fallen": 0.0, "give_up": None, "first_severity": 1.0}
OWN_REWARDS = ("upright", "height", "strain")  # those that do not depend on the robot being up
# Of each trial of such a task.
FIGURES = ("fall_rate", "up_again_rate", "down_seconds_mean", "upright_at_end_rate", "stayed_down_rate")


@dataclass(frozen=True)
class Recovering(Walker):
    """A part of tasks that follow commands as Go1 does: a fall ends nothing, and the robot has to get up again.

    In training an episode also ends after `give_up` seconds on the ground: the next one tries from another posture.

    The trunk and the legs touch the ground. The more the trunk is tilted, the farther actions reach: to get up takes
    other postures than to walk, and bolder exploration. The rewards of walking are for a robot on its feet; those of
    getting up are for an upright trunk at its height, also of robots that walk.

    In training a robot learns to walk first. Pushes, and how many episodes begin on the ground in any orientation and
    with any joint angles, grow with its severity, which rises after each episode in which it followed its commands.

    A robot is down from a fall until its trunk is upright at its height.
    """

    # Reward
    upright_weight: float = 0.5  # reward per step with the trunk upright
    height_weight: float = 1.0  # reward per step upright at the stance's height
    height_width: Positive = 0.08  # m below the stance's height at which that reward falls to 1/e
    strain_weight: float = 5e-5  # cost per step and (N m)^2, and (rad/s)^2, over all joints

    # Actions
    lying_scale: Positive = 4.0  # rad, distance of a joint's target from the stance at action 1, of a robot on its back

    # Falls
    standing_height: float = 0.22  # m, least height of the trunk above the ground at which a robot is up again
    standing_upright: Cosine = 0.85  # least cosine of the trunk's tilt at which a robot is up again
    in_time: Positive = 3.0  # s within which a robot should be up again
    patience: Positive = 5.0  # s after which a robot counts as having stayed down

    # Randomness
    give_up: Positive | None = 4.0  # s on the ground after which an episode ends; None: it does not
    fallen: Share = 0.6  # probability that an episode begins on the ground
    drop: NotNegative = 0.3  # m, greatest height above the ground from which the robot then falls

    # Curriculum
    first_severity: Share = 0.0  # share of `fallen` and of the pushes' speed in a robot's first episode
    harder: NotNegative = 0.25  # rise of that share after an episode in which the robot followed its commands
    following: Share = 0.5  # least share of an episode's time within 0.3 m/s of the command in such an episode

    memory: ClassVar = {
        "down": 1,  # s since the robot fell; 0 while it is up
        # Read by the next episode:
        "severity": 1,  # share of `fallen` and of the pushes' speed
        "followed": 1,  # s
    }
    remembered = ("down",)

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        make_solid(spec)
        return spec

    def reach(self, sim: Fields) -> np.ndarray:
        lying = (1.0 - cosine_of_tilt(sim.qpos[:, 3:7])) / 2.0  # 0 upright, 1 on its back
        return (self.action_scale + (self.lying_scale - self.action_scale) * lying)[:, None]

    def control(self, model: mujoco.MjModel) -> Control:
        joints, (low, high) = range(JOINTS), model.actuator_ctrlrange.T.tolist()
        half = (self.lying_scale / self.action_scale - 1.0) / 2.0
        gain = projected_gravity(scale=(0.0, 0.0, half), offset=(0.0, 0.0, 1.0 + half))
        scale, offset = JOINTS * (self.action_scale,), tuple(HOME.tolist())
        return Control(tuple(joints), scale, offset, tuple(low), tuple(high), gain=gain)

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        targets = field_of_data(
            "ctrl", range(JOINTS), scale=1 / self.action_scale, offset=tuple((-HOME / self.action_scale).tolist())
        )
        return {**super().observation_sources(sim), "action": targets}

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.memory.down = self._down(sim)
        command, motion = self.command_tracking(sim)
        off = np.hypot(command[:, 0] - motion[:, 0], command[:, 1] - motion[:, 1])
        sim.memory.followed += sim.dt * (off < CLOSE) * (sim.memory.down == 0.0)
        super().apply(sim, action)
        np.clip(sim.ctrl, *sim.model.actuator_ctrlrange.T, out=sim.ctrl)

    def _down(self, sim: Fields) -> np.ndarray:
        """Return for how long the robots (N,) have been down, in s; 0 where they are up."""
        height, upright = self.trunk_height(sim), cosine_of_tilt(sim.qpos[:, 3:7])
        fallen = (height < self.min_height) | (upright < self.min_upright)
        up = (height > self.standing_height) & (upright > self.standing_upright)
        lies = fallen | ((sim.memory.down > 0.0) & ~up)
        return np.where(lies, sim.memory.down + sim.dt, 0.0)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {**super().measure(sim), "down": self._down(sim)}  # s since the fall; 0: up

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        walking = super().rewards(sim, action, now, before)
        on_feet = now.down == 0.0
        strain = np.square(sim.qfrc_actuator[:, 6:]) + np.square(sim.qvel[:, 6:])
        upright, raised = risen(now.up[:, 2], self.trunk_height(sim), self.height_width)
        return {name: term * on_feet for name, term in walking.items()} | {
            "upright": self.upright_weight * upright,
            "height": self.height_weight * raised,
            "strain": -self.strain_weight * strain.sum(axis=1),
        }

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        walking = super().total({name: term for name, term in terms.items() if name not in OWN_REWARDS})
        return sum((terms[name] for name in OWN_REWARDS), start=walking)

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return np.zeros(len(sim.qpos), bool) if self.give_up is None else now.down > self.give_up

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        severity = self._next_severity(sim)
        super().place(sim, rngs, seeds)
        sim.memory.severity, sim.memory.followed, sim.memory.down = severity, 0.0, 0.0
        sim.memory.push_velocities *= severity[:, None]
        draws = np.array([rng.random(2 + JOINTS) for rng in rngs])
        fallen = draws[:, 0] < severity * self.fallen
        low, high = sim.model.jnt_range[1:].T
        sim.qpos[:, 3:7] = np.where(fallen[:, None], random_orientations(rngs), sim.qpos[:, 3:7])
        sim.qpos[:, 7:] = np.where(fallen[:, None], low + (high - low) * draws[:, 2:], sim.qpos[:, 7:])
        above = self.highest_ground(sim, EXTENT) + self.drop * draws[:, 1]
        sim.qpos[:, 2] += np.where(fallen, above - lowest(sim, lambda points: points[:, :, 2]), 0.0)

    def _next_severity(self, sim: Fields) -> np.ndarray:
        """Return the severity (E,) of the robots' next episodes, by the outcome of their last ones."""
        followed = sim.memory.followed > self.following * self.episode_steps * sim.dt
        return np.clip(sim.memory.severity + self.harder * followed, self.first_severity, 1.0)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        fell = (now.down > 0.0) & (before.down == 0.0)
        rose = (now.down == 0.0) & (before.down > 0.0)
        left = self.episode_steps * sim.dt - sim.time
        # Whether the robot, which is or was down, did not begin the episode on the ground or fall in its first step.
        walked = sim.time - now.down > 0.5 * sim.dt
        had_walked = sim.time - before.down > 1.5 * sim.dt
        return super().track(sim, action, now, before) | {
            "falls": fell,
            # Falls after which there was time to get up, and those of them after which it sufficed.
            "timely_falls": fell & (left > self.in_time) & walked,
            "up_in_time": rose & (before.down <= self.in_time) & (left + before.down > self.in_time) & had_walked,
            "down": sim.dt * ((now.down > 0.0) & (now.down < sim.time + 0.5 * sim.dt)),  # s, from falls on
            "stayed_down": (now.down > self.patience) & (before.down <= self.patience),
            "severity": on_first_step(sim, sim.memory.severity),
            "upright_at_end": on_last_step(sim, self.episode_steps) & (now.down == 0.0),
        }

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return super().metrics(episodes) | {
            "fall_rate": float(np.mean(episodes["falls"] > 0)),  # of episodes
            "up_again_rate": float(episodes["up_in_time"].sum() / episodes["timely_falls"].sum()),  # of falls
            "down_seconds_mean": float(episodes["down"].sum() / episodes["falls"].sum()),  # of a fall
            "upright_at_end_rate": float(np.mean(episodes["upright_at_end"])),  # of episodes
            "stayed_down_rate": float(np.mean(episodes["stayed_down"] > 0)),  # of episodes
        }
