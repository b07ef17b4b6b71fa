import mujoco
import numpy as np
import pytest

import envs
from envs.robots.shapes import KINDS, Shapes
from tests.envs.robots.arm_geometry import assert_mirrored_lives, reflect
from tests.envs.robots.test_carry import lift

CUBE, BOX, CYLINDER, CAPSULE, SPHERE = range(5)


def drawn(held_out, count=20_000):
    return Shapes.drawn(np.random.default_rng(0).random((count, 5)), held_out)


def shapes_env(robots, **fields):
    env = envs.make_vec("Grasp", robots, seed=3, objects="shapes", **fields)
    env.reset()
    return env


@pytest.mark.parametrize("held_out", [False, True])
def test_sizes_lie_in_stripes_of_which_every_second_one_is_held_out(held_out):
    shapes = drawn(held_out)
    size = 2000 * shapes.half  # mm
    assert (np.floor((size - 30) / 5) % 2 == held_out).all()
    low, high = (35, 60) if held_out else (30, 55)
    assert low <= size.min() < low + 0.1 < high - 0.1 < size.max() < high
    assert 0.02 <= shapes.mass.min() < 0.0205 < 0.295 < shapes.mass.max() <= 0.3
    np.testing.assert_allclose(np.bincount(shapes.kind) / 20_000, 0.2, atol=0.02)


def test_each_kind_has_the_extents_of_its_shape():
    shapes = drawn(held_out=False)
    x, y, z = shapes.half.T
    for kind, alike in ((CUBE, (x == y) & (y == z)), (SPHERE, (x == y) & (y == z)), (CYLINDER, x == y)):
        assert alike[shapes.kind == kind].all()
    capsule = shapes.kind == CAPSULE
    assert (y == z)[capsule].all()
    assert (x >= y)[capsule].all()
    assert ((x != y) & (y != z) & (x != z))[shapes.kind == BOX].all()
    assert (x != z)[shapes.kind == CYLINDER].any()


@pytest.mark.parametrize(
    ("kind", "half", "geom", "tolerance"),
    [
        (CUBE, (0.02, 0.02, 0.02), 'type="box" size="0.02 0.02 0.02"', 1e-9),
        (BOX, (0.02, 0.015, 0.03), 'type="box" size="0.02 0.015 0.03"', 1e-9),
        (CYLINDER, (0.02, 0.02, 0.03), 'type="cylinder" size="0.02 0.03"', 1e-9),
        (CAPSULE, (0.03, 0.02, 0.02), 'type="capsule" size="0.02 0.01" zaxis="1 0 0"', 0.1),  # nearly
        (SPHERE, (0.02, 0.02, 0.02), 'type="sphere" size="0.02"', 1e-9),
    ],
)
def test_a_shape_is_what_mujoco_makes_of_its_geom(kind, half, geom, tolerance):
    body = f'<body><freejoint/><geom {geom} mass="0.1"/></body>'
    xml = f"<mujoco><worldbody>{body}</worldbody></mujoco>"
    theirs = mujoco.MjModel.from_xml_string(xml)
    plain = mujoco.MjModel.from_xml_string(xml.replace(geom, 'type="box" size="0.02 0.02 0.02"'))
    fields = Shapes(np.array([kind]), np.array([half]), np.array([0.1])).fields(plain, 0, 1)
    assert fields["geom_type"][0, 0] == theirs.geom_type[0]
    used = {"box": 3, "cylinder": 2, "capsule": 2, "sphere": 1}[geom.split('"')[1]]
    np.testing.assert_allclose(fields["geom_size"][0, 0, :used], theirs.geom_size[0, :used])
    assert fields["body_mass"][0, 1] == theirs.body_mass[1]
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, theirs.body_iquat[1])
    along = np.abs(turn.reshape(3, 3)) @ theirs.body_inertia[1]  # its own axes are the body's, in some order
    np.testing.assert_allclose(fields["body_inertia"][0, 1], along, rtol=tolerance)
    axes = [np.zeros(9), np.zeros(9)]
    mujoco.mju_quat2Mat(axes[0], fields["geom_quat"][0, 0])
    mujoco.mju_quat2Mat(axes[1], theirs.geom_quat[0])
    np.testing.assert_allclose(axes[0][2::3], axes[1][2::3], atol=1e-9)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_scripted_grasp_holds_every_shape(held_out):
    env = shapes_env(64, goal_aside=0.0, held_out=held_out)
    sim = env.world.sim
    assert set(sim.memory.kind) == set(range(len(KINDS)))
    np.testing.assert_array_equal(sim.qpos[:, 9], sim.memory.half[:, 2])  # on the table
    assert all(info["is_success"] for info in lift(env))


def test_a_policy_sees_what_it_is_to_grasp():
    env = shapes_env(16)
    observations, sim = env.reset(), env.world.sim
    names = env.world.observation_names
    half = observations[:, [names.index(f"half[{i}]") for i in range(3)]]
    kind = observations[:, [names.index(f"kind[{i}]") for i in range(5)]]
    turn = observations[:, [names.index(f"half_turn[{i}]") for i in range(2)]]
    np.testing.assert_allclose(half, 20 * sim.memory.half, rtol=1e-6)
    np.testing.assert_array_equal(kind.argmax(axis=1), sim.memory.kind)
    angle = 2 * np.arctan2(sim.qpos[:, 13], sim.qpos[:, 10])
    hand = sim.qpos[:, 0] + sim.qpos[:, 4]  # the hand points down, but for the noise at home
    np.testing.assert_allclose(turn, np.stack([np.cos(2 * (angle - hand)), np.sin(2 * (angle - hand))], 1), atol=0.1)


def test_a_state_brings_the_shapes_back():
    env, other = shapes_env(4), shapes_env(4)
    other.seed(90)
    other.reset()
    other.world.set_state(env.world.get_state())
    for name in ("geom_type", "geom_size", "geom_quat", "body_mass", "body_inertia"):
        np.testing.assert_array_equal(env.world.batch.expand(name), other.world.batch.expand(name))


def test_the_mirror_image_of_an_arm_with_a_shape_lives_the_mirror_image_of_its_life():
    env = shapes_env(10)
    sim, one, two = env.world.sim, slice(0, 5), slice(5, 10)
    reflect(sim, one, two)
    sim.userdata[two] = sim.userdata[one]
    sim.individualise(np.arange(10), env.task.physics(sim))
    # The engine's contacts of round shapes are not symmetric to the last bit.
    assert_mirrored_lives(env, one, two, 20, tolerance=2e-3)
