"""RoughTerrain: the robot dog follows commands over rubble, slopes and steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Ge, MinLen

from envs.arguments import Count, NotNegative
from envs.mirror import MirroredParts, SignedPermutation
from envs.orientation import heading_of
from envs.robots.go1 import SEGMENTS, Go1
from envs.robots.terrain import Terrain, field_middle, patchwork
from envs.simulation import Fields
from envs.sources import Source, base_height, height_scan
from envs.task import Measured, on_first_step

# Points of the ground that are scanned, in m ahead of the trunk and to its left: along the two lines of the feet.
AHEAD, LEFT = np.linspace(-0.3, 0.6, 7), np.array([-0.13, 0.13])
SCAN = np.stack(np.meshgrid(AHEAD, LEFT, indexing="ij"), axis=-1).reshape(-1, 2)
NEAR = 0.25  # m, greatest distance of two places at which the highest ground is looked for
ABOVE = 1.0  # m, height above the trunk from which the rays fall
ABYSS = 10.0  # m, length of a ray that meets no ground
GROUND = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # the geom group that rays meet

Difficulties = Annotated[tuple[NotNegative, ...], MinLen(1)]


@dataclass(frozen=True)
class RoughTerrain(Go1):
    """Follow commands over ground whose difficulty rises with the robot's success.

    The ground is a `patchwork` of fields, one for each of `difficulties`. A robot begins on one of the easiest, but
    not always on the first, so that there is something to see from the start. It moves on to the next field after an
    episode in which it covered most of the commanded distance, and back after one in which it covered little. After
    success on the last field it begins anywhere in the harder half.

    To Go1's observations come the trunk's height above the ground and a scan of the ground around it by rays. Each ray
    has a constant error throughout an episode, like a sensor's: on flat ground the scan would otherwise hardly vary,
    and after normalisation a pebble would look like a wall. A fall has a cost, because the rewards lost by it lie
    beyond the discount's horizon of 0.4 s.
    """

    # Rewards, commands and robot: other numbers than Go1's
    max_velocity: tuple[float, float] = (0.0, 1.0)  # m/s, slowest and fastest command forward
    max_sideways: NotNegative = 0.2  # m/s, fastest command to either side
    max_turning: NotNegative = 0.5  # rad/s, fastest turning command to either side
    friction: tuple[NotNegative, NotNegative] = (0.6, 1.25)  # friction coefficient of the floor, least and greatest
    push_speed: NotNegative = 0.5  # m/s, greatest change of the trunk's velocity by a push
    min_height: float = 0.08  # m, height of the trunk's middle above the ground below which the robot has fallen
    tilt_weight: float = 0.5  # cost per step and squared sine of the trunk's tilt
    bounce_weight: float = 0.2  # cost per step and (m/s)^2 of the trunk's vertical velocity
    fall_weight: float = 25.0  # cost of a fall: as much as ten steps of all other rewards

    # Ground
    difficulties: Difficulties = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05, 1.2)  # factors of rubble, slope and step
    rubble: NotNegative = 0.1  # m, height of the largest blocks at difficulty 1
    slope: NotNegative = 0.35  # rise over run of the hillsides at difficulty 1
    step: NotNegative = 0.1  # m, rise of a step at difficulty 1
    terrain_seed: Annotated[int, Ge(0)] = 0  # seed of the ground: the same seed makes the same ground

    # Start and curriculum
    first_fields: Annotated[int, Ge(1)] = 3  # fields, from the easiest on, on any of which a robot begins
    start_area: NotNegative = 3.0  # m along x and y from the middle of a field, within which a robot begins
    start_clearance: NotNegative = 0.25  # m around the trunk: the highest ground there sets the height of the start
    scan_error: NotNegative = 0.03  # m, greatest error of a ray
    promotion: NotNegative = 0.7  # share of the commanded distance above which the next field follows
    demotion: NotNegative = 0.4  # share of the commanded distance below which the field before follows

    episode_steps: Count = 500  # steps of 0.02 s after which an episode is truncated: short enough to stay on a field

    grid_commands: ClassVar = np.array([(x, 0.0, turn) for x in (0.4, 0.6, 0.8, 1.0) for turn in (-0.4, 0.0, 0.4)])
    shown: ClassVar = {"push_speed": 0.0, "difficulties": (1.0,), "terrain_seed": 1}
    evaluation: ClassVar = {**shown, "grid": True}
    trials: ClassVar = {}
    memory: ClassVar = {
        # Read by the next episode:
        "level": 1,  # the field's number
        "covered": 1,  # m along the commands
        "commanded": 1,  # m
        # Read by this one:
        "scan_errors": len(SCAN),  # m, of each ray
    }

    @property
    def terrain(self) -> Terrain:
        """The ground."""
        return patchwork(self.terrain_seed, tuple(self.difficulties), self.rubble, self.slope, self.step)

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        self.terrain.lay(spec, "floor", "ground")
        return spec

    def heights(self, sim: Fields, points: np.ndarray) -> np.ndarray:
        return points[:, :, 2] - self.terrain.at(points[:, :, 0], points[:, :, 1])

    def mirrored(self, model: mujoco.MjModel) -> MirroredParts:
        parts, action = super().mirrored(model)
        scan = np.arange(len(SCAN)).reshape(len(AHEAD), len(LEFT))[:, ::-1].ravel()
        ground = {
            "height": SignedPermutation.in_place(1),
            "scan": SignedPermutation(scan, np.ones(len(scan))),
        }
        return MirroredParts({**parts, **ground}, action)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        sim.memory.covered += along(*self.command_tracking(sim)) * sim.dt

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        quantities = super().measure(sim)
        trunk = sim.qpos[:, :3]
        heading = heading_of(sim.qpos[:, 3:7])
        cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
        ahead, left = SCAN.T
        count = len(SCAN)
        points = np.empty((len(trunk), count + 5, 3))
        points[:, :count, 0] = trunk[:, :1] + cos * ahead - sin * left
        points[:, :count, 1] = trunk[:, 1:2] + sin * ahead + cos * left
        points[:, count, :2] = trunk[:, :2]
        points[:, count + 1 :, :2] = sim.site_xpos[:, -4:, :2]
        points[:, :, 2] = trunk[:, 2:] + ABOVE
        way, _ = sim.ray(points, np.array([0.0, 0.0, -1.0]), GROUND)  # m down to the ground; -1 beyond its edge
        below = np.where(way < 0.0, ABYSS, way) - ABOVE
        ground = trunk[:, 2:] - below
        seen = below[:, count : count + 1] - below[:, :count] + sim.memory.scan_errors
        quantities["scan"] = np.clip(seen, -1.0, 1.0)
        quantities["height"] = below[:, count]
        quantities["feet"] = quantities["feet"] - ground[:, count + 1 :]
        return quantities

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return super().rewards(sim, action, now, before) | {"fall": -self.fall_weight * self.terminated(sim, now)}

    def total(self, terms: dict[str, np.ndarray]) -> np.ndarray:
        on_its_feet = {name: term for name, term in terms.items() if name != "fall"}
        return super().total(on_its_feet) + terms["fall"]

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        return super().observe(sim, now) | {
            "height": now.height,  # m, of the trunk above the ground
            "scan": now.scan,  # m, by which the ground is higher at the points of SCAN than under the trunk
        }

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        errors = tuple(sim.memory.scan_errors[0].tolist())
        return super().observation_sources(sim) | {
            "height": base_height(ABOVE, ABYSS),
            "scan": height_scan(SCAN.tolist(), ABOVE, ABYSS, offset=errors, clip=(-1.0, 1.0)),
        }

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        level = self._next_level(sim, rngs)
        super().place(sim, rngs, seeds)
        sim.memory.level = level
        sim.qpos[:, 0], sim.qpos[:, 1] = self.starts(sim, rngs)
        sim.qpos[:, 2] += self.highest_ground(sim, self.start_clearance)
        sim.memory.covered = 0.0
        sim.memory.commanded = self.distances(sim)
        sim.memory.scan_errors = self.scan_error * np.array([rng.uniform(-1.0, 1.0, len(SCAN)) for rng in rngs])

    def highest_ground(self, sim: Fields, reach: float) -> np.ndarray:
        nearby = np.linspace(-reach, reach, 2 * math.ceil(reach / NEAR) + 1)
        dx, dy = (offsets.ravel() for offsets in np.meshgrid(nearby, nearby))
        return self.terrain.at(sim.qpos[:, 0, None] + dx, sim.qpos[:, 1, None] + dy).max(axis=1)

    def starts(self, sim: Fields, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        """Draw x and y (E,) of the robots' starts on their fields, in m."""
        offset = np.array([rng.uniform(-self.start_area, self.start_area, 2) for rng in rngs])
        return field_middle(sim.memory.level, len(self.difficulties)) + offset[:, 0], offset[:, 1]

    def _next_level(self, sim: Fields, rngs: list[np.random.Generator]) -> np.ndarray:
        """Return the fields (E,) on which robots begin, by the outcome of their last episodes."""
        level, covered, commanded = sim.memory.level, sim.memory.covered, sim.memory.commanded
        fields = len(self.difficulties)
        easy = min(self.first_fields, fields)
        first, hard = np.array([(rng.integers(easy), rng.integers(fields // 2, fields)) for rng in rngs]).T
        tested = commanded > 1.0  # m: excludes episodes of standing
        level = level + tested * (covered > self.promotion * commanded)
        level = level - tested * (covered < self.demotion * commanded)
        level = np.where(level >= fields, hard, np.maximum(level, 0))
        begun = sim.userdata.any(axis=1)  # the memory is zero before a robot's first episode
        return np.where(begun, level, first).astype(int)

    def distances(self, sim: Fields) -> np.ndarray:
        """Return the distance (E,) that an episode's commands ask for, in m."""
        end = self.episode_steps * sim.dt
        begins = np.minimum(sim.memory.switches, end)
        lasting = np.diff(begins, axis=1, append=end)
        commands = sim.memory.commands.reshape(-1, SEGMENTS, 3)
        return (np.hypot(commands[:, :, 0], commands[:, :, 1]) * lasting).sum(axis=1)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return super().track(sim, action, now, before) | {
            "covered": along(now.command, now.velocity) * sim.dt,
            "commanded": on_first_step(sim, sim.memory.commanded),  # m
            "level": on_first_step(sim, sim.memory.level),
        }

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        covered = np.clip(episodes["covered"], 0.0, episodes["commanded"])
        return super().metrics(episodes) | {
            "distance_share": float(covered.sum() / episodes["commanded"].sum()),
        }


def along(command: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the speed (N,) along the commanded direction, in m/s, of commands and motions (N, 3)."""
    size = np.maximum(np.hypot(command[:, 0], command[:, 1]), 1e-6)
    return (command[:, :2] * motion[:, :2]).sum(axis=1) / size
