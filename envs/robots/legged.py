"""The common part of our robots on legs: joints, motors, feet, and their start on the floor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from envs.arguments import Count, NotNegative
from envs.mirror import MirroredParts, SignedPermutation
from envs.reflection import Reflection
from envs.simulation import Fields
from envs.sources import Source, touching
from envs.task import Measured, Task, fall_rate, walking_metrics

TRUNK_VELOCITIES = 6  # numbers in qvel before those of the driven joints
UPRIGHT = (1.0, 0.0, 0.0, 0.0)  # as a quaternion


@dataclass(frozen=True)
class Legged(Task):
    """A robot with a floating trunk as its first body, torque motors, and contact sensors on its feet.

    The model's actuators are motors of gear 1, one for each joint in the joints' order, so that `sim.ctrl` are the
    joint torques in N m; its sensors are the net contact forces (3) on each foot in N.
    """

    reset_noise: NotNegative = 0.05  # rad, m/s, rad/s: bound on the noise of the first posture and velocities
    episode_steps: Count = 2000  # steps of 0.01 s after which an episode is truncated

    start_angles: ClassVar[tuple[float, ...]]  # rad, of the joints
    mirrored_contacts: ClassVar[tuple[int, ...]]  # for each number of `contacts` the one on the other side
    control_dt = 0.01  # s

    def foot_forces(self, sim: Fields) -> np.ndarray:
        """Return the contact forces on the feet (N, feet, 3), in N."""
        return sim.sensordata.reshape(len(sim.sensordata), -1, 3)

    def contacts(self, sim: Fields) -> np.ndarray:
        """Return the observed contacts: by default (N, feet), whether each foot touches the floor."""
        return np.any(self.foot_forces(sim), axis=2)

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        # Without x and y, the first two positions: the place on the floor does not matter.
        return {
            "height": sim.qpos[:, 2],  # m, of the trunk
            "orientation": sim.qpos[:, 3:7],  # of the trunk, a quaternion
            "joint_angles": sim.qpos[:, 7:],  # rad
            "velocity": sim.qvel[:, :3],  # m/s, of the trunk, along the world's axes
            "turning": sim.qvel[:, 3:6],  # rad/s, of the trunk, about its own axes
            "joint_speeds": sim.qvel[:, 6:],  # rad/s
            "contacts": self.contacts(sim),
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        sensors = np.array([sim.model.sensor(i).name for i in range(sim.model.nsensor)])
        return {"contacts": touching(sensors.reshape(len(self.mirrored_contacts), -1).tolist())}

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts | None:
        reflection = Reflection.of(model)
        if reflection is None:
            return None
        positions, velocities = reflection.positions, reflection.velocities
        parts = {
            "height": positions.part(2, 3),
            "orientation": positions.part(3, 7),
            "joint_angles": positions.part(7),
            "velocity": velocities.part(0, 3),
            "turning": velocities.part(3, 6),
            "joint_speeds": velocities.part(6),
            "contacts": SignedPermutation(np.array(self.mirrored_contacts), np.ones(len(self.mirrored_contacts))),
        }
        return MirroredParts(parts, reflection.controls)

    def postures(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        """Return the trunk's orientations (quaternions) and the joints' angles (rad) around which episodes begin.

        Returns:
            (E, 4 + joints).
        """
        return np.tile([*UPRIGHT, *self.start_angles], (len(rngs), 1))

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        postures = self.postures(sim, rngs)
        noise = np.array([rng.uniform(-1.0, 1.0, postures.shape[1] + sim.model.nv) for rng in rngs]) * self.reset_noise
        sim.qpos[:, 3:] = postures + noise[:, : postures.shape[1]]
        sim.qpos[:, 3:7] /= np.linalg.norm(sim.qpos[:, 3:7], axis=1, keepdims=True)
        sim.qvel[:] = noise[:, postures.shape[1] :]
        sim.qpos[:, 2] -= lowest_points(sim)


def lowest_points(sim: Fields) -> np.ndarray:
    """Return the heights (E,) in m of the lowest points of the spheres and capsules that touch the floor."""
    model = sim.model
    positions, rotations = sim.posed("geom_xpos", "geom_xmat")
    touching = (model.geom_contype != 0) & (model.geom_bodyid != 0)
    radius, half_length = model.geom_size[touching, :2].T
    rise = np.abs(rotations[:, touching, 8]) * half_length  # from a capsule's middle to its end
    return (positions[:, touching, 2] - rise - radius).min(axis=1)


@dataclass(frozen=True)
class Runner(Legged):
    """A legged robot whose reward is its speed along x (Schulman et al. 2016, section 6.2)."""

    forward_weight: float = 1.0  # reward per step and m/s along x
    effort_weight: float = 1e-5  # cost per step and (N m)^2, over all joint torques
    impact_weight: float = 1e-7  # cost per step and N^2, over all contact forces on the feet
    alive_bonus: float = 0.2  # reward per step
    min_height: float = 0.8  # m, height of the centre of mass below which the robot has fallen

    remembered = ("position",)

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {
            "position": sim.qpos[:, 0],  # m along x, of the trunk
            "height": sim.subtree_com[:, 1, 2],  # m, of the centre of mass
            "foot_forces": self.foot_forces(sim),  # N
        }

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.forward_weight * (now.position - before.position) / sim.dt,
            "effort": -self.effort_weight * np.square(sim.ctrl).sum(axis=1),
            "impact": -self.impact_weight * np.square(now.foot_forces).sum(axis=(1, 2)),
            "alive": np.full(len(sim.qpos), self.alive_bonus),
        }

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return now.height < self.min_height

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        weight = sim.model.body_subtreemass[1] * -sim.model.opt.gravity[2]  # N
        power = np.abs(sim.ctrl * sim.qvel[:, TRUNK_VELOCITIES:]).sum(axis=1)  # W
        return {"distance": now.position - before.position, "work": power * sim.dt / weight}  # m, J/N

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        # Work by and against the motors, divided by the robot's weight and the distance covered.
        cost = float(episodes["work"].sum() / episodes["distance"].sum())
        return fall_rate(episodes) | walking_metrics(episodes) | {"cost_of_transport": cost}
