"""What our tasks of the arm have in common: a cube on a table is grasped, lifted, brought to a goal and held there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative, Positive
from envs.simulation import Fields
from envs.task import Measured, Mirror, SignedPermutation, Task, Trial, norm

JOINTS = slice(0, 7)  # in qpos and qvel: yaw, shoulder, elbow, wrist, roll (rad), left and right finger (m)
CUBE_POSITION = slice(7, 10)  # in qpos
CUBE_QUATERNION = slice(10, 14)  # in qpos
CUBE_VELOCITY = slice(7, 10)  # in qvel
HELD, LAST_ACTION = 0, slice(1, 7)  # in userdata: steps the cube has been at the goal; the action before
HOME = np.array([0.0, 0.37, 0.03, -0.4, 0.0, 0.03, 0.03])  # joints: the hand points down, open, 0.2 m above the table
HALF_CUBE = 0.02  # m, half an edge
PADS = ("left_pad", "right_pad")


@dataclass(frozen=True)
class Arm(Task):
    """Grasp a cube by the two pads of a gripper and bring it to a goal.

    Actions move the servos' targets: five joints and the opening of the fingers. A target stays near the joint, so
    that the arm neither stores up a long way to go nor strikes hard.

    Observations are joint positions (7) and velocities (7), the targets' lead on the joints (6), the cube's place as
    the hand sees it (3), the hand's place (3) and the direction of its back (3), the cube's place (3) and velocity (3),
    whether each pad presses the cube (2), cosine and sine of four times the angle by which the cube is turned in the
    hand, where it looks the same after a quarter turn (2), the action before (6), and the way from the cube to the goal
    (3), in m, rad and s.
    """

    joint_step: NotNegative = 0.05  # rad, by which action 1 moves a joint's target
    finger_step: NotNegative = 0.01  # m, by which action 1 moves the fingers' target
    joint_lead: NotNegative = 0.2  # rad, how far a target may be from the joint
    finger_lead: NotNegative = 0.02  # m
    pad_friction: NotNegative = 1.2  # coefficient of the pads on the cube
    cube_radius: tuple[NotNegative, NotNegative] = (0.25, 0.45)  # m from the arm's axis, where the cube lies at first
    cube_azimuth: NotNegative = 1.0  # rad to either side of straight ahead
    goal_height: tuple[float, float] = (0.08, 0.25)  # m above the table
    episode_steps: Count = 100  # of 0.04 s
    home_noise: NotNegative = 0.05  # rad: each joint begins within it around home
    clearance: Positive = 0.01  # m above the table, from which on the cube counts as off it
    hold_seconds: NotNegative = 0.5  # s at the goal, up to the episode's end, that count as success
    goal_tolerance: NotNegative = 0.025  # m

    reach_weight: float = 1.0  # per step, with the grip at the cube's middle
    reach_scale: NotNegative = 5.0  # per m
    grasp_weight: float = 0.5  # per step in which both pads press the cube
    lift_weight: float = 0.5  # per step in which they do and the cube is off the table; growing from 0 at the table
    far_weight: float = 2.0  # per step with the lifted cube at the goal
    far_scale: NotNegative = 2.5  # per m
    near_weight: float = 2.0  # the same, felt near the goal alone
    near_scale: NotNegative = 8.0  # per m
    goal_weight: float = 2.0  # per step with the lifted cube within the tolerance
    effort_weight: float = 0.005  # per squared action
    jerk_weight: float = 0.005  # per squared change of the action

    model = "arm.xml"
    control_dt = 0.04  # s
    remembered = ("action",)
    camera: ClassVar = {
        "trackbodyid": 0,
        "lookat": (0.2, 0.0, 0.14),
        "distance": 1.15,
        "azimuth": 140.0,
        "elevation": -20.0,
    }
    # A grasp that holds without friction would be a trick: a cube cradled, or stuck in the model.
    trials: ClassVar = {"slippery": Trial({"pad_friction": 0.05}, ("success_rate",))}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        for name in PADS:
            spec.geom(name).friction[0] = self.pad_friction
        return spec

    def to_goal(self, sim: Fields) -> np.ndarray:
        """Return the way from the cube to the goal (N, 3), in m, of which the length is the error."""
        return sim.mocap_pos[:, 0] - sim.qpos[:, CUBE_POSITION]

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.userdata[:, HELD] = self.held(sim)
        action = np.clip(action, -1.0, 1.0)
        sim.userdata[:, LAST_ACTION] = action
        servos = servo_positions(sim)
        step = np.array([self.joint_step] * 5 + [self.finger_step])
        lead = np.array([self.joint_lead] * 5 + [self.finger_lead])
        low, high = sim.model.actuator_ctrlrange.T
        target = np.clip(sim.ctrl + step * action, servos - lead, servos + lead)
        np.clip(target, low, high, out=sim.ctrl)

    def held(self, sim: Fields) -> np.ndarray:
        """Return for how many steps (N,) the cube has been at the goal without a break."""
        there = norm(self.to_goal(sim)) < self.goal_tolerance
        return np.where(there, sim.userdata[:, HELD] + 1.0, 0.0)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        hand, cube = sim.body("grip"), sim.body("cube")
        rotation = sim.xmat[:, hand].reshape(-1, 3, 3)
        to_goal = self.to_goal(sim)
        pressing = np.any(sim.sensordata.reshape(-1, 2, 3), axis=2)  # whether there is a force
        grasped = np.all(pressing, axis=1)
        height = sim.qpos[:, CUBE_POSITION][:, 2] - HALF_CUBE  # m, of the cube above the table
        return {
            "rotation": rotation,  # of the hand
            "grip": sim.xpos[:, hand],  # m, the middle between the pads
            "to_cube": sim.xpos[:, cube] - sim.xpos[:, hand],  # m
            "to_goal": to_goal,  # m
            "error": norm(to_goal),  # m
            "pressing": pressing,  # (N, 2)
            "grasped": grasped,
            "lifted": grasped * np.clip(height / self.clearance, 0.0, 1.0),  # 1 where held off the table
            "off_table": height > self.clearance,
            "held": self.held(sim),  # steps
            "action": sim.userdata[:, LAST_ACTION],
        }

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        return np.concatenate(
            [
                sim.qpos[:, JOINTS],
                sim.qvel[:, JOINTS],
                sim.ctrl - servo_positions(sim),
                (now.to_cube[:, :, None] * now.rotation).sum(axis=1),
                now.grip,
                now.rotation[:, :, 2],
                sim.qpos[:, CUBE_POSITION],
                sim.qvel[:, CUBE_VELOCITY],
                now.pressing,
                quarter_turns(now.rotation, sim.xmat[:, sim.body("cube")].reshape(-1, 3, 3)),
                now.action,
                now.to_goal,
            ],
            axis=1,
        )

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "reach": self.reach_weight * nearness(norm(now.to_cube), self.reach_scale),
            "grasp": self.grasp_weight * now.grasped,
            "lift": self.lift_weight * now.lifted,
            "far": self.far_weight * now.lifted * nearness(now.error, self.far_scale),
            "near": self.near_weight * now.lifted * nearness(now.error, self.near_scale),
            "goal": self.goal_weight * now.lifted * (now.error < self.goal_tolerance),
            "effort": -self.effort_weight * np.square(now.action).sum(axis=1),
            "jerk": -self.jerk_weight * np.square(now.action - before.action).sum(axis=1),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        draws = np.array([rng.uniform(-1.0, 1.0, 11) for rng in rngs])
        joints, cube, turn, goal = np.split(draws, [5, 7, 8], axis=1)
        sim.userdata[:] = 0.0
        sim.qpos[:, JOINTS] = HOME
        sim.qpos[:, :5] += self.home_noise * joints
        sim.ctrl[:] = servo_positions(sim)
        sim.qpos[:, CUBE_POSITION] = self.somewhere(cube, HALF_CUBE)
        half = np.pi / 2 * turn  # of the cube's angle about the vertical
        sim.qpos[:, CUBE_QUATERNION] = np.concatenate([np.cos(half), 0 * turn, 0 * turn, np.sin(half)], axis=1)
        sim.mocap_pos[:, 0] = self.goals(cube, goal)

    def somewhere(self, draws: np.ndarray, height: np.ndarray | float) -> np.ndarray:
        """Return places (E, 3) over the area where cubes are put, given draws (E, 2) between -1 and 1."""
        radius = between(draws[:, 0], self.cube_radius)
        azimuth = self.cube_azimuth * draws[:, 1]
        return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), 0 * radius + height])

    def goals(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return where (E, 3) the goals stand, from draws between -1 and 1: the cubes' (E, 2) and their own (E, 3)."""
        raise NotImplementedError

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        at_end = sim.time > (self.episode_steps - 0.5) * self.control_dt
        return {
            "success": at_end & (now.held * sim.dt >= self.hold_seconds),
            "final_error": at_end * now.error,  # m
            "off_table": now.off_table * 1.0,  # steps
            "both_pads": (now.off_table & now.grasped) * 1.0,  # steps
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool:
        return episode["success"] > 0

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        error, held = episodes["final_error"], episodes["off_table"].sum()
        return {
            "success_rate": float(np.mean(episodes["success"])),
            "final_error_mean": float(np.mean(error)),  # m
            "final_error_median": float(np.median(error)),
            "final_error_p95": float(np.quantile(error, 0.95)),
            # Of the steps in which the cube is off the table, those in which both pads press it.
            "both_pads_share": float(episodes["both_pads"].sum() / held) if held else 0.0,
        }

    def mirror(self, model: mujoco.MjModel) -> Mirror:
        """Return how the arm is mirrored at the plane y = 0: yaw and roll turn round, the fingers change places."""
        servos = (np.arange(6), [-1, 1, 1, 1, -1, 1])
        joints = ([0, 1, 2, 3, 4, 6, 5], [-1, 1, 1, 1, -1, 1, 1])
        vector = (np.arange(3), [1, -1, 1])
        pads, turn = ([1, 0], [1, 1]), (np.arange(2), [1, -1])
        observation = [joints, joints, servos, *[vector] * 5, pads, turn, servos, vector]
        return Mirror(SignedPermutation.joined(observation), SignedPermutation.joined([servos]))


def servo_positions(sim: Fields) -> np.ndarray:
    """Return where the servos stand (N, 6): five joints in rad, and the mean of the two fingers in m."""
    return np.column_stack([sim.qpos[:, :5], (sim.qpos[:, 5] + sim.qpos[:, 6]) / 2])


def between(draw: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return numbers between two bounds for draws between -1 and 1."""
    low, high = bounds
    return low + (high - low) * (draw + 1.0) / 2


def nearness(distance: np.ndarray, scale: float) -> np.ndarray:
    """Return 1 where a distance (m) is zero, falling to 0 over a few 1/scale."""
    return 1.0 - np.tanh(scale * distance)


def quarter_turns(hand: np.ndarray, cube: np.ndarray) -> np.ndarray:
    """Return cosine and sine (N, 2) of four times the angle of a cube about the axis of a hand, given rotations."""
    x = (hand[:, :, 0] * cube[:, :, 0]).sum(axis=1)
    y = (hand[:, :, 1] * cube[:, :, 0]).sum(axis=1)
    double = np.stack([x * x - y * y, 2 * x * y], axis=1)
    return np.stack([double[:, 0] ** 2 - double[:, 1] ** 2, 2 * double[:, 0] * double[:, 1]], axis=1)
