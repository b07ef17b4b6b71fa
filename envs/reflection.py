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

        The first joint may be free; the others must be hinges and slides, and every motor must drive one of these.
        """
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        free = int(model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE)
        kinds, places = model.jnt_type[free:], model.jnt_bodyid[free:]
        motors = model.actuator_trnid[:, 0] - free
        if not np.isin(kinds, [mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE]).all() or (motors < 0).any():
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
        controls = partners(order[motors][:, None] == motors)
        if controls is None:
            return None

        joints = SignedPermutation(order, np.sign(cosines[np.arange(len(order)), order]))
        trunk = [SignedPermutation.in_place(*signs) for signs in (FREE_POSITION, FREE_VELOCITY)]
        return cls(
            positions=SignedPermutation.joined([*trunk[:1] * free, joints]),
            velocities=SignedPermutation.joined([*trunk[1:] * free, joints]),
            controls=SignedPermutation(controls, joints.sign[motors]),
            bodies=bodies,
        )

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
