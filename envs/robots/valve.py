"""Valve: an arm turns a wheel once round, against friction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative, Positive, Share
from envs.mirror import SignedPermutation
from envs.robots.arm import SIDES, Arm, around, between, in_hand, nearness
from envs.robots.arm_kinematics import joint_angles
from envs.simulation import Fields
from envs.sources import Source, field_of_data, position_in_body
from envs.task import Measured, norm

ROLL, WHEEL = 4, 7  # in qpos, rad, and in qvel, rad/s
HOUSING = 0.07  # m from the wheel's middle down to the stand's top, along the axis
ROUND = 2 * np.pi  # rad
HALF_WHEEL = 0.025  # m, its radius
SPARE = 0.5  # rad beyond, which make good what turned without a grip


@dataclass(frozen=True)
class Valve(Arm):
    """Turn a valve's wheel by 360 degrees to the left or to the right, wherever it stands and however it is tilted.

    The wheel is a round knob without spokes. What counts is how far it turns in a grip, that is while it is between the
    pads and both press it: strokes, knocks and stirring on its top are in vain. As the wrists of some industrial arms
    do, the hand turns by more than a full turn to either side.

    Some episodes of training begin on the way, with the wheel in a grip and turned by some angle.
    """

    joint_step: NotNegative = 0.08  # rad, step of a joint's target at action 1
    wheel_radius: tuple[NotNegative, NotNegative] = (0.3, 0.42)  # m from the arm's axis, the wheel's place
    wheel_azimuth: NotNegative = 1.0  # rad, bound on its place to either side of straight ahead
    wheel_height: tuple[NotNegative, NotNegative] = (0.08, 0.15)  # m of the wheel above the table
    tilt: tuple[float, float] = (-0.2, 0.5)  # rad of the wheel's axis from the vertical towards the arm
    friction: tuple[NotNegative, NotNegative] = (0.06, 0.18)  # N m, the valve's resistance
    roll_range: Positive = 11.0  # rad, bound on the hand's turn to either side
    first_roll: NotNegative = 0.6  # rad, bound on its first turn to either side
    grip_tolerance: Positive = 0.02  # m from the middle between the pads to the wheel's, up to which it is between them
    begun: Share = 0.4  # probability that an episode begins with the wheel in a grip, at any angle of its turn
    episode_steps: Count = 150  # steps of 0.04 s after which an episode is truncated

    reach_weight: float = 1.0  # reward per step with the grip at the wheel's middle
    reach_scale: NotNegative = 5.0  # 1/m, decay of the reach reward with the distance
    align_weight: float = 0.5  # reward per step with the hand's back along the wheel's axis
    grasp_weight: float = 1.0  # reward per step in which the wheel is in a grip
    twist_weight: float = 15.0  # reward per rad by which a gripping hand turns the right way, until the wheel is round
    turn_weight: float = 10.0  # reward per rad by which a grip turns the wheel, up to once round and a little

    model = "valve.xml"
    evaluation: ClassVar = {"begun": 0.0}
    shown: ClassVar = evaluation
    remembered = ("angle",)
    memory: ClassVar = {
        "side": 1,  # 1 where the wheel is to be turned to the left, against the clock, -1 where to the right
        "friction": 1,  # N m
    }

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        spec.joint("roll").range = (-self.roll_range, self.roll_range)
        return spec

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        arm = super().measure(sim)
        to_wheel = sim.xpos[:, sim.body("wheel")] - arm["grip"]  # m
        return {
            **arm,
            "to_wheel": to_wheel,
            "gripped": arm["grasped"] & (norm(to_wheel) < self.grip_tolerance),
            "axis": sim.xmat[:, sim.body("valve")].reshape(-1, 3, 3)[:, :, 2],  # the direction of the wheel's axis
            "angle": sim.memory.side * sim.qpos[:, WHEEL],  # rad by which the wheel is turned the right way
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            **self.joints(sim),
            "wheel_in_hand": in_hand(now.to_wheel, now.rotation),  # m, in the hand's frame
            **self.hand(now),
            "wheel": sim.mocap_pos[:, 0],  # m
            "axis": now.axis,
            "wheel_speed": sim.qvel[:, WHEEL],  # rad/s
            "to_turn": ROUND * sim.memory.side - sim.qpos[:, WHEEL],  # rad
            "pressing": now.pressing,  # whether the left and the right pad press the wheel
            "action": now.action,  # the last one
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        end = ROUND * float(sim.memory.side[0])
        return {
            **super().observation_sources(sim),
            "wheel_in_hand": position_in_body("wheel", "grip"),
            "to_turn": field_of_data("qpos", [WHEEL], unit="rad", scale=-1.0, offset=end),
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        aligned = np.vecdot(now.rotation[:, :, 2], now.axis)
        twist = now.gripped * (now.angle < ROUND) * sim.memory.side * sim.qvel[:, ROLL] * sim.dt
        return {
            "reach": self.reach_weight * nearness(norm(now.to_wheel), self.reach_scale),
            "align": self.align_weight * aligned,
            "grasp": self.grasp_weight * now.gripped,
            "twist": self.twist_weight * twist,
            "turn": self.turn_weight * gripped_turn(now, before),
            **self.costs(now, before),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        draws = np.array([rng.uniform(-1.0, 1.0, 14) for rng in rngs])
        self.place_at_home(sim, draws[:, :5])
        radius, azimuth, height, tilt, side, friction, roll, begun, turned = draws[:, 5:].T
        sim.memory.side = np.where(side < 0.0, -1.0, 1.0)
        sim.memory.friction = between(friction, self.friction)
        azimuth, tilt = self.wheel_azimuth * azimuth, between(tilt, self.tilt)
        wheel = around(azimuth, between(radius, self.wheel_radius), between(height, self.wheel_height))
        sim.mocap_pos[:, 0] = wheel
        # A turn about the vertical by the azimuth, after one about y by minus the tilt.
        (c, d), (s, t) = np.cos([azimuth / 2, tilt / 2]), np.sin([azimuth / 2, -tilt / 2])
        sim.mocap_quat[:, 0] = np.column_stack([c * d, -s * t, c * t, s * d])
        sim.mocap_pos[:, 1] = wheel - HOUSING * around(azimuth, -np.sin(tilt), np.cos(tilt))
        begun = (begun + 1.0) / 2 < self.begun
        angle = sim.memory.side * begun * between(turned, (0.0, ROUND))
        roll = self.first_roll * roll + angle
        sim.qpos[:, ROLL], sim.qpos[:, WHEEL] = roll, angle
        self.put_in_posture(sim, begun, joint_angles(wheel, roll, tilt), HALF_WHEEL, self.finger_lead)

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        losses = np.repeat(sim.model.dof_frictionloss[None], len(sim.qpos), axis=0)
        losses[:, WHEEL] = sim.memory.friction
        return {"dof_frictionloss": losses}

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        turning = np.abs(sim.qvel[:, WHEEL]) > 0.1  # rad/s
        return {
            "turned": gripped_turn(now, before),  # rad
            "until_round": np.where(now.angle < ROUND, sim.dt, 0.0),  # s
            "turning": turning * 1.0,  # steps
            "gripped": (turning & now.gripped) * 1.0,  # steps
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool:
        return episode["turned"] >= ROUND

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {
            "success_rate": float(np.mean(episodes["turned"] >= ROUND)),
            "turned_mean": float(np.mean(episodes["turned"])),  # rad
            "turn_seconds_median": float(np.median(episodes["until_round"])),  # s until the wheel had turned once round
            # Share of the steps with the wheel turning in which it is in a grip.
            "gripped_share": float(episodes["gripped"].sum() / episodes["turning"].sum()),
        }

    def mirrored_things(self) -> dict[str, SignedPermutation]:
        vectors, turns = ("wheel_in_hand", "wheel", "axis"), ("wheel_speed", "to_turn")
        return dict.fromkeys(vectors, SIDES) | dict.fromkeys(turns, SignedPermutation.in_place(-1))


def gripped_turn(now: Measured, before: Measured) -> np.ndarray:
    """Return by how much (N,) the wheel turned the right way in a step, in rad, up to `ROUND` and `SPARE` in all.

    Ahead it counts only in a grip, back always: else a grip could turn it to and fro for reward.
    """
    turn = np.minimum(now.angle, ROUND + SPARE) - np.minimum(before.angle, ROUND + SPARE)
    return np.where(now.gripped | (turn < 0.0), turn, 0.0)
