import mujoco
import numpy as np
import pytest

import envs
from envs.robots.rough_terrain import SCAN, RoughTerrain
from envs.world import World

TASK = RoughTerrain(difficulties=(0.0, 0.5, 1.0), push_speed=0.0)


@pytest.fixture(scope="module")
def world():
    return World(TASK, 6, 1)


def begin(world, seed=0):
    world.reset(np.arange(world.num_robots), [seed + i for i in range(world.num_robots)])
    return world


def stand(world, steps):
    for _ in range(steps):
        world.step(np.zeros((world.num_robots, 12), np.float32))


def test_sees_the_ground_around_it_by_rays(world):
    begin(world)
    stand(world, 5)
    sim, model = world.sim, world.model
    height, scan = world.observations[:, 50], world.observations[:, 51:]
    assert scan.shape == (6, 14)
    for i in range(6):
        data = mujoco.MjData(model)
        world.batch.get_data(i, data)
        mujoco.mj_kinematics(model, data)
        matrix = data.body("trunk").xmat.reshape(3, 3)
        heading = np.arctan2(matrix[1, 0], matrix[0, 0])
        turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])

        def ground(x, y, model=model, data=data):
            groups, geom = np.array([1, 0, 0, 0, 0, 0], np.uint8), np.zeros(1, np.int32)
            return 9.0 - mujoco.mj_ray(model, data, [x, y, 9.0], [0, 0, -1.0], groups, 1, -1, geom)

        here = ground(*sim.qpos[i, :2])
        assert height[i] == pytest.approx(sim.qpos[i, 2] - here, abs=1e-6)
        for (x, y), seen in zip(SCAN @ turn.T + sim.qpos[i, :2], scan[i], strict=True):
            assert seen == pytest.approx(np.clip(ground(x, y) - here, -1, 1), abs=0.03 + 1e-6)


def test_each_ray_keeps_its_error_for_an_episode():
    flat = RoughTerrain(difficulties=(0.0,))
    world = World(flat, 40, 1)
    begin(world)
    first = world.observations[:, 51:]
    assert 0.02 < np.abs(first).max() <= 0.03  # m
    assert np.abs(np.corrcoef(first.T) - np.eye(14)).max() < 0.7
    stand(world, 5)
    np.testing.assert_allclose(world.observations[:, 51:], first, atol=1e-9)
    exact = World(RoughTerrain(difficulties=(0.0,), scan_error=0.0), 2, 1)
    begin(exact)
    np.testing.assert_allclose(exact.observations[:, 51:], 0.0, atol=1e-9)


def test_begins_on_the_ground_of_one_of_the_first_fields_in_its_middle(world):
    begin(world)
    sim = world.sim
    level = sim.memory.level
    assert set(level) <= {0, 1, 2}
    assert np.abs(sim.qpos[:, 0] - 28.0 * (level - 1)).max() <= 3.0
    assert np.abs(sim.qpos[:, 1]).max() <= 3.0
    np.testing.assert_allclose(sim.qpos[level == 0, 2], 0.29)
    assert (sim.qpos[:, 2] >= 0.29 + TASK.terrain.at(sim.qpos[:, 0], sim.qpos[:, 1])).all()


def test_goes_on_to_where_its_success_leads():
    world = begin(World(TASK, 6, 1))
    memory = world.sim.memory
    #           was told to stand, did well, neither, did badly, badly on the first, well on the last
    memory.level = [0, 1, 1, 1, 0, 2]
    memory.commanded = [0.5, 5, 5, 5, 5, 5]
    memory.covered = [0, 3.6, 3, 1.9, 1, 4.9]
    world.reset(np.arange(6))
    np.testing.assert_array_equal(memory.level[:5], [0, 2, 1, 0, 0])
    assert 0 <= memory.level[5] <= 2
    np.testing.assert_allclose(world.sim.qpos[:5, 0], [-28, 28, 0, -28, -28], atol=3.0)
    stand(world, 20)
    assert (world.episodes.elapsed == 20).all()  # none has fallen at once


def test_remembers_nothing_after_a_reset_with_a_seed():
    world = begin(World(TASK, 6, 1))
    fresh = world.sim.userdata.copy()
    world.sim.memory.level, world.sim.memory.commanded, world.sim.memory.covered = 1, 5, 5
    begin(world)
    np.testing.assert_array_equal(world.sim.userdata, fresh)


def test_a_fall_costs_once_what_no_other_term_can_make_up_for():
    world = begin(World(RoughTerrain(difficulties=(0.0,), push_speed=0.0, fall_weight=7.0), 2, 1))
    stand(world, 20)
    world.sim.qpos[1, 3:7] = [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]  # on its side
    step = world.step(np.zeros((2, 12), np.float32))
    np.testing.assert_array_equal(step.terminated, [False, True])
    np.testing.assert_array_equal(step.terms["fall"], [0.0, -7.0])
    rest = sum(term for name, term in step.terms.items() if name != "fall")
    np.testing.assert_allclose(step.rewards, np.maximum(rest, 0.0) + step.terms["fall"])


def test_what_is_covered_is_the_way_along_the_command():
    world = begin(World(RoughTerrain(difficulties=(0.0,), push_speed=0.0), 6, 1))
    sim = world.sim
    sim.memory.commands = np.tile([0.6, 0.0, 0.0], 8)
    sim.qvel[:, :3] = 0.0
    stand(world, 30)
    start = sim.qpos[:, :2].copy()
    w, _, _, z = sim.qpos[:, 3:7].T
    heading = np.stack([1 - 2 * z * z, 2 * w * z], axis=1)
    sim.qvel[:, :2] = 0.5 * heading
    covered = sim.memory.covered.copy()
    stand(world, 2)
    moved = ((sim.qpos[:, :2] - start) * heading).sum(axis=1)
    assert (sim.memory.covered - covered > 0.5 * 0.02 * 0.9).all()
    assert (moved > 0.0).all()


def test_the_distance_commanded_is_that_of_a_whole_episode(world):
    begin(world)
    sim = world.sim
    sim.memory.switches[0] = [0, 2, 5, 11, 12, 13, 14, 15]
    sim.memory.commands[0] = np.ravel([[0.3, 0.4, 0.9]] * 1 + [[0, 0, 1]] * 1 + [[-1, 0, 0]] * 6)
    assert TASK.distances(sim)[0] == pytest.approx(0.5 * 2 + 0 * 3 + 1.0 * 5)


def test_share_of_the_distance_counts_what_a_fall_left_undone():
    episodes = {
        "covered": np.array([4.0, 12.0, -1.0]),
        "commanded": np.array([10.0, 8.0, 2.0]),
        "settled": np.ones(3),
        "linear_error": np.zeros(3),
        "angular_error": np.zeros(3),
        "terminated": np.array([True, False, True]),
        "seconds": np.ones(3),
    }
    metrics = TASK.metrics(episodes)
    assert metrics["distance_share"] == pytest.approx((4 + 8 + 0) / 20)
    assert metrics["fall_rate"] == pytest.approx(2 / 3)


def test_it_is_evaluated_on_ground_it_was_not_trained_on():
    trained, tested = RoughTerrain(), RoughTerrain(**RoughTerrain.evaluation)
    hardest = np.split(trained.terrain.heights, len(trained.difficulties), axis=1)[-1]
    assert hardest.shape == tested.terrain.heights.shape
    assert (hardest != tested.terrain.heights).mean() > 0.5


def test_the_mirror_image_of_a_scan_is_seen_by_the_mirrored_robot(world):
    order, sign = world.mirror.observation
    assert sorted(order) == list(range(65))
    np.testing.assert_allclose(SCAN[order[51:] - 51], SCAN * [1, -1], atol=1e-12)
    np.testing.assert_array_equal(sign[50:], 1)
    assert order[50] == 50


def test_batched_and_single_robots_live_the_same_life():
    fields = {"difficulties": (0.5,)}
    batch = envs.make_vec("RoughTerrain", 2, seed=5, num_threads=2, **fields)
    env = envs.make_vec("RoughTerrain", 1, seed=6, num_threads=1, **fields)
    np.testing.assert_array_equal(batch.reset()[1], env.reset()[0])
    for actions in np.random.default_rng(1).uniform(-0.2, 0.2, (60, 2, 12)).astype(np.float32):
        observations, rewards, _, _ = batch.step(actions)
        observation, reward, _, _ = env.step(actions[1:])
        np.testing.assert_array_equal(observations[1], observation[0])
        assert rewards[1] == reward[0]
