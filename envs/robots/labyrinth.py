"""Labyrinth: a robot in a maze that it has never seen looks for apples and for the goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import mujoco
import numpy as np
from annotated_types import Ge, Interval
from gymnasium import spaces

from envs.arguments import Count, NotNegative, Positive, Share
from envs.robots.maze_courses import THICKNESS, MazeCourse, Rules, guide, maze_course
from envs.robots.mazes import borders, cells_at
from envs.robots.sight import SEEN, Seen, look, picture
from envs.simulation import Fields
from envs.task import Measured, Task, Trial, norm

EYE = 0.25  # m, height of the robot's middle, of the apples' and of the goal's
WALL = 0.5  # m, height of walls
ROBOT, APPLE, GOAL = 0.2, 0.12, 0.25  # m, radii: what the robot touches it has found
EATEN = -10.0  # m, height of an apple that was eaten, out of all sight
GREY = 0.4  # RGB that is 0 in an observation: about the mean of what is seen
GROUND = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # the geom group of the floor, which cameras see, too
IMAGE = 84  # pixels along a side of the camera's image, as in the paper
SEEDS = 2**53  # of courses: whole numbers that a float64 holds

MOST_CELLS = 15  # along a side
Cells = Annotated[int, Interval(ge=3, le=MOST_CELLS)]
FIGURES = ("apples_mean", "goals_mean", "found_share", "first_find_seconds", "later_find_seconds")  # of each trial

# RGB. Inner walls have each the next of these colours, and a maze has them in random places.
PAINT = np.array(
    [
        *((0.12, 0.47, 0.90), (1.00, 0.75, 0.05), (0.55, 0.20, 0.75), (0.05, 0.75, 0.75)),
        *((0.95, 0.45, 0.10), (0.95, 0.55, 0.80), (0.55, 0.35, 0.15), (0.95, 0.95, 0.95)),
    ]
)
# RGB of the walls around a maze, left, right, near and far, in all mazes: a compass.
COMPASS = np.array([(0.25, 0.25, 0.30), (0.70, 0.70, 0.72), (0.10, 0.15, 0.50), (0.45, 0.50, 0.10)])

# Ahead, to the left and turning left, as shares of the greatest speeds.
CHOICES = np.array([(1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0)], float)


@dataclass(frozen=True)
class Labyrinth(Task):
    """Find apples and the goal in a maze, as often as possible in 60 s (Mnih et al. 2016, section 5.2.4).

    Each episode has a maze of its own. A robot that touches the goal is set down at a random place of the same maze, in
    which the apples are back: with the way in its memory it finds the goal again at once. It sees in the first person,
    by a line of rays that tell the distance and the colour of what they meet; it also observes its speeds and whether
    its last step found something. Its critic knows in training the way to the goal, and where apples are left.
    """

    # Rewards
    apple_reward: float = 1.0  # for each apple
    goal_reward: float = 10.0  # for each find of the goal

    # Maze
    layout: Literal["random", "i-maze"] = "random"  # a new maze in each episode, or the same I of 5 x 5 cells
    cells: Cells = 5  # cells of 1 m along a side of a random maze
    loops: Share = 0.2  # share of a random maze's inner walls that is removed: each makes a loop
    apples: Annotated[int, Ge(0)] = 4  # apples in a maze; fewer where there are not enough cells
    goal_moves: bool = False  # whether the goal is somewhere else after each find

    # Robot
    rays: Annotated[int, Interval(ge=2, le=512)] = 24  # rays of its sight
    view: Annotated[float, Interval(ge=10, le=360)] = 120.0  # degrees from the left edge of its sight to the right one
    sight_length: Positive = 2.0  # m, distance at which the nearness that a ray tells falls to 1/e
    sight: Literal["rays", "camera"] = "rays"  # the line of rays, or instead of all observations an image of 84 x 84
    max_speed: NotNegative = 2.0  # m/s ahead
    max_sideways: NotNegative = 1.0  # m/s to either side, and backwards
    max_turning: NotNegative = np.pi  # rad/s
    discrete_actions: bool = False  # one of six actions, each at full speed: ahead, back, turn and move left and right

    episode_steps: Count = 300  # steps of 0.2 s after which an episode is truncated

    model = "labyrinth.xml"
    control_dt = 0.2  # s
    trail = True
    memory: ClassVar = {
        "course": 1,  # seed of the episode's maze and of all places in it
        "finds": 1,  # of the goal so far; the last step's is counted in the next one
        "steered": 1,  # whether a user's commands replace the actions
        "speeds": 3,  # m/s ahead, m/s to the left, rad/s to the left: the user's commands
    }

    def __post_init__(self) -> None:
        if self.sight == "camera" and not self.view < 180.0:
            raise ValueError(f"view must be below 180 degrees for a camera, got {self.view:g}")
        for name in ("cells", "loops"):  # an attribute of the class is a field's default
            if self.layout == "i-maze" and getattr(self, name) != getattr(type(self), name):
                raise ValueError(f"{name} has no effect with layout i-maze, got {getattr(self, name)}: leave it out")

    @property
    def commands(self) -> Mapping[str, tuple[float, float]]:
        return {
            "ahead (m/s)": (-self.max_sideways, self.max_speed),
            "left (m/s)": (-self.max_sideways, self.max_sideways),
            "turn left (rad/s)": (-self.max_turning, self.max_turning),
        }

    @property
    def trials(self) -> Mapping[str, Trial]:  # type: ignore[override]
        larger = {"larger": Trial({"cells": self.cells + 2}, FIGURES)}
        could_be = self.layout == "random" and self.cells + 2 <= MOST_CELLS
        return {
            "moved": Trial({"goal_moves": True}, FIGURES),
            "forgetful": Trial({}, FIGURES, forget_at="found"),
            **(larger if could_be else {}),
        }

    @property
    def rules(self) -> Rules:
        """How mazes are drawn."""
        return Rules(self.layout, self.cells, self.loops, self.apples, self.goal_moves)

    def camera_settings(self) -> Mapping[str, Any]:
        above = {"lookat": (0.0, 0.0, 0.0), "azimuth": 90.0, "elevation": -90.0}
        return {"trackbodyid": 0, "distance": 1.9 * self.rules.side + 0.5, **above}

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        if self.sight == "camera":
            spec.camera("eyes").fovy = self.view  # the image is as high as wide
        world, rules = spec.worldbody, self.rules

        def wall(name: str, centre: np.ndarray, half: np.ndarray, paint: np.ndarray) -> None:
            world.add_geom(
                spec.find_default("wall"),
                name=name,
                pos=(*centre, WALL / 2),
                size=(*half, WALL / 2),
                rgba=(*paint, 1.0),
            )

        around = borders(rules.side, THICKNESS)
        for k, border in enumerate(zip(*around, COMPASS, strict=True)):
            wall(f"border{k}", *border)
        inside = maze_course(0, rules)
        for k, (centre, half) in enumerate(zip(*inside.walls, strict=True)):
            wall(f"wall{k}", centre, half, PAINT[k % len(PAINT)])
        places = {"goal": inside.goals[0], **{f"apple{k}": place for k, place in enumerate(inside.apples)}}
        for name, place in places.items():  # the goal is the first of the mocap bodies
            body = world.add_body(name=name, pos=(*place, EYE), mocap=True)
            body.add_geom(spec.find_default(name.rstrip("0123456789")))
        return spec

    def observation_space(self, size: int) -> spaces.Box:
        if self.sight == "rays":
            return super().observation_space(size)
        return spaces.Box(0, 255, (IMAGE, IMAGE, 3), np.uint8)

    def action_space(self, model: mujoco.MjModel) -> spaces.Box | spaces.Discrete:
        return spaces.Discrete(len(CHOICES)) if self.discrete_actions else super().action_space(model)

    def apply(self, sim: Fields, action: np.ndarray) -> None:
        self.move_on(sim)
        shares = CHOICES[action] if self.discrete_actions else np.clip(action, -1.0, 1.0)
        speeds = shares * (self.max_speed, self.max_sideways, self.max_turning)
        backwards = shares[:, 0] < 0.0
        speeds[backwards, 0] = shares[backwards, 0] * self.max_sideways
        sim.ctrl[:] = np.where(sim.memory.steered[:, None] > 0.0, sim.memory.speeds, speeds)

    def move_on(self, sim: Fields) -> None:
        """Take away apples that were found in the last step; set down elsewhere the robots that found the goal."""
        found, eaten = self.touched(sim)
        sim.mocap_pos[:, 1:, 2][eaten] = EATEN
        for i in np.flatnonzero(found).tolist():
            sim.memory.finds[i] += 1.0
            self._begin(sim, i, int(sim.memory.finds[i]))

    def _begin(self, sim: Fields, i: int, finds: int) -> None:
        """Put robot i where it starts after so many finds, with all apples in their places and the goal in its own."""
        here = self._course(sim, i)
        k = finds % len(here.starts)
        sim.qpos[i], sim.qvel[i] = here.starts[k], 0.0
        sim.mocap_pos[i, 0, :2] = here.goals[k]
        sim.mocap_pos[i, 1:, :2] = here.apples
        sim.mocap_pos[i, :, 2] = EYE

    def _course(self, sim: Fields, i: int) -> MazeCourse:
        return maze_course(int(sim.memory.course[i]), self.rules)

    def touched(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return whether the robots touch the goal (N,), and which apples they touch (N, apples)."""
        apart = sim.mocap_pos - np.append(sim.qpos[:, :2], np.full((len(sim.qpos), 1), EYE), axis=1)[:, None]
        squared = np.vecdot(apart, apart)
        return squared[:, 0] < (ROBOT + GOAL) ** 2, squared[:, 1:] < (ROBOT + APPLE) ** 2

    def measure(self, sim: Fields) -> dict[str, np.ndarray]:
        found, eaten = self.touched(sim)
        return {"found": found, "eaten": np.count_nonzero(eaten, axis=1)}  # the goal or not, apples: in this step

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        if self.sight == "camera":
            return {"image": self._image(sim)}
        seen = self._seen(sim)
        speeds = in_frame(sim.qpos[:, 2], sim.qvel[:, None, :2])[:, 0]
        return {
            "nearness": np.exp(-seen.distances / self.sight_length),
            "colour": (seen.colours - GREY).reshape(len(speeds), -1),  # RGB of each ray
            "ahead": speeds[:, 0] / 2.0,  # in 2 m/s
            "left": speeds[:, 1],  # m/s
            "turning": sim.qvel[:, 2] / np.pi,  # in 180 degrees/s
            "found_something": (now.found | (now.eaten > 0)).astype(float),
            "found_goal": now.found.astype(float),
        }

    def privileged(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        if self.sight == "camera":
            return {}  # pictures are all of an observation
        here, apples = sim.qpos[:, :2], sim.mocap_pos[:, 1:]
        points, lengths = self._ways(sim)
        left = apples[:, :, 2] > 0.0
        places = np.concatenate([points[:, None], apples[:, :, :2]], axis=1) - here[:, None]
        places = in_frame(sim.qpos[:, 2], places)  # m, ahead and to the left
        return {
            "way": (norm(points - here) + lengths) / 5.0,  # in 5 m, to the goal
            "next_point": places[:, 0],  # m, on the way to the goal
            "apples": (places[:, 1:] * left[:, :, None]).reshape(len(here), -1),  # m, of those left
            "apples_left": left.astype(float),
        }

    def _ways(self, sim: Fields) -> tuple[np.ndarray, np.ndarray]:
        """Return the next points (N, 2) on the robots' ways to their goals, and the ways' lengths (N,) from there."""
        cells = cells_at(self.rules.side, sim.qpos[:, :2]).tolist()
        ways = [
            guide(int(seed), self.rules, end)
            for seed, end in zip(sim.memory.course.tolist(), self.goal_cells(sim), strict=True)
        ]
        points = np.array([way.points[cell] for way, cell in zip(ways, cells, strict=True)])
        return points, np.array([way.lengths[cell] for way, cell in zip(ways, cells, strict=True)])

    def goal_cells(self, sim: Fields) -> list[int]:
        """Return the numbers of the cells to which the robots should go."""
        return cells_at(self.rules.side, sim.mocap_pos[:, 0, :2]).tolist()

    def _seen(self, sim: Fields) -> Seen:
        eyes = np.full((len(sim.qpos), 3), EYE)
        eyes[:, :2] = sim.qpos[:, :2]
        return look(sim, eyes, sim.qpos[:, 2], self.rays, self.view)

    def _image(self, sim: Fields) -> np.ndarray:
        return sim.see("eyes", IMAGE, IMAGE, SEEN | GROUND)

    def first_person(self, sim: Fields) -> np.ndarray:
        return self._image(sim) if self.sight == "camera" else picture(self._seen(sim), EYE, WALL)

    def rewards(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        return {"apples": self.apple_reward * now.eaten, "goal": self.goal_reward * now.found}

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        sim.memory.course = [rng.integers(SEEDS) for rng in rngs]
        sim.memory.finds = sim.memory.steered = 0.0
        for i in range(len(rngs)):
            self._begin(sim, i, 0)

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        model, shape = sim.model, (len(sim.qpos), 1, 1)
        first = model.geom("border3").id + 1  # of the inner walls
        inner = slice(first, first + self.rules.walls)
        centres, sizes = np.tile(model.geom_pos, shape), np.tile(model.geom_size, shape)
        for i in range(len(sim.qpos)):
            centres[i, inner, :2], sizes[i, inner, :2] = self._course(sim, i).walls
        return {"geom_pos": centres, "geom_size": sizes}

    def set_commands(self, sim: Fields, commands: np.ndarray) -> None:
        sim.memory.steered, sim.memory.speeds = 1.0, commands

    def track(self, sim: Fields, action: np.ndarray, now: Measured, before: Measured) -> dict[str, np.ndarray]:
        first = sim.memory.finds == 0.0
        return {
            "apples": now.eaten,
            "goals": now.found,
            "found": now.found & first,
            "first_search": sim.dt * first,  # s until the first find, or the episode's end
            "later_search": sim.dt * ~first,  # s since then, all of which is a search for the next find
        }

    def metrics(self, episodes: Mapping[str, np.ndarray]) -> dict[str, float]:
        goals, found = episodes["goals"], episodes["found"]
        return {
            "apples_mean": float(np.mean(episodes["apples"])),  # in an episode
            "goals_mean": float(np.mean(goals)),  # in an episode
            "found_share": float(np.mean(found)),  # of episodes with a find
            # Searching time over finds: searches that an episode's end cuts off count, too.
            "first_find_seconds": float(episodes["first_search"].sum() / found.sum()),
            "later_find_seconds": float(episodes["later_search"].sum() / (goals - found).sum()),
        }


def in_frame(headings: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return vectors (N, k, 2) of the maze in the frames of robots with these headings (N,): ahead and to the left."""
    cos, sin = np.cos(headings)[:, None], np.sin(headings)[:, None]
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
