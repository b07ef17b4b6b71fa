"""PickAndPlace: an arm brings a cube, or things of other shapes, to a goal in the air."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import mujoco
import numpy as np

from envs.mirror import SignedPermutation
from envs.robots.arm import between
from envs.robots.carry import CUBE_POSITION, Carry, half_turns
from envs.robots.shapes import KINDS, Shapes
from envs.simulation import Fields
from envs.sources import Source, angle_in_body, field_of_data
from envs.task import Measured


@dataclass(frozen=True)
class PickAndPlace(Carry):
    """Bring a cube from anywhere in the arm's reach to a goal in the air, shown by a ball, and hold it there."""

    goal_height: tuple[float, float] = (0.08, 0.25)  # m above the table, lowest and highest goal
    objects: Literal["cube", "shapes"] = "cube"  # the same cube, or cubes, boxes, cylinders, capsules and spheres
    held_out: bool = False  # whether shapes are of the sizes that are kept for evaluations

    model = "cube.xml"
    memory: ClassVar = {
        "kind": 1,  # of the shape, a place in KINDS
        "half": 3,  # m, its half extents
        "mass": 1,  # kg
    }
    evaluation: ClassVar = {"held_out": True}
    shown: ClassVar = evaluation

    def model_spec(self) -> mujoco.MjSpec:
        spec = super().model_spec()
        if self.objects == "shapes":  # what is round would roll on for ever
            spec.geom("cube").condim = 6
            spec.geom("cube").friction[2] = 0.002  # m, of rolling
        return spec

    def half_height(self, sim: Fields) -> np.ndarray | float:
        return super().half_height(sim) if self.objects == "cube" else sim.memory.half[:, 2]

    def to_goal(self, sim: Fields) -> np.ndarray:
        return sim.mocap_pos[:, 0] - sim.qpos[:, CUBE_POSITION]

    def goal_source(self, sim: Fields) -> Source:
        return field_of_data("mocap_pos", range(3))

    def observe(self, sim: Fields, now: Measured) -> dict[str, np.ndarray]:
        seen = super().observe(sim, now)
        if self.objects == "shapes":
            cube = sim.xmat[:, sim.body("cube")].reshape(-1, 3, 3)
            seen["half_turn"] = half_turns(now.rotation, cube)  # cosine and sine of twice the angle in the hand
            seen["half"] = 20.0 * sim.memory.half  # 5 cm
            seen["kind"] = self._one_of_kinds(sim)
        return seen

    def _one_of_kinds(self, sim: Fields) -> np.ndarray:
        """Return 1 for each shape's own kind and 0 for the others (N, 5)."""
        return (sim.memory.kind[:, None] == np.arange(len(KINDS))) * 1.0

    def observation_sources(self, sim: Fields) -> dict[str, Source]:
        sources = super().observation_sources(sim)
        if self.objects == "shapes":
            sources["half_turn"] = angle_in_body("cube", "grip", 2)
            for name, values in (("half", 20.0 * sim.memory.half[0]), ("kind", self._one_of_kinds(sim)[0])):
                # These do not change in an episode.
                sources[name] = field_of_data("qpos", range(len(values)), scale=0.0, offset=tuple(values.tolist()))
        return sources

    def place(self, sim: Fields, rngs: list[np.random.Generator], seeds: list[int]) -> None:
        super().place(sim, rngs, seeds)
        if self.objects == "shapes":
            shapes = Shapes.drawn(np.array([rng.random(5) for rng in rngs]), self.held_out)
            sim.memory.kind, sim.memory.half, sim.memory.mass = shapes
            sim.qpos[:, CUBE_POSITION.stop - 1] = shapes.half[:, 2]

    def place_goals(self, sim: Fields, cube: np.ndarray, goal: np.ndarray) -> None:
        sim.mocap_pos[:, 0] = self.somewhere(self.goal_places(cube, goal), between(goal[:, 2], self.goal_height))

    def goal_places(self, cube: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return draws (E, 2) of the places of the goals, from those of the cubes (E, 2) and their own (E, 3)."""
        return goal[:, :2]

    def physics(self, sim: Fields) -> dict[str, np.ndarray]:
        if self.objects == "cube":
            return {}
        shapes = Shapes(sim.memory.kind.astype(int), sim.memory.half, sim.memory.mass)
        return shapes.fields(sim.model, sim.model.geom("cube").id, sim.body("cube"))

    def mirrored_things(self) -> dict[str, SignedPermutation]:
        things = super().mirrored_things()
        if self.objects == "shapes":
            things |= {
                "half_turn": SignedPermutation.in_place(1, -1),
                "half": SignedPermutation.in_place(1, 1, 1),
                "kind": SignedPermutation.in_place(*[1] * len(KINDS)),
            }
        return things
