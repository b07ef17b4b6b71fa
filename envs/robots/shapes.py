"""Things to grasp: cubes, boxes, cylinders, capsules and spheres of many sizes, drawn robot by robot."""

from typing import NamedTuple

import mujoco
import numpy as np

KINDS = ("cube", "box", "cylinder", "capsule", "sphere")  # cylinders stand, capsules lie along x
GEOMS = np.array(
    [getattr(mujoco.mjtGeom, f"mjGEOM_{name}").value for name in ("BOX", "BOX", "CYLINDER", "CAPSULE", "SPHERE")]
)
# The mean square of x, y and z in a solid shape, in units of its half extents squared; of a capsule nearly so.
SPREAD = np.array([[1 / 3] * 3, [1 / 3] * 3, [1 / 4, 1 / 4, 1 / 3], [0.25, 0.23, 0.23], [1 / 5] * 3])
LEAST, STRIPE, STRIPES = 0.03, 0.005, 3  # m, least size; width of a stripe of sizes; stripes of either sort
LIGHTEST, HEAVIEST = 0.02, 0.3  # kg
ALONG_X = np.array([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])  # the turn of a geom's axis z to the body's x


class Shapes(NamedTuple):
    """The shapes of E things, one each."""

    kind: np.ndarray  # (E,) places in KINDS
    half: np.ndarray  # (E, 3) half extents along x, y and z, in m
    mass: np.ndarray  # (E,) in kg

    @classmethod
    def drawn(cls, draws: np.ndarray, held_out: bool) -> "Shapes":
        """Return shapes of 3 to 6 cm and 20 to 300 g.

        Sizes lie in stripes of 5 mm, every second one held out: with three sizes to a box, so are proportions.

        Args:
            draws: (E, 5) between 0 and 1: of kind, three sizes and mass.
            held_out: whether sizes are of the stripes held out, or of the others.
        """
        kind = np.minimum(draws[:, 0] * len(KINDS), len(KINDS) - 1).astype(int)
        stripe, within = np.divmod(draws[:, 1:4] * STRIPES, 1.0)
        half = (LEAST + STRIPE * (2 * stripe + held_out + within)) / 2
        name = np.array(KINDS)[kind]
        half[name == "cylinder", 1] = half[name == "cylinder", 0]
        short, long = np.sort(half[:, :2]).T
        half = np.where((name == "capsule")[:, None], np.column_stack([long, short, short]), half)
        half = np.where(np.isin(name, ["cube", "sphere"])[:, None], half[:, :1], half)
        return cls(kind, half, LIGHTEST * (HEAVIEST / LIGHTEST) ** draws[:, 4])

    def fields(self, model: mujoco.MjModel, geom: int, body: int) -> dict[str, np.ndarray]:
        """Return the fields of the model (E, ...) that give a body of one geom these shapes."""
        names = ("geom_type", "geom_size", "geom_quat", "body_mass", "body_inertia")
        fields = {name: np.repeat(getattr(model, name)[None], len(self.kind), axis=0) for name in names}
        capsule, cylinder = (self.kind == KINDS.index(name) for name in ("capsule", "cylinder"))
        x, y, z = self.half.T
        # MuJoCo's sizes: of a cylinder radius and half length, of a capsule those of its cylinder.
        second = np.select([capsule, cylinder], [x - y, z], y)
        fields["geom_type"][:, geom] = GEOMS[self.kind]
        fields["geom_size"][:, geom] = np.column_stack([np.where(capsule, y, x), second, z])
        fields["geom_quat"][capsule, geom] = ALONG_X
        fields["body_mass"][:, body] = self.mass
        spread = SPREAD[self.kind] * np.square(self.half)
        fields["body_inertia"][:, body] = self.mass[:, None] * (spread.sum(axis=1, keepdims=True) - spread)
        return fields
