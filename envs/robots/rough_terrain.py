"""RoughTerrain: the robot dog goes where it is told to over rubble, slopes and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Ge, MinLen

from envs.arguments import Count, NotNegative
from envs.robots.go1 import COMMANDS, DRAWN, SEGMENTS, SWITCHES, Go1
from envs.robots.terrain import Terrain, patchwork
from envs.simulation import Fields
from envs.task import Measured, Mirror, SignedPermutation, told_once

# Where the ground is looked at, in m ahead of the trunk and to its left: along the two lines on which the feet tread.
AHEAD, LEFT = np.linspace(-0.3, 0.6, 7), np.array([-0.13, 0.13])
SCAN = np.stack(np.meshgrid(AHEAD, LEFT, indexing="ij"), axis=-1).reshape(-1, 2)
ABOVE = 1.0  # m above the trunk, from where the rays fall
ABYSS = 10.0  # m, as how long a ray counts that meets no ground
GROUND = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # the geom group that rays see

# What a robot remembers of an episode for the next one, and by how much each ray is wrong: columns of userdata.
LEVEL, COVERED, COMMANDED = range(DRAWN, DRAWN + 3)
ERRORS = slice(COMMANDED + 1, COMMANDED + 1 + len(SCAN))


@dataclass(frozen=True)
class RoughTerrain(Go1):
    """Follow commands over ground that is the harder, the better a robot has done so far.

    The ground is `patchwork` of fields, one for each of `difficulties`. A robot begins on one of the first three, so
    that from the start there is something to see. It moves on to the next after an episode in which it covered most of
    the distance it was told to go, and back where it covered little of it. Who masters the last begins anywhere in the
    harder half. To Go1's observations come the trunk's height above the ground and how much higher the ground is around
    it (14), seen by rays. Each ray has an error of its own throughout an episode, as sensors have: where the ground is
    flat, what is seen would otherwise hardly vary, and once normalised a pebble would look like a wall. A fall has a
    price, for what it loses lies beyond the discount's horizon of 0.4 s.
    """

    max_velocity: tuple[float, float] = (0.0, 1.0)  # m/s
    max_sideways: NotNegative = 0.2  # m/s
    max_turning: NotNegative = 0.5  # rad/s
    friction: tuple[NotNegative, NotNegative] = (0.6, 1.25)
    push_speed: NotNegative = 0.5  # m/s
    min_height: float = 0.08  # m, of the trunk above the ground under its middle: lower, it has fallen
    tilt_weight: float = 0.5
    bounce_weight: float = 0.2
    fall_weight: float = 25.0  # for a fall: as much as ten steps of all else bring
    difficulties: Annotated[tuple[NotNegative, ...], MinLen(1)] = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05, 1.2)
    rubble: NotNegative = 0.1  # m, height of the largest blocks at difficulty 1
    slope: NotNegative = 0.35  # rise over run, at difficulty 1
    step: NotNegative = 0.1  # m, rise of a step at difficulty 1
    terrain_seed: Annotated[int, Ge(0)] = 0  # of the ground: the same seed, the same ground
    start_area: NotNegative = 3.0  # m from the middle of a field, along x and y, within which a robot begins
    start_clearance: NotNegative = 0.25  # m around the trunk: it begins as high as the highest ground there asks for
    scan_error: NotNegative = 0.03  # m, a ray's at most
    promotion: NotNegative = 0.7  # share of the commanded distance that leads to the next field
    demotion: NotNegative = 0.4  # share below which it is the one before
    episode_steps: Count = 500  # of 0.02 s: who walks straight ahead stays on its field

    grid_commands: ClassVar = np.array([(x, 0.0, turn) for x in (0.4, 0.6, 0.8, 1.0) for turn in (-0.4, 0.0, 0.4)])
    evaluation: ClassVar = {"grid": True, "push_speed": 0.0, "difficulties": (1.0,), "terrain_seed": 1}
    shown: ClassVar = {"push_speed": 0.0, "difficulties": (1.0,), "terrain_seed": 1}
    trials: ClassVar = {}

    @property
    def terrain(self) -> Terrain:
        """The ground."""
        return patchwork(self.terrain_seed, tuple(self.difficulties), self.rubble, self.slope, self.step)

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        self.terrain.lay(spec, "floor", "ground")
        spec.nuserdata = ERRORS.stop
        return spec

    def mirror(self, model: mujoco.MjModel) -> Mirror:
        on_flat_ground, action = super().mirror(model)
        scan = np.arange(len(SCAN)).reshape(len(AHEAD), len(LEFT))[:, ::-1].ravel()
        parts = [on_flat_ground, ([0], [1]), (scan, np.ones(len(scan)))]
        return Mirror(SignedPermutation.joined(parts), action)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        sim.userdata[:, COVERED] += self.progress(sim)

    def progress(self, sim: Fields) -> np.ndarray:
        """Return how far (N,) a step at the present velocity leads where the command points, in m."""
        told, done = self.obedience(sim)
        size = np.maximum(np.hypot(told[:, 0], told[:, 1]), 1e-6)
        return (told[:, :2] * done[:, :2]).sum(axis=1) / size * sim.dt

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        quantities = super().measure(sim)
        trunk = sim.qpos[:, :3]
        w, x, y, z = sim.qpos[:, 3:7].T
        heading = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
        ahead, left = SCAN.T
        count = len(SCAN)
        points = np.empty((len(trunk), count + 5, 3))
        points[:, :count, 0] = trunk[:, :1] + cos * ahead - sin * left
        points[:, :count, 1] = trunk[:, 1:2] + sin * ahead + cos * left
        points[:, count, :2] = trunk[:, :2]
        points[:, count + 1 :, :2] = sim.site_xpos[:, -4:, :2]
        points[:, :, 2] = trunk[:, 2:] + ABOVE
        way = sim.ray(points, np.array([0.0, 0.0, -1.0]), GROUND)  # m down to the ground; -1 beyond its edge
        below = np.where(way < 0.0, ABYSS, way) - ABOVE
        ground = trunk[:, 2:] - below
        seen = below[:, count : count + 1] - below[:, :count] + sim.userdata[:, ERRORS]
        quantities["scan"] = np.clip(seen, -1.0, 1.0)
        quantities["height"] = below[:, count]
        quantities["feet"] = quantities["feet"] - ground[:, count + 1 :]
        return quantities

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return super().rewards(sim, action, now, before) | {"fall": -self.fall_weight * self.terminated(sim, now)}

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        on_its_feet = {name: term for name, term in terms.items() if name != "fall"}
        return super().total(on_its_feet) + terms["fall"]

    def observe(self, sim: Fields, now: Measured) -> np.ndarray:
        return np.concatenate([super().observe(sim, now), now.height[:, None], now.scan], axis=1)

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        level = self._next_level(sim.userdata, rngs)
        super().place(sim, rngs, seeds)
        sim.userdata[:, LEVEL] = level
        sim.userdata[:, COVERED] = 0.0
        sim.userdata[:, COMMANDED] = self._distance(sim)
        terrain, offset = self.terrain, np.array([rng.uniform(-self.start_area, self.start_area, 2) for rng in rngs])
        x, y = terrain.centre(level) + offset[:, 0], offset[:, 1]
        nearby = self.start_clearance * np.array([-1.0, 0.0, 1.0])
        around = [terrain.at(x + dx, y + dy) for dx in nearby for dy in nearby]
        sim.qpos[:, 0], sim.qpos[:, 1] = x, y
        sim.qpos[:, 2] += np.max(around, axis=0)
        sim.userdata[:, ERRORS] = self.scan_error * np.array([rng.uniform(-1.0, 1.0, len(SCAN)) for rng in rngs])

    def _next_level(self, memory: np.ndarray, rngs: list[np.random.Generator]) -> np.ndarray:
        """Return the fields (E,) on which robots begin, given what they remember of their last episode."""
        level, covered, commanded = memory[:, [LEVEL, COVERED, COMMANDED]].T
        fields = len(self.difficulties)
        first, hard = np.array([(rng.integers(min(3, fields)), rng.integers(fields // 2, fields)) for rng in rngs]).T
        tested = commanded > 1.0  # m: not a robot that was told to stand
        level = level + tested * (covered > self.promotion * commanded)
        level = level - tested * (covered < self.demotion * commanded)
        level = np.where(level >= fields, hard, np.maximum(level, 0))
        begun = memory.any(axis=1)  # all is zero before a robot's first episode
        return np.where(begun, level, first).astype(int)

    def _distance(self, sim: Fields) -> np.ndarray:
        """Return how far (E,) an episode's commands would lead a robot that does not fall, in m."""
        end = self.episode_steps * sim.dt
        begins = np.minimum(sim.userdata[:, SWITCHES], end)
        lasting = np.diff(begins, axis=1, append=end)
        commands = sim.userdata[:, COMMANDS].reshape(-1, SEGMENTS, 3)
        return (np.hypot(commands[:, :, 0], commands[:, :, 1]) * lasting).sum(axis=1)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return super().track(sim, action, now, before) | {
            "covered": self.progress(sim),
            "commanded": told_once(sim, sim.userdata[:, COMMANDED]),  # m
            "level": told_once(sim, sim.userdata[:, LEVEL]),
        }

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        covered = np.clip(episodes["covered"], 0.0, episodes["commanded"])
        return super().metrics(episodes) | {
            "distance_share": float(covered.sum() / episodes["commanded"].sum()),
        }
