"""Our arm, whatever it handles: its servos, its senses and its left and right."""

from dataclasses import dataclass, replace
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import NotNegative
from envs.mirror import MirroredParts, SignedPermutation
from envs.reflection import VECTOR
from envs.simulation import Fields
from envs.sources import Control, Source, field_of_data, joined, last_action, total, touching
from envs.task import Measured, Task, Trial

JOINTS = slice(0, 7)  # in qpos and qvel: yaw, shoulder, elbow, wrist, roll (rad), left and right finger (m)
HOME = np.array([0.0, 0.37, 0.03, -0.4, 0.0, 0.03, 0.03])  # joints: the hand points down, open, 0.2 m above the table
FINGERS = (field_of_data("qpos", (i,), scale=0.5) for i in (5, 6))
SERVOS = joined([field_of_data("qpos", range(5)), total(*FINGERS)])  # what `servo_positions` returns
PADS = ("left_pad", "right_pad")
SIDES = SignedPermutation.in_place(*VECTOR)  # the exchange of left and right in a position or a direction


@dataclass(frozen=True)
class Arm(Task):
    """Handle something by the two pads of a gripper.

    Actions move the servos' targets: five joints and the opening of the fingers. A target stays near its joint, so
    that the arm neither winds up nor strikes hard.
    """

    joint_step: NotNegative = 0.05  # rad, step of a joint's target at action 1
    finger_step: NotNegative = 0.01  # m, step of the fingers' target at action 1
    joint_lead: NotNegative = 0.2  # rad, greatest distance of a target from its joint
    finger_lead: NotNegative = 0.02  # m, greatest distance of the fingers' target from the fingers
    pad_friction: NotNegative = 1.2  # friction coefficient of the pads on what they press
    home_noise: NotNegative = 0.05  # rad, bound on the joints' first angles from home
    effort_weight: float = 0.005  # cost per step and squared action
    jerk_weight: float = 0.005  # cost per step and squared change of the action

    home: ClassVar = HOME  # the joints near which they begin
    memory: ClassVar = {"action": 6}  # the last one
    control_dt = 0.04  # s
    remembered: ClassVar[tuple[str, ...]] = ("action",)
    camera: ClassVar = {
        "trackbodyid": 0,
        "lookat": (0.2, 0.0, 0.14),
        "distance": 1.15,
        "azimuth": 140.0,
        "elevation": -20.0,
    }
    # What is done without friction is not done by a grip: a cube would lie on the hand, or be stuck in the model.
    trials: ClassVar = {"slippery": Trial({"pad_friction": 0.05}, ("success_rate",))}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        for name in PADS:
            spec.geom(name).friction[0] = self.pad_friction
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        action = np.clip(action, -1.0, 1.0)
        sim.memory.action = action
        servos = servo_positions(sim)
        step, lead = self._steps_and_leads()
        low, high = sim.model.actuator_ctrlrange.T
        target = np.clip(sim.ctrl + step * action, servos - lead, servos + lead)
        np.clip(target, low, high, out=sim.ctrl)

    def _steps_and_leads(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the step of each target at action 1, and its greatest distance from its joint (6,), in rad and m."""
        steps, leads = (self.joint_step, self.finger_step), (self.joint_lead, self.finger_lead)
        return np.repeat(steps, (5, 1)), np.repeat(leads, (5, 1))

    def control(self, model: mujoco.MjModel) -> Control:
        step, lead = (tuple(numbers.tolist()) for numbers in self._steps_and_leads())
        bounds = tuple(-one for one in step), step
        return Control(tuple(range(6)), step, 6 * (0.0,), *bounds, measured=SERVOS, lead=lead)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        hand = sim.body("grip")
        pressing = np.any(sim.sensordata.reshape(-1, 2, 3), axis=2)  # whether there is a force
        return {
            "rotation": sim.xmat[:, hand].reshape(-1, 3, 3),  # of the hand
            "grip": sim.xpos[:, hand],  # m, the middle between the pads
            "pressing": pressing,  # (N, 2)
            "grasped": np.all(pressing, axis=1),
            "action": sim.memory.action,
        }

    def joints(self, sim: Fields) -> dict[str, np.ndarray]:
        """Return the parts of an observation that are of the joints."""
        return {
            "joint_positions": sim.qpos[:, JOINTS],  # rad; of the fingers m
            "joint_speeds": sim.qvel[:, JOINTS],  # rad/s; of the fingers m/s
            "lead": sim.ctrl - servo_positions(sim),  # rad, m: of the targets on the joints
        }

    def hand(self, now: Measured) -> dict[str, np.ndarray]:
        """Return the parts of an observation that are of the hand's pose."""
        return {
            "hand": now.grip,  # m
            "hand_back": now.rotation[:, :, 2],  # the direction of the hand's back
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        return {
            "lead": total(field_of_data("ctrl", range(6)), replace(SERVOS, scale=-1.0), unit="rad, m"),
            "pressing": touching([[sim.model.sensor(i).name] for i in range(2)]),
            "action": last_action(),
        }

    def costs(self, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        """Return the terms of the reward that hold the actions small and smooth."""
        return {
            "effort": -self.effort_weight * np.square(now.action).sum(axis=1),
            "jerk": -self.jerk_weight * np.square(now.action - before.action).sum(axis=1),
        }

    def place_at_home(self, sim: Fields, draws: np.ndarray) -> None:
        """Put the arms near home, given draws (E, 5) between -1 and 1, with an empty memory."""
        sim.userdata[:] = 0.0
        sim.qpos[:, JOINTS] = self.home
        sim.qpos[:, :5] += self.home_noise * draws
        sim.ctrl[:] = servo_positions(sim)

    def put_in_posture(
        self,
        sim: Fields,
        which: np.ndarray,
        angles: np.ndarray,
        opening: np.ndarray | float,
        lead: np.ndarray | float,
    ) -> None:
        """Put some of the arms into a posture at the beginning.

        Args:
            sim: the robots.
            which: of them (E,), bool.
            angles: of the five joints (E, 5), in rad.
            opening: distance of each finger from the middle between them (E,), in m.
            lead: by how much the fingers' targets lie closer together (E,), in m each: they press what is between them.
        """
        fingers = np.broadcast_to(opening, len(angles))
        posture = np.column_stack([angles, fingers, fingers])
        sim.qpos[:, JOINTS] = np.where(which[:, None], posture, sim.qpos[:, JOINTS])
        sim.ctrl[:] = servo_positions(sim)
        sim.ctrl[:, -1] -= which * lead

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts | None:
        # At the plane y = 0: yaw and roll turn round, the fingers change places.
        servos = SignedPermutation.in_place(-1, 1, 1, 1, -1, 1)
        joints = SignedPermutation(np.array([0, 1, 2, 3, 4, 6, 5]), np.array([-1.0, 1, 1, 1, -1, 1, 1]))
        parts = {
            "joint_positions": joints,
            "joint_speeds": joints,
            "lead": servos,
            "hand": SIDES,
            "hand_back": SIDES,
            "pressing": SignedPermutation(np.array([1, 0]), np.ones(2)),
            "action": servos,
        }
        return MirroredParts(parts | self.mirrored_things(), servos)

    def mirrored_things(self) -> dict[str, SignedPermutation]:
        """Return the exchange of left and right in the parts of `observe` that are of what the arm handles."""
        raise NotImplementedError


def servo_positions(sim: Fields) -> np.ndarray:
    """Return the servos' positions (N, 6): five joints in rad, and the mean of the two fingers in m."""
    return np.column_stack([sim.qpos[:, :5], (sim.qpos[:, 5] + sim.qpos[:, 6]) / 2])


def in_hand(vectors: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return vectors (N, 3) of the world in the frame of hands, given their rotations (N, 3, 3)."""
    return (vectors[:, :, None] * rotation).sum(axis=1)


def around(azimuth: np.ndarray, radius: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """Return places (E, 3) around the arm's axis, in m, given azimuths in rad, and radii and heights in m."""
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), 0 * radius + height])


def between(draw: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return numbers between two bounds for draws between -1 and 1."""
    low, high = bounds
    return low + (high - low) * (draw + 1.0) / 2


def nearness(distance: np.ndarray, scale: float) -> np.ndarray:
    """Return 1 for a distance of zero, falling to 0 over a few 1/scale; distances in m."""
    return 1.0 - np.tanh(scale * distance)
