"""The common part of our arm's tasks with a cube: grasp it, lift it, bring it to a goal and hold it there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.arguments import Count, NotNegative, Positive
from envs.mirror import SignedPermutation
from envs.orientation import quaternion_about_z
from envs.robots.arm import SIDES, Arm, around, between, in_hand, nearness
from envs.simulation import Fields
from envs.sources import Source, angle_in_body, field_of_data, position_in_body, total
from envs.task import Measured, norm, on_last_step

CUBE_POSITION = slice(7, 10)  # in qpos
CUBE_QUATERNION = slice(10, 14)  # in qpos
CUBE_VELOCITY = slice(7, 10)  # in qvel
HALF_CUBE = 0.02  # m, half an edge


@dataclass(frozen=True)
class Carry(Arm):
    """Grasp a cube and bring it to a goal."""

    cube_radius: tuple[NotNegative, NotNegative] = (0.25, 0.45)  # m from the arm's axis, the cube's first place
    cube_azimuth: NotNegative = 1.0  # rad, bound on the cube's first place to either side of straight ahead
    episode_steps: Count = 100  # steps of 0.04 s after which an episode is truncated
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

    memory: ClassVar = {
        "held": 1,  # steps for which the cube has been at the goal
    }

    def half_height(self, sim: Fields) -> np.ndarray | float:
        """Return the height of the middle of a cube on the table, in m."""
        return HALF_CUBE

    def to_goal(self, sim: Fields) -> np.ndarray:
        """Return the vector from the cube to the goal (N, 3), in m, whose length is the error."""
        raise NotImplementedError

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.memory.held = self.held(sim)
        super().apply(sim, action)

    def held(self, sim: Fields) -> np.ndarray:
        """Return the steps (N,) for which the cube has been at the goal without a break."""
        there = norm(self.to_goal(sim)) < self.goal_tolerance
        return np.where(there, sim.memory.held + 1.0, 0.0)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        arm = super().measure(sim)
        to_goal = self.to_goal(sim)
        height = sim.qpos[:, CUBE_POSITION][:, 2] - self.half_height(sim)  # m, of the cube above the table
        return {
            **arm,
            "to_cube": sim.xpos[:, sim.body("cube")] - arm["grip"],  # m
            "to_goal": to_goal,  # m
            "error": norm(to_goal),  # m
            "lifted": arm["grasped"] * np.clip(height / self.clearance, 0.0, 1.0),  # 1 where held off the table
            "off_table": height > self.clearance,  # (N,), bool
            "held": self.held(sim),  # steps
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            **self.joints(sim),
            "cube_in_hand": in_hand(now.to_cube, now.rotation),  # m, in the hand's frame
            **self.hand(now),
            "cube": sim.qpos[:, CUBE_POSITION],  # m
            "cube_velocity": sim.qvel[:, CUBE_VELOCITY],  # m/s
            "pressing": now.pressing,  # whether the left and the right pad press the cube
            # Cosine and sine of four times the cube's angle in the hand: it looks the same after a quarter turn.
            "cube_turn": quarter_turns(now.rotation, sim.xmat[:, sim.body("cube")].reshape(-1, 3, 3)),
            "action": now.action,  # the last one
            "to_goal": now.to_goal,  # m, from the cube
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        return {
            **super().observation_sources(sim),
            "cube_in_hand": position_in_body("cube", "grip"),
            "cube_turn": angle_in_body("cube", "grip", 4),
            "to_goal": total(self.goal_source(sim), field_of_data("qpos", range(7, 10), scale=-1.0), unit="m"),
        }

    def goal_source(self, sim: Fields) -> Source:
        """Return the origin of the goal's position (3,), in m."""
        raise NotImplementedError

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "reach": self.reach_weight * nearness(norm(now.to_cube), self.reach_scale),
            "grasp": self.grasp_weight * now.grasped,
            "lift": self.lift_weight * now.lifted,
            "far": self.far_weight * now.lifted * nearness(now.error, self.far_scale),
            "near": self.near_weight * now.lifted * nearness(now.error, self.near_scale),
            "goal": self.goal_weight * now.lifted * (now.error < self.goal_tolerance),
            **self.costs(now, before),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        draws = np.array([rng.uniform(-1.0, 1.0, 11) for rng in rngs])
        joints, cube, turn, goal = np.split(draws, [5, 7, 8], axis=1)
        self.place_at_home(sim, joints)
        sim.qpos[:, CUBE_POSITION] = self.somewhere(cube, HALF_CUBE)
        sim.qpos[:, CUBE_QUATERNION] = quaternion_about_z(np.pi * turn[:, 0])
        self.place_goals(sim, cube, goal)

    def place_goals(self, sim: Fields, cube: np.ndarray, goal: np.ndarray) -> None:
        """Put the goals in their places, given draws between -1 and 1: the cubes' (E, 2) and the goals' own (E, 3)."""
        raise NotImplementedError

    def somewhere(self, draws: np.ndarray, height: np.ndarray | float) -> np.ndarray:
        """Return places (E, 3) in the area of the cubes, given draws (E, 2) between -1 and 1."""
        return around(self.cube_azimuth * draws[:, 1], between(draws[:, 0], self.cube_radius), height)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        at_end = on_last_step(sim, self.episode_steps)
        return {
            "success": at_end & (now.held * sim.dt >= self.hold_seconds),
            "final_error": at_end * now.error,  # m
            "off_table": now.off_table * 1.0,  # steps
            "both_pads": (now.off_table & now.grasped) * 1.0,  # steps
        }

    def succeeded(self, episode: Mapping[str, float]) -> bool:
        return episode["success"] > 0

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        error = episodes["final_error"]
        return {
            "success_rate": float(np.mean(episodes["success"])),
            "final_error_mean": float(np.mean(error)),  # m
            "final_error_median": float(np.median(error)),
            "final_error_p95": float(np.quantile(error, 0.95)),
            # Share of the steps with the cube off the table in which both pads press it.
            "both_pads_share": float(episodes["both_pads"].sum() / episodes["off_table"].sum()),
        }

    def mirrored_things(self) -> dict[str, SignedPermutation]:
        vectors = ("cube_in_hand", "cube", "cube_velocity", "to_goal")
        return {"cube_turn": SignedPermutation.in_place(1, -1)} | dict.fromkeys(vectors, SIDES)


def half_turns(hand: np.ndarray, cube: np.ndarray) -> np.ndarray:
    """Return cosine and sine (N, 2) of twice the angle of a cube about the axis of a hand, given rotations."""
    x = (hand[:, :, 0] * cube[:, :, 0]).sum(axis=1)
    y = (hand[:, :, 1] * cube[:, :, 0]).sum(axis=1)
    return np.stack([x * x - y * y, 2 * x * y], axis=1)


def quarter_turns(hand: np.ndarray, cube: np.ndarray) -> np.ndarray:
    """Return cosine and sine (N, 2) of four times that angle."""
    cosine, sine = half_turns(hand, cube).T
    return np.stack([cosine**2 - sine**2, 2 * cosine * sine], axis=1)
