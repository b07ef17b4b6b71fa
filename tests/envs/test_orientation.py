import mujoco
import numpy as np

from envs.orientation import body_frame, cross, quaternion_about_z, to_world


def test_sees_the_world_as_mujocos_rotation_matrix_does():
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(20, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    velocities = rng.normal(size=(20, 3))
    ups, seen = body_frame(quaternions, velocities)
    for quaternion, velocity, up, own in zip(quaternions, velocities, ups, seen, strict=True):
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, quaternion)
        world_to_body = matrix.reshape(3, 3).T
        np.testing.assert_allclose(own, world_to_body @ velocity, atol=1e-12)
        np.testing.assert_allclose(up, world_to_body @ [0, 0, 1], atol=1e-12)


def test_turns_what_is_fixed_to_a_body_as_mujoco_does():
    rng = np.random.default_rng(1)
    quaternions = rng.normal(size=(20, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    fixed = np.array([0.3, -2.0, 1.0])
    turned = np.empty((20, 3))
    for quaternion, row in zip(quaternions, turned, strict=True):
        mujoco.mju_rotVecQuat(row, fixed, quaternion)
    np.testing.assert_allclose(to_world(quaternions, fixed), turned, atol=1e-12)


def test_turns_to_the_left():
    quarter = quaternion_about_z(np.array([np.pi / 2]))
    _, seen = body_frame(quarter, np.array([[0.0, 1.0, 0.0]]))  # what goes to the world's left goes ahead
    np.testing.assert_allclose(seen, [[1.0, 0.0, 0.0]], atol=1e-12)


def test_cross_products_are_numpys_to_the_last_bit():
    a, b = np.random.default_rng(2).normal(size=(2, 20, 3))
    np.testing.assert_array_equal(cross(a, b), np.cross(a, b))
    np.testing.assert_array_equal(cross(a, b[0]), np.cross(a, b[0]))
