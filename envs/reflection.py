"""A robot's left and right, found in its model: the counterpart of each body and joint beyond the plane y = 0."""

from typing import NamedTuple, Self

import mujoco
import numpy as np

from envs.mirror import SignedPermutation

VECTOR = np.array([1.0, -1.0, 1.0])  # a position, a velocity or a force: its y changes sign
ROTATION = -VECTOR  # an axis, an angular velocity or a torque: its x and z change sign
SPATIAL = np.array([*ROTATION, *VECTOR])  # MuJoCo's pairs: rotation first
INERTIA = np.array([1.0, 1.0, 1.0, -1.0, 1.0, -1.0, *VECTOR, 1.0])  # a row of MuJoCo's `cinert`
FREE_POSITION = np.array([*VECTOR, 1.0, *ROTATION])  # with a quaternion
FREE_VELOCITY = np.array([*VECTOR, *ROTATION])

NEAR = 1e-3  # m between positions; for axes, one minus the cosine between them


class Reflection(NamedTuple):
    """The reflection of a robot at the plane y = 0, in the numbers that MuJoCo keeps of it."""

    positions: SignedPermutation  # qpos
    velocities: SignedPermutation  # qvel, and forces along the same coordinates
    controls: SignedPermutation  # ctrl
    bodies: np.ndarray  # (nbody,) the body on the other side

    @classmethod
    def of(cls, model: mujoco.MjModel) -> Self | None:
        """Find the reflection in a model; None where the robot in its first posture is not its own mirror image.

        The first joint may be free; the others must be hinges and slides. An actuator's counterpart is the one whose
        forces on the joints are the mirror image of its own: every actuator must exert some in the first posture.
        """
        data = mujoco.MjData(model)
        mujoco.mj_fwdPosition(model, data)
        free = int(model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE)
        kinds, places = model.jnt_type[free:], model.jnt_bodyid[free:]
        if not np.isin(kinds, [mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE]).all():
            return None

        centres = data.xipos[1:]  # without the world, whose centre may coincide with a body's
        others = partners(np.linalg.norm(centres[:, None] * VECTOR - centres, axis=2) < NEAR)
        if others is None:
            return None
        bodies = np.array([0, *(others + 1)])
        axes = data.xaxis[free:]
        signs = np.where(kinds[:, None] == mujoco.mjtJoint.mjJNT_HINGE, ROTATION, VECTOR)
        cosines = (signs * axes) @ axes.T
        order = partners((bodies[places][:, None] == places) & (np.abs(cosines) > 1 - NEAR))
        if order is None:
            return None
        joints = _signed(order, cosines)
        trunk = [SignedPermutation.in_place(*signs) for signs in (FREE_POSITION, FREE_VELOCITY)]
        positions, velocities = (SignedPermutation.joined([part] * free + [joints]) for part in trunk)

        moments = _moments(model, data)
        sizes = np.linalg.norm(moments, axis=1, keepdims=True)
        if not sizes.all():
            return None
        directions = moments / sizes
        cosines = velocities.sign * directions[:, velocities.order] @ directions.T
        controls = partners(np.abs(cosines) > 1 - NEAR)
        if controls is None:
            return None
        return cls(positions, velocities, _signed(controls, cosines), bodies)

    def of_each_body(self, signs: np.ndarray) -> SignedPermutation:
        """Return the mirror image of numbers of each body but the world, one body after the other.

        Args:
            signs: the signs for a body that is its own mirror image, such as SPATIAL.
        """
        order = (self.bodies[1:, None] - 1) * len(signs) + np.arange(len(signs))
        return SignedPermutation(order.ravel(), np.tile(signs, len(order)))


def partners(match: np.ndarray) -> np.ndarray | None:
    """Return the column (n,) that matches each row of a square table; None unless each row and column has one match."""
    return match.argmax(axis=1) if (match.sum(axis=1) == 1).all() and (match.sum(axis=0) == 1).all() else None


def _signed(order: np.ndarray, cosines: np.ndarray) -> SignedPermutation:
    """Return a permutation with the signs of the table's entries that it selects, one in each row."""
    return SignedPermutation(order, np.sign(cosines[np.arange(len(order)), order]))


def _moments(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the generalised forces (nu, nv) of each actuator per unit of its own force."""
    moments = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(moments, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    return moments
