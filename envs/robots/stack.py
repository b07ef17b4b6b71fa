"""Stack: an arm puts a cube on another one and lets it go."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from envs.arguments import Count, NotNegative, Positive, Share
from envs.mirror import SignedPermutation
from envs.orientation import quaternion_about_z
from envs.robots.arm import HOME, SIDES, around, between, servo_positions
from envs.robots.arm_kinematics import joint_angles
from envs.robots.carry import CUBE_POSITION, CUBE_QUATERNION, CUBE_VELOCITY, HALF_CUBE, Carry
from envs.simulation import Fields
from envs.sources import Source, field_of_data
from envs.task import Measured, norm, on_first_step, on_last_step

BASE_POSITION = slice(14, 17)  # in qpos
BASE_QUATERNION = slice(17, 21)  # in qpos
NEAR = 0.05  # m, distance from the cube's place within which the observation of it is fine
ABOVE = np.array([0.0, 0.0, 2 * HALF_CUBE])  # m from the middle of a cube to the middle of one on it


@dataclass(frozen=True)
class Stack(Carry):
    """Put a cube on another one, both anywhere in the arm's reach, let it go and draw back the hand.

    Success is a cube that rests on the other one for the last half second of an episode, with the hand away from it at
    the end.

    Some episodes of training begin with the cube in its place, still in the fingers or below a hand that has let it go,
    and so teach that letting go and drawing back pay. They are easy, and drown what comes first where it is not yet
    learned; so an arm has them only by its skill, which rises after each episode in which it brought the cube.
    """

    apart: NotNegative = 0.35  # rad, least angle between the two cubes, seen from the arm's axis
    goal_tolerance: NotNegative = 0.015  # m, distance from the place on the other cube within which the cube lies on it
    still: Positive = 0.05  # m/s, speed of the cube below which it is at rest
    away: Positive = 0.06  # m from the cube to the hand that has drawn back
    placed: Share = 0.3  # probability, at full skill, that an episode begins with the cube in its place
    let_go: Share = 0.5  # probability that the hand is then open and up to `rise` higher; else it presses the cube
    rise: NotNegative = 0.08  # m, greatest height of such a hand above the cube
    first_skill: Share = 0.0  # share of `placed` in an arm's first episode
    learning: NotNegative = 0.25  # by which it rises after an episode in which the arm brought the cube near its place
    episode_steps: Count = 150  # steps of 0.04 s after which an episode is truncated

    loosen_weight: float = 2.0  # reward per step with the cube at its place, growing as the fingers cease to press
    release_weight: float = 2.0  # reward per step with the cube released on the other one
    away_weight: float = 4.0  # reward per step with the hand drawn back from the released cube, growing with the way

    model = "stack.xml"
    memory: ClassVar = {
        "begun": 1,  # whether the cube was in its place at first
        "brought": 1,  # whether it has been near its place
        "skill": 1,  # share of `placed`, in the next episode, too
    }
    evaluation: ClassVar = {"placed": 0.0}
    shown: ClassVar = evaluation

    def __post_init__(self) -> None:
        if self.apart > self.cube_azimuth:
            raise ValueError(f"apart must be at most cube_azimuth, {self.cube_azimuth:g}, got {self.apart:g}")

    def to_goal(self, sim: Fields) -> np.ndarray:
        return sim.qpos[:, BASE_POSITION] + ABOVE - sim.qpos[:, CUBE_POSITION]

    def held(self, sim: Fields) -> np.ndarray:
        """Return the steps (N,) for which the cube has lain at rest on the other one without a break."""
        still = norm(sim.qvel[:, CUBE_VELOCITY]) < self.still
        return np.where(still, super().held(sim), 0.0)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        carry = super().measure(sim)
        released = (carry["held"] > 0) & ~carry["pressing"].any(axis=1)
        squeeze = (servo_positions(sim) - sim.ctrl)[:, -1]  # m, of the fingers' target behind the fingers
        return {
            **carry,
            # 0 where the fingers squeeze the cube at its place with all their force, 1 where they do not.
            "loosened": (carry["error"] < self.goal_tolerance) * np.clip(1.0 - squeeze / self.finger_lead, 0.0, 1.0),
            "released": released,
            "drawn_back": released * np.clip(norm(carry["to_cube"]) / self.away, 0.0, 1.0),
        }

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return super().observe(sim, now) | {
            "base": sim.qpos[:, BASE_POSITION],  # m
            # Whether a cube is in its place decides what the hand is to do, and a millimetre of `to_goal` hardly shows.
            "to_goal_near": np.clip(now.to_goal / NEAR, -1.0, 1.0),
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        sources = super().observation_sources(sim)
        return sources | {"to_goal_near": replace(sources["to_goal"], scale=1 / NEAR, clip=(-1.0, 1.0))}

    def goal_source(self, sim: Fields) -> Source:
        return field_of_data("qpos", range(14, 17), offset=tuple(ABOVE.tolist()))

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        # Nothing is lost by letting go of a cube at its place, even while it falls the last few millimetres.
        there = now.error < self.goal_tolerance
        held = {
            "to_cube": np.where(there[:, None], 0.0, now.to_cube),
            "grasped": now.grasped | there,
            "lifted": np.maximum(now.lifted, there),
        }
        return {
            **super().rewards(sim, action, Measured(**vars(now) | held), before),
            "loosen": self.loosen_weight * now.loosened,
            "release": self.release_weight * now.released,
            "away": self.away_weight * now.drawn_back,
        }

    def place_goals(self, sim: Fields, cube: np.ndarray, goal: np.ndarray) -> None:
        first, bound = self.cube_azimuth * cube[:, 1], self.cube_azimuth
        right = np.maximum(bound + first - self.apart, 0.0)  # rad, the free part to the right of the first cube
        left = np.maximum(bound - first - self.apart, 0.0)
        way = (right + left) * (goal[:, 1] + 1.0) / 2  # rad, along both parts
        azimuth = np.where(way < right, way - bound, first + self.apart + way - right)
        sim.qpos[:, BASE_POSITION] = around(azimuth, between(goal[:, 0], self.cube_radius), HALF_CUBE)
        sim.qpos[:, BASE_QUATERNION] = quaternion_about_z(np.pi * goal[:, 2])

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.memory.brought = np.maximum(sim.memory.brought, norm(self.to_goal(sim)) < NEAR)
        super().apply(sim, action)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        learned = sim.memory.brought * (1.0 - sim.memory.begun)
        skill = np.clip(sim.memory.skill + self.learning * learned, self.first_skill, 1.0)
        super().place(sim, rngs, seeds)
        draws = np.array([rng.random(5) for rng in rngs])
        placed, goal = draws[:, 0] < self.placed * skill, sim.qpos[:, BASE_POSITION] + ABOVE
        roll = np.pi / 2 * (draws[:, 1] - 0.5)  # rad: the cube in all its different turns
        let_go = draws[:, 2] < self.let_go
        above = goal + np.outer(let_go * self.rise * draws[:, 3], [0.0, 0.0, 1.0])
        opening = np.where(let_go, HOME[-1], HALF_CUBE)
        lead = np.where(let_go, 0.0, self.finger_lead * draws[:, 4])
        turn = quaternion_about_z(roll + np.arctan2(goal[:, 1], goal[:, 0]))
        sim.qpos[:, CUBE_POSITION] = np.where(placed[:, None], goal, sim.qpos[:, CUBE_POSITION])
        sim.qpos[:, CUBE_QUATERNION] = np.where(placed[:, None], turn, sim.qpos[:, CUBE_QUATERNION])
        sim.memory.skill, sim.memory.begun = skill, placed
        self.put_in_posture(sim, placed, joint_angles(above, roll), opening, lead)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        carry = super().track(sim, action, now, before)
        on_its_way = now.held == 0  # a cube that lies on the other one needs no pads
        return carry | {
            "success": carry["success"] & (now.drawn_back == 1.0),
            "skill": on_first_step(sim, sim.memory.skill),
            "brought": on_last_step(sim, self.episode_steps) & (sim.memory.brought > 0),
            **{name: carry[name] * on_its_way for name in ("off_table", "both_pads")},
        }

    def mirrored_things(self) -> dict[str, SignedPermutation]:
        return super().mirrored_things() | {"base": SIDES, "to_goal_near": SIDES}
