"""Course: the robot dog crosses a challenge course, falls, gets up, and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import mujoco
import numpy as np
from annotated_types import Interval

from envs.arguments import NotNegative, Share
from envs.orientation import heading_of
from envs.robots.challenge import LENGTH, SECTIONS, START, TRENCH, WIDTH, Size, challenge, middle
from envs.robots.recovering import ENDLESS
from envs.robots.rough_recovery import RoughRecovery
from envs.robots.rough_terrain import Difficulties
from envs.robots.terrain import Terrain
from envs.simulation import Fields
from envs.task import Measured, inside, on_last_step

HAIL = 16  # pushes that are drawn, one for each second: then they come again


@dataclass(frozen=True)
class Course(RoughRecovery):
    """Cross a course of 24 m: rubble, a slope up, a platform, stairs down and up, a slope down, a beam, ice, pushes.

    Lanes of rising difficulty lie side by side; a robot moves on to the next one by its success, as in RoughTerrain. In
    training it begins anywhere along its lane. Its commands come from the course: at a pace of the episode's own along
    the lane, back to its middle, and to stand at the end.
    """

    # Ground
    difficulties: Difficulties = tuple(np.linspace(0.0, 1.1, 12).round(2).tolist())  # of the lanes, in turn
    slope: NotNegative = 0.364  # rise over run of the slopes at difficulty 1
    step: NotNegative = 0.08  # m, rise of a stair at difficulty 1
    beam: Annotated[float, Interval(gt=0, le=WIDTH)] = 0.4  # m, width of the beam at difficulty 1
    ice_friction: NotNegative = 0.15  # friction coefficient of the ice

    # Commands
    pace: tuple[NotNegative, NotNegative] = (0.6, 1.0)  # m/s along the lane, least and greatest
    homing: NotNegative = 1.0  # 1/s, by which the command to the side brings back to the lane's middle
    aligning: NotNegative = 1.5  # 1/s, by which the command to turn brings back to the lane's direction
    max_sideways: NotNegative = 0.3  # m/s, fastest command to either side

    # Randomness
    load: tuple[float, float] = (0.0, 2.0)  # kg on top of the trunk's own mass, least and greatest
    push_speed: NotNegative = 0.3  # m/s, greatest change of the trunk's velocity by a push, outside the hail
    hail_speed: NotNegative = 0.8  # m/s, change of the trunk's velocity by each push of the hail, one a second
    along: Share = 0.8  # probability that an episode begins anywhere along the lane
    aside: NotNegative = 0.8  # m, greatest distance of a start from the lane's middle
    fallen: Share = 0.8  # probability that an episode begins on the ground

    memory: ClassVar = {
        "pace": 1,  # m/s
        "begin": 1,  # m along the lane, of the start
        "hail": 2 * HAIL,  # m/s along the world's x and y
    }
    # Over the walls, up to the platform.
    camera: ClassVar = RoughRecovery.camera | {"distance": 2.9, "elevation": -30.0}
    shown: ClassVar = {
        **ENDLESS,
        "difficulties": (1.0,) * 8,
        "terrain_seed": 1,
        "first_fields": 8,
        "along": 0.0,
        "aside": 0.1,
        "pace": (0.8, 0.8),
        "episode_steps": 3000,
    }
    evaluation: ClassVar = shown
    unused: ClassVar = (*RoughRecovery.unused, "max_velocity", "hold", "zeroed", "standing", "grid", "start_area")

    @property
    def commands(self) -> Mapping[str, tuple[float, float]]:
        return {}  # they come from the course

    @property
    def terrain(self) -> Terrain:
        size = Size(self.rubble, self.slope, self.step, self.beam)
        return challenge(self.terrain_seed, tuple(self.difficulties), size)

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        ice, lanes = SECTIONS["ice"], len(self.difficulties)
        for k, y in enumerate(middle(np.arange(lanes), lanes)):
            spec.worldbody.add_geom(
                name=f"ice{k}",
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=((ice.start + ice.end - LENGTH) / 2, y, -0.045),  # 5 mm above the level ground
                size=((ice.end - ice.start) / 2, WIDTH / 2, 0.05),
                friction=(self.ice_friction, 0.005, 0.0001),
                rgba=(0.75, 0.88, 0.95, 1.0),
                contype=1,
                conaffinity=0,
                priority=2,
                group=0,
            )
        return spec

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        super().apply(sim, action)
        sim.memory.covered = self.place_along(sim) - sim.memory.begin
        second = np.rint(sim.time)
        hit = (np.abs(sim.time - second) < sim.dt / 2) & inside(self.place_along(sim), SECTIONS["pushes"])
        if hit.any():
            rows, pushes = np.arange(len(hit)), sim.memory.hail.reshape(-1, HAIL, 2)
            sim.qvel[:, :2] += hit[:, None] * pushes[rows, second.astype(int) % HAIL]

    def place_along(self, sim: Fields) -> np.ndarray:
        """Return how far (N,) along their lanes the robots are, in m."""
        return sim.qpos[:, 0] + LENGTH / 2

    def present_command(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        heading = heading_of(sim.qpos[:, 3:7])
        x, y = sim.qpos[:, :2].T
        centre = middle(sim.memory.level, len(self.difficulties))
        in_trench = self.terrain.at(x, y) < self.terrain.at(x, centre) - TRENCH / 2
        aside = np.where(in_trench, 0.0, y - centre)  # nothing climbs the beam from there: the way out is ahead
        onwards = np.where(self.place_along(sim) < LENGTH + START / 2, sim.memory.pace, 0.0)
        back = np.clip(-self.homing * aside, -self.max_sideways, self.max_sideways)
        cos, sin = np.cos(heading), np.sin(heading)
        ahead, left = cos * onwards + sin * back, cos * back - sin * onwards
        turn = np.clip(-self.aligning * heading, -self.max_turning, self.max_turning)
        slowest = -self.max_sideways
        command = np.column_stack([np.maximum(ahead, slowest), np.clip(left, slowest, self.max_sideways), turn])
        return command * (onwards > 0.0)[:, None], sim.time

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        super().place(sim, rngs, seeds)
        low, high = self.pace
        draws = np.array([rng.random(1 + HAIL) for rng in rngs])
        sim.memory.pace = low + (high - low) * draws[:, 0]
        angles = 2 * np.pi * draws[:, 1:]
        hail = self.hail_speed * np.stack([np.cos(angles), np.sin(angles)], axis=2)
        sim.memory.hail = hail.reshape(len(rngs), -1)
        sim.memory.commanded = self.distances(sim)  # anew, for it takes the pace

    def headings(self, shares: np.ndarray) -> np.ndarray:
        return 0.6 * (shares - 0.5)

    def starts(self, sim: Fields, rngs: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        draws = np.array([rng.random(3) for rng in rngs])
        somewhere = (LENGTH - 1.0) * draws[:, 1]
        begin = np.where(draws[:, 0] < self.along, somewhere, -START / 2)
        sim.memory.begin = begin
        lanes = middle(sim.memory.level, len(self.difficulties))
        return begin - LENGTH / 2, lanes + self.aside * (2.0 * draws[:, 2] - 1.0)

    def distances(self, sim: Fields) -> np.ndarray:
        return np.minimum(LENGTH - sim.memory.begin, sim.memory.pace * self.episode_steps * sim.dt)

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        at_end = on_last_step(sim, self.episode_steps)
        place = self.place_along(sim)
        passed = {
            f"{what}_{name}": at_end & (place > edge)
            for name, section in SECTIONS.items()
            for what, edge in (("reached", section.start), ("passed", section.end))
        }
        share = np.clip(place / LENGTH, 0.0, 1.0)
        return super().track(sim, action, now, before) | passed | {"course": at_end * share}

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        sections = {
            f"section_{name}_share": float(episodes[f"passed_{name}"].sum() / episodes[f"reached_{name}"].sum())
            for name in SECTIONS
        }
        return super().metrics(episodes) | {
            "course_share": float(np.mean(episodes["course"])),  # of the way, at the end
            "finished_rate": float(np.mean(episodes[f"passed_{list(SECTIONS)[-1]}"])),
            **sections,
        }
