"""Go1Real: the robot dog as a real one is, with slow motors, joints that differ, and senses that err."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval

from envs.arguments import NotNegative
from envs.mirror import MirroredParts, SignedPermutation
from envs.noise import errors
from envs.robots.dog import HOME, JOINTS
from envs.robots.go1 import Go1
from envs.simulation import Fields
from envs.task import Measured

Seconds = Annotated[float, Interval(ge=0, le=0.1)]


@dataclass(frozen=True)
class Go1Real(Go1):
    """Follow commands as Go1 does, with what a robot dog has when it leaves the simulation.

    It does not see its trunk's velocity, which no sensor of a real dog measures: a policy has to remember what its legs
    did. What it sees has errors, new ones in each step. Its motors follow targets with a delay that each episode draws;
    they and the joints' friction differ from joint to joint. Its critic sees in training what it does not: velocity,
    contacts, floor friction, load, delay, and the motors' strength.
    """

    # Senses: greatest error of each reading
    angle_error: NotNegative = 0.01  # rad, of a joint's angle
    speed_error: NotNegative = 1.5  # rad/s, of a joint's speed
    turning_error: NotNegative = 0.2  # rad/s, of the trunk's turning
    tilt_error: NotNegative = 0.05  # of each component of the direction of up

    # Motors and joints, drawn for each episode
    delay: tuple[Seconds, Seconds] = (0.0, 0.02)  # s from an action to the motors, least and greatest
    joint_strength: tuple[NotNegative, NotNegative] = (0.9, 1.1)  # share of the motors' stiffness, of each joint
    joint_friction: tuple[NotNegative, NotNegative] = (0.0, 0.2)  # N m, dry friction of each joint

    exported: ClassVar = {"angle_error": 0.0, "speed_error": 0.0, "turning_error": 0.0, "tilt_error": 0.0}

    memory: ClassVar = {
        "delay": 1,  # s
        "joint_strengths": JOINTS,  # share of the motors' stiffness
        "joint_frictions": JOINTS,  # N m
        "key": 1,  # of the readings' errors
    }

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        longest = max(self.delay)
        for actuator in spec.actuators if longest > 0.0 else ():
            actuator.nsample = math.ceil(longest / (self.timestep or spec.option.timestep))
            actuator.delay = longest
        return spec

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        parts = {name: part for name, part in super().observe(sim, now).items() if name != "velocity"}
        sizes = {
            "turning": self.turning_error,
            "up": self.tilt_error,
            "joint_angles": self.angle_error,
            "joint_speeds": 0.1 * self.speed_error,
        }
        steps = np.rint(sim.time / sim.dt)
        drawn = errors(sim.memory.key, steps, sum(parts[name].shape[1] for name in sizes))
        start = 0
        for name, size in sizes.items():
            parts[name] = parts[name] + size * drawn[:, start : (start := start + parts[name].shape[1])]
        return parts

    def privileged(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        memory = sim.memory
        return {
            "velocity": now.velocity,  # m/s, of the trunk, in its frame
            "contact": now.contact,  # of each foot with the ground
            "friction": memory.friction,  # of the floor
            "load": memory.load,  # kg
            "strength": memory.strength,  # share of the motors' nominal stiffness
            "delay": memory.delay,  # s
        }

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        parts, action = super().mirrored(model)
        feet, alone = SignedPermutation(np.array([1, 0, 3, 2]), np.ones(4)), SignedPermutation.in_place(1)
        drawn = dict.fromkeys(("friction", "load", "strength", "delay"), alone)
        return MirroredParts({**parts, "contact": feet, **drawn}, action)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        super().place(sim, rngs, seeds)
        draws = np.array([rng.random(2 + 2 * JOINTS) for rng in rngs])
        memory = sim.memory
        memory.key = draws[:, 0]
        ranges = (self.delay, self.joint_strength, self.joint_friction)
        shares = (draws[:, 1], draws[:, 2 : 2 + JOINTS], draws[:, 2 + JOINTS :])
        memory.delay, memory.joint_strengths, memory.joint_frictions = (
            low + (high - low) * share for (low, high), share in zip(ranges, shares, strict=True)
        )
        if sim.model.nhistory:
            sim.history[:] = standing_history(sim.model)

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        fields, memory = super().physics(sim), sim.memory
        fields["actuator_gainprm"] *= memory.joint_strengths[:, :, None]
        fields["actuator_biasprm"][:, :, 1] *= memory.joint_strengths
        frictions = np.repeat(sim.model.dof_frictionloss[None], len(sim.qpos), axis=0)
        frictions[:, -JOINTS:] = memory.joint_frictions
        fields["dof_frictionloss"] = frictions
        if sim.model.nhistory:
            fields["actuator_delay"] = np.repeat(memory.delay[:, None], JOINTS, axis=1)
        return fields


@functools.lru_cache(maxsize=8)  # of models: it is asked for wherever episodes begin
def standing_history(model: mujoco.MjModel) -> np.ndarray:
    """Return the controls before an episode's start as MuJoCo keeps them (nhistory,): the targets of the stance."""
    data = mujoco.MjData(model)
    for i, angle in enumerate(HOME):
        mujoco.mj_initCtrlHistory(model, data, i, None, np.full((model.actuator_history[i, 0], 1), angle))
    return data.history.copy()
