"""The common part of Gymnasium's eleven robots as tasks: its XML, frame skip and spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_env import expand_model_path

from envs.arguments import Count
from envs.mirror import MirroredParts, SignedPermutation
from envs.reflection import Reflection
from envs.simulation import Fields
from envs.task import Measured, Task, fall_rate, walking_metrics


@dataclass(frozen=True)
class GymnasiumRobot(Task):
    """A robot of `gymnasium.envs.mujoco` (version 5), reproduced to the last bit.

    The fields of each subclass are the constructor arguments of Gymnasium's class, with its defaults. The order of
    floating-point operations is Gymnasium's, too: this is why some sums look longer than they need be.
    """

    xml_file: str  # MJCF file of the model: one of Gymnasium's, or a path
    frame_skip: Count  # physics steps per action
    default_camera_config: Mapping[str, Any] | None = None  # attributes of mujoco.MjvCamera; None: those of `camera`

    def model_path(self) -> Path:
        return Path(expand_model_path(self.xml_file))

    def camera_settings(self) -> Mapping[str, Any]:
        return super().camera_settings() if self.default_camera_config is None else self.default_camera_config

    def substeps(self, model: mujoco.MjModel) -> int:
        return self.frame_skip

    def action_space(self, model: mujoco.MjModel) -> spaces.Box:
        low, high = model.actuator_ctrlrange.astype(np.float32).T
        return spaces.Box(low, high, dtype=np.float32)

    def observation_space(self, size: int) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (size,), np.float64)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        sim.ctrl[:] = action


@dataclass(frozen=True)
class Traveller(GymnasiumRobot):
    """A robot that observes its positions and velocities, but by default not where on the floor it is."""

    exclude_current_positions_from_observation: bool = True  # whether the place on the floor is left out

    places: ClassVar[int] = 1  # how many of the positions, the first ones, say where on the floor the robot is

    @property
    def hidden(self) -> int:
        """How many of the positions are not observed."""
        return self.places if self.exclude_current_positions_from_observation else 0

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return {
            "positions": sim.qpos[:, self.hidden :],  # m, rad, quaternions
            "velocities": sim.qvel,  # m/s, rad/s
        }


@dataclass(frozen=True)
class Symmetric(Traveller):
    """A robot whose left and right are alike, on the two sides of the plane y = 0."""

    places = 2

    def reflected(self, reflection: Reflection) -> dict[str, SignedPermutation]:
        """Return the mirror image of each part of the observation: by default of positions and velocities."""
        return {"positions": reflection.positions.part(self.hidden), "velocities": reflection.velocities}

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts | None:
        reflection = Reflection.of(model)
        return None if reflection is None else MirroredParts(self.reflected(reflection), reflection.controls)


@dataclass(frozen=True)
class Runner(Traveller):
    """A robot whose reward is its speed along the x axis, less a cost of its controls."""

    forward_reward_weight: float = 1.0  # reward per step and m/s
    ctrl_cost_weight: float = 0.1  # cost per step and squared control

    remembered = ("position",)

    def position(self, sim: Fields) -> np.ndarray:
        """Return the robots' positions (N,) along the x axis, in m."""
        return sim.qpos[:, 0]

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return {"position": self.position(sim)}

    def speed(self, sim: Fields, now: Measured, before: Measured) -> np.ndarray:
        """Return the mean speed (N,) along the x axis over the step, in m/s."""
        return (now.position - before.position) / sim.dt

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {
            "forward": self.forward_reward_weight * self.speed(sim, now, before),
            "ctrl": -self.ctrl_cost_weight * sum_of_squares(action),
        }

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"distance": now.position - before.position}

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        return walking_metrics(episodes)


@dataclass(frozen=True)
class FallingRunner(Runner):
    """A runner with a reward for staying healthy, which fails when it is not."""

    healthy_reward: float = 1.0  # reward per step in which the robot is healthy
    terminate_when_unhealthy: bool = True  # whether an episode ends when the robot is not healthy

    def healthy(self, sim: Fields) -> np.ndarray:
        """Return which robots (N,) are healthy: on their feet."""
        raise NotImplementedError

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        return super().measure(sim) | {"healthy": self.healthy(sim)}

    def survival(self, now: Measured) -> np.ndarray:
        """Return the reward (N,) for being healthy."""
        return now.healthy * self.healthy_reward

    def terminated(self, sim: Fields, now: Measured) -> np.ndarray:
        return ~now.healthy if self.terminate_when_unhealthy else super().terminated(sim, now)

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        falls = fall_rate(episodes) if self.terminate_when_unhealthy else {}
        return falls | super().metrics(episodes)


def sum_of_squares(values: np.ndarray) -> np.ndarray:
    """Return each robot's sum of squared values (N,), added up in the order of `np.sum` over one robot's array."""
    return np.square(values.reshape(len(values), -1)).sum(axis=1)


def uniform_states(
    model: mujoco.MjModel, rngs: list[np.random.Generator], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions (E, nq) and velocities (E, nv) uniformly within `scale` of the model's state at rest."""
    # One draw of nq + nv numbers gives the numbers of Gymnasium's two.
    noise = np.array([rng.uniform(-scale, scale, model.nq + model.nv) for rng in rngs])
    return model.qpos0 + noise[:, : model.nq], noise[:, model.nq :]


def gaussian_states(
    model: mujoco.MjModel, rngs: list[np.random.Generator], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions (E, nq) uniformly within `scale` of rest, velocities (E, nv) with that standard deviation."""
    qpos, qvel = np.empty((len(rngs), model.nq)), np.empty((len(rngs), model.nv))
    for i, rng in enumerate(rngs):
        qpos[i] = rng.uniform(-scale, scale, model.nq)
        qvel[i] = rng.standard_normal(model.nv)
    return model.qpos0 + qpos, scale * qvel
