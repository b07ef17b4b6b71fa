"""The common part of our arm's tasks: grasp a cube on a table, lift it, bring it to a goal and hold it there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative, Positive
from envs.mirror import MirroredParts, SignedPermutation
from envs.reflection import VECTOR
from envs.simulation import Fields
from envs.sources import (
    Control,
    Source,
    field_of_data,
    joined,
    last_action,
    position_in_body,
    quarter_turns_in_body,
    total,
    touching,
)
from envs.task import Measured, Task, Trial, norm

JOINTS = slice(0, 7)  # in qpos and qvel: yaw, shoulder, elbow, wrist, roll (rad), left and right finger (m)
CUBE_POSITION = slice(7, 10)  # in qpos
CUBE_QUATERNION = slice(10, 14)  # in qpos
CUBE_VELOCITY = slice(7, 10)  # in qvel
HOME = np.array([0.0, 0.37, 0.03, -0.4, 0.0, 0.03, 0.03])  # joints: the hand points down, open, 0.2 m above the table
HALF_CUBE = 0.02  # m, half an edge
FINGERS = (field_of_data("qpos", (i,), scale=0.5) for i in (5, 6))
SERVOS = joined([field_of_data("qpos", range(5)), total(*FINGERS)])  # what `servo_positions` returns
PADS = ("left_pad", "right_pad")


@dataclass(frozen=True)
class Arm(Task):
    """Grasp a cube by the two pads of a gripper and bring it to a goal.

    Actions move the servos' targets: five joints and the opening of the fingers. A target stays near its joint, so
    that the arm neither winds up nor strikes hard.
    """

    joint_step: NotNegative = 0.05  # rad, step of a joint's target at action 1
    finger_step: NotNegative = 0.01  # m, step of the fingers' target at action 1
    joint_lead: NotNegative = 0.2  # rad, greatest distance of a target from its joint
    finger_lead: NotNegative = 0.02  # m, greatest distance of the fingers' target from the fingers
    pad_friction: NotNegative = 1.2  # friction coefficient of the pads on the cube
    cube_radius: tuple[NotNegative, NotNegative] = (0.25, 0.45)  # m from the arm's axis, the cube's first place
    cube_azimuth: NotNegative = 1.0  # rad, bound on the cube's first place to either side of straight ahead
    goal_height: tuple[float, float] = (0.08, 0.25)  # m above the table, lowest and highest goal
    episode_steps: Count = 100  # steps of 0.04 s after which an episode is truncated
    home_noise: NotNegative = 0.05  # rad, bound on the joints' first angles from home
    clearance: Positive = 0.01  # m above the table from which on the cube counts as lifted
    hold_seconds: NotNegative = 0.5  # s at the goal before the episode's end that count as success
    goal_tolerance: NotNegative = 0.025  # m, distance from the goal within which the cube is at it

    reach_weight: float = 1.0  # reward per step with the grip at the cube's middle
    reach_scale: NotNegative = 5.0  # 1/m, decay of the reach reward with the distance
    grasp_weight: float = 0.5  # reward per step in which both pads press the cube
    lift_weight: float = 0.5  # reward per step with the grasped cube off the table, growing from 0 at the table
    far_weight: float = 2.0  # reward per step with the lifted cube at the goal, felt from afar
    far_scale: NotNegative = 2.5  # 1/m, decay of the far reward with the distance
    near_weight: float = 2.0  # reward per step with the lifted cube at the goal, felt only near it
    near_scale: NotNegative = 8.0  # 1/m, decay of the near reward with the distance
    goal_weight: float = 2.0  # reward per step with the lifted cube within the tolerance
    effort_weight: float = 0.005  # cost per step and squared action
    jerk_weight: float = 0.005  # cost per step and squared change of the action

    model = "arm.xml"
    memory: ClassVar = {
        "held": 1,  # steps for which the cube has been at the goal
        "action": 6,  # the last one
    }
    control_dt = 0.04  # s
    remembered = ("action",)
    camera: ClassVar = {
        "trackbodyid": 0,
        "lookat": (0.2, 0.0, 0.14),
        "distance": 1.15,
        "azimuth": 140.0,
        "elevation": -20.0,
    }
    # A grasp that holds without friction would be no grasp: the cube would lie on the hand, or be stuck in the model.
    trials: ClassVar = {"slippery": Trial({"pad_friction": 0.05}, ("success_rate",))}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        for name in PADS:
            spec.geom(name).friction[0] = self.pad_friction
        return spec

    def to_goal(self, sim: Fields) -> np.ndarray:
        """Return the vector from the cube to the goal (N, 3), in m, whose length is the error."""
        return sim.mocap_pos[:, 0] - sim.qpos[:, CUBE_POSITION]

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.memory.held = self.held(sim)
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

    def held(self, sim: Fields) -> np.ndarray:
        """Return the steps (N,) for which the cube has been at the goal without a break."""
        there = norm(self.to_goal(sim)) < self.goal_tolerance
        return np.where(there, sim.memory.held + 1.0, 0.0)

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
            "off_table": height > self.clearance,  # (N,), bool
            "held": self.held(sim),  # steps
            "action": sim.memory.action,
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "joint_positions": sim.qpos[:, JOINTS],  # rad; of the fingers m
            "joint_speeds": sim.qvel[:, JOINTS],  # rad/s; of the fingers m/s
            "lead": sim.ctrl - servo_positions(sim),  # rad, m: of the targets on the joints
            "cube_in_hand": (now.to_cube[:, :, None] * now.rotation).sum(axis=1),  # m, in the hand's frame
            "hand": now.grip,  # m
            "hand_back": now.rotation[:, :, 2],  # the direction of the hand's back
            "cube": sim.qpos[:, CUBE_POSITION],  # m
            "cube_velocity": sim.qvel[:, CUBE_VELOCITY],  # m/s
            "pressing": now.pressing,  # whether the left and the right pad press the cube
            # Cosine and sine of four times the cube's angle in the hand: it looks the same after a quarter turn.
            "cube_turn": quarter_turns(now.rotation, sim.xmat[:, sim.body("cube")].reshape(-1, 3, 3)),
            "action": now.action,  # the last one
            "to_goal": now.to_goal,  # m, from the cube
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        cube = field_of_data("qpos", range(*CUBE_POSITION.indices(sim.model.nq)), scale=-1.0)
        return {
            "lead": total(field_of_data("ctrl", range(6)), replace(SERVOS, scale=-1.0), unit="rad, m"),
            "cube_in_hand": position_in_body("cube", "grip"),
            "pressing": touching([[sim.model.sensor(i).name] for i in range(2)]),
            "cube_turn": quarter_turns_in_body("cube", "grip"),
            "action": last_action(),
            "to_goal": total(field_of_data("mocap_pos", range(3)), cube, unit="m"),
        }

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
        """Return places (E, 3) in the area of the cubes, given draws (E, 2) between -1 and 1."""
        radius = between(draws[:, 0], self.cube_radius)
        azimuth = self.cube_azimuth * draws[:, 1]
        return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), 0 * radius + height])

    def goals(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return the goals (E, 3), in m, from draws between -1 and 1: the cubes' (E, 2) and the goals' own (E, 3)."""
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
            # Share of the steps with the cube off the table in which both pads press it.
            "both_pads_share": float(episodes["both_pads"].sum() / held) if held else 0.0,
        }

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        # At the plane y = 0: yaw and roll turn round, the fingers change places.
        servos = SignedPermutation.in_place(-1, 1, 1, 1, -1, 1)
        joints = SignedPermutation(np.array([0, 1, 2, 3, 4, 6, 5]), np.array([-1.0, 1, 1, 1, -1, 1, 1]))
        vectors = ("cube_in_hand", "hand", "hand_back", "cube", "cube_velocity", "to_goal")
        parts = {
            "joint_positions": joints,
            "joint_speeds": joints,
            "lead": servos,
            "pressing": SignedPermutation(np.array([1, 0]), np.ones(2)),
            "cube_turn": SignedPermutation.in_place(1, -1),
            "action": servos,
        }
        return MirroredParts(parts | dict.fromkeys(vectors, SignedPermutation.in_place(*VECTOR)), servos)


def servo_positions(sim: Fields) -> np.ndarray:
    """Return the servos' positions (N, 6): five joints in rad, and the mean of the two fingers in m."""
    return np.column_stack([sim.qpos[:, :5], (sim.qpos[:, 5] + sim.qpos[:, 6]) / 2])


def between(draw: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return numbers between two bounds for draws between -1 and 1."""
    low, high = bounds
    return low + (high - low) * (draw + 1.0) / 2


def nearness(distance: np.ndarray, scale: float) -> np.ndarray:
    """Return 1 for a distance of zero, falling to 0 over a few 1/scale; distances in m."""
    return 1.0 - np.tanh(scale * distance)


def quarter_turns(hand: np.ndarray, cube: np.ndarray) -> np.ndarray:
    """Return cosine and sine (N, 2) of four times the angle of a cube about the axis of a hand, given rotations."""
    x = (hand[:, :, 0] * cube[:, :, 0]).sum(axis=1)
    y = (hand[:, :, 1] * cube[:, :, 0]).sum(axis=1)
    cosine, sine = x * x - y * y, 2 * x * y  # of twice the angle
    return np.stack([cosine**2 - sine**2, 2 * cosine * sine], axis=1)
