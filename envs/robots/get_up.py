"""GetUp: the robot dog gets up from any posture, and stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval

from envs.arguments import Cosine, Count, NotNegative, Positive, Share
from envs.mirror import MirroredParts, SignedPermutation
from envs.orientation import body_frame, quaternion_about_z
from envs.reflection import ROTATION, VECTOR
from envs.robots.dog import (
    HOME,
    HOME_HEIGHT,
    JOINTS,
    MIRRORED_JOINTS,
    Dog,
    lowest,
    make_solid,
    random_orientations,
    risen,
)
from envs.simulation import Fields
from envs.sources import Source, last_action, projected_gravity
from envs.task import Measured, norm


@dataclass(frozen=True)
class GetUp(Dog):
    """Get up on four legs after a fall, on ground that may slope, and stand still.

    The robot is Go1, whose trunk and legs touch the ground here, too. Each episode drops it in any orientation with any
    joint angles; it has its own slope, floor friction, load and motor strength. Falling ends nothing. Actions are joint
    targets over the joints' whole ranges. Nothing of the reward can be had by lying still: the share for being upright
    grows with the trunk's height, and the shares for posture and rest count for a robot that stands.
    """

    # Reward
    upright_weight: float = 1.0  # reward per step with the trunk upright
    height_weight: float = 2.0  # reward per step upright at the stance's height
    height_width: Positive = 0.08  # m below the stance's height at which that reward falls to 1/e
    posture_weight: float = 1.0  # reward per step at the stance, of a robot that stands
    posture_width: Positive = 0.5  # rad, root mean square distance from the stance at which that falls to 1/e
    rest_weight: float = 1.0  # reward per step without motion, of a robot that stands
    effort_weight: float = 2e-4  # cost per step and (N m)^2, over all joints
    speed_weight: float = 2e-4  # cost per step and (rad/s)^2, over all joints
    action_rate_weight: float = 0.01  # cost per squared change of the action

    # Standing
    standing_height: float = 0.22  # m of the trunk above the ground
    standing_upright: Cosine = 0.9  # cosine of the trunk's tilt from the vertical
    standing_speed: Positive = 0.5  # m/s of the trunk, and rad/s of its turning, below which the robot is still
    standing_time: NotNegative = 3.0  # s after which the robot must stand to the end, to have got up

    # Randomness
    drop: NotNegative = 0.5  # m, greatest height above the ground from which the robot falls at first
    slope: Annotated[float, Interval(ge=0, le=45)] = 10.0  # degrees, steepest ground
    strength: tuple[NotNegative, NotNegative] = (0.8, 1.1)  # share of the motors' nominal stiffness
    standing_share: Share = 0.1  # probability that an episode begins standing

    episode_steps: Count = 500  # steps of 0.02 s after which an episode is truncated

    remembered = ("action",)
    camera: ClassVar = {"distance": 1.8, "lookat": (0.0, 0.0, 0.15), "azimuth": 130.0, "elevation": -15.0}
    memory: ClassVar = {
        "tilt": 2,  # components along x and y of the ground's normal
    }
    evaluation: ClassVar = {"standing_share": 0.0}
    shown: ClassVar = {"standing_share": 0.0}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        make_solid(spec)
        return spec

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        joints = MIRRORED_JOINTS
        parts = {
            "turning": SignedPermutation.in_place(*ROTATION),
            "up": SignedPermutation.in_place(*VECTOR),
            "joint_angles": joints,
            "joint_speeds": joints,
            "action": joints,
        }
        return MirroredParts(parts, joints)

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        return {"up": projected_gravity(scale=-1.0), "action": last_action()}

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        up, _ = body_frame(sim.qpos[:, 3:7], sim.qvel[:, :3])
        low, high = sim.model.actuator_ctrlrange.T
        height = self.trunk_height(sim)
        turning = sim.qvel[:, 3:6]
        upright = (height > self.standing_height) & (up[:, 2] > self.standing_upright)
        still = np.maximum(norm(sim.qvel[:, :3]), norm(turning)) < self.standing_speed
        return {
            "up": up,
            "turning": turning,  # rad/s, in the trunk's frame
            "height": height,  # m, of the trunk above the ground
            "upright": upright,
            "stands": upright & still,
            "action": (2 * sim.ctrl - low - high) / (high - low),
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "turning": now.turning,  # rad/s, of the trunk, in its frame
            "up": now.up,  # the direction of up in the trunk's frame
            "joint_angles": sim.qpos[:, 7:] - HOME,  # rad from the stance
            "joint_speeds": 0.1 * sim.qvel[:, 6:],  # 10 rad/s
            "action": now.action,  # the last one
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        upright, raised = risen(now.up[:, 2], now.height, self.height_width)
        away = np.square(sim.qpos[:, 7:] - HOME).mean(axis=1)
        motion = np.square(sim.qvel[:, :6]).sum(axis=1)
        return {
            "upright": self.upright_weight * upright,
            "height": self.height_weight * raised,
            "posture": self.posture_weight * now.upright * np.exp(-away / self.posture_width**2),
            "rest": self.rest_weight * now.upright * np.exp(-motion),
            "effort": -self.effort_weight * np.square(sim.qfrc_actuator[:, 6:]).sum(axis=1),
            "speed": -self.speed_weight * np.square(sim.qvel[:, 6:]).sum(axis=1),
            "action_rate": -self.action_rate_weight * np.square(now.action - before.action).sum(axis=1),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        draws = np.array([rng.random(8 + JOINTS) for rng in rngs])
        low, high = sim.model.jnt_range[1:].T
        stood = draws[:, 7] < self.standing_share
        self.draw_body(sim, draws[:, :3])
        steep, direction = np.sin(np.radians(self.slope) * draws[:, 3]), 2 * np.pi * draws[:, 4]
        sim.memory.tilt = steep[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=1)
        level = quaternion_about_z(2 * np.pi * draws[:, 5])
        sim.qpos[:, 2] = HOME_HEIGHT
        sim.qpos[:, 3:7] = np.where(stood[:, None], level, random_orientations(rngs))
        sim.qpos[:, 7:] = np.where(stood[:, None], HOME, low + (high - low) * draws[:, 8:])
        below = lowest(sim, lambda points: self.heights(sim, points))
        sim.qpos[:, 2] += np.where(stood, 0.0, self.drop * draws[:, 6] - below)
        sim.ctrl[:] = sim.model.actuator_ctrlrange.mean(axis=1)  # of action 0

    def heights(self, sim: Fields, points: np.ndarray) -> np.ndarray:
        normal = np.column_stack([sim.memory.tilt, upward(sim.memory.tilt)])
        return np.vecdot(points, normal[:, None])

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        fields, tilt = super().physics(sim), sim.memory.tilt
        turns = np.repeat(sim.model.geom_quat[None], len(tilt), axis=0)
        # The shortest turn from the vertical to the ground's normal n: (1 + n_z, -n_y, n_x, 0), normalised.
        turn = np.column_stack([1.0 + upward(tilt), -tilt[:, 1], tilt[:, 0], 0.0 * tilt[:, 0]])
        turns[:, sim.model.geom("floor").id] = turn / np.linalg.norm(turn, axis=1, keepdims=True)
        return {**fields, "geom_quat": turns}

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        late = sim.time > self.standing_time
        return {
            "down": np.where(now.stands, 0.0, sim.dt),  # s
            "down_late": np.where(late & ~now.stands, sim.dt, 0.0),  # s
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool | None:
        if episode["seconds"] <= self.standing_time:  # too short for an outcome
            return None
        return episode["down_late"] == 0.0

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {
            "stand_rate": float(np.mean((episodes["seconds"] > self.standing_time) & (episodes["down_late"] == 0.0))),
            "stand_seconds_median": float(np.median(episodes["down"])),  # s that a robot did not stand
        }


def upward(tilt: np.ndarray) -> np.ndarray:
    """Return the vertical component (N,) of unit vectors, given those along x and y (N, 2)."""
    return np.sqrt(1.0 - np.square(tilt).sum(axis=1))
