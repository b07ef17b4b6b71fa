"""MemoryMaze: the object that is told pays, all objects stay, and then another one is told."""

import numpy as np

import envs
from envs.robots.labyrinth import EATEN
from envs.robots.memory_maze import OBJECTS
from envs.task import Measured
from envs.world import World


def begin(robots=1, seed=0, **fields):
    world = World(envs.make_task("MemoryMaze", **fields), robots, 1)
    world.reset(np.arange(robots), [seed + i for i in range(robots)])
    return world


def paid(world):
    """What robots are paid where they are now."""
    now = Measured(**world.task.measure(world.sim))
    return world.task.total(world.task.rewards(world.sim, np.zeros((world.num_robots, 3)), now, now)).tolist()


def test_only_the_object_that_is_told_pays_and_then_another_one_is_told():
    world = begin(2)
    sim, objects = world.sim, world.sim.mocap_pos[:, 1:].copy()
    told_so_far = []
    for find in range(12):
        told = sim.memory.told.astype(int)
        told_so_far.append(told)
        seen = world.task.observe(sim, Measured(**world.task.measure(sim)))["told"]
        np.testing.assert_allclose(seen, OBJECTS[told] - 0.4)
        sim.qpos[0, :2] = objects[0, told[0], :2]
        sim.qpos[1, :2] = objects[1, (told[1] + 1) % 3, :2]
        assert paid(world) == [1.0, 0.0]
        here = sim.qpos.copy()
        world.task.move_on(sim)
        assert paid(world) == [0.0, 0.0]  # where it has found one it finds no other
        np.testing.assert_array_equal(sim.qpos, here)
        assert sim.memory.finds.tolist() == [find + 1, 0]
    first, second = np.array(told_so_far).T
    assert (np.diff(first) != 0).all()
    assert set(first) == {0, 1, 2}
    assert (second == second[0]).all()
    np.testing.assert_array_equal(sim.mocap_pos[:, 1:], objects)


def test_objects_have_colours_of_their_own_and_there_is_no_goal():
    world = begin(2)
    geoms = [world.model.body(f"apple{k}").geomadr[0] for k in range(3)]
    np.testing.assert_allclose(world.model.geom_rgba[geoms, :3], OBJECTS, atol=1e-6)
    walls = [world.model.geom(k).rgba[:3] for k in range(world.model.ngeom) if "wall" in world.model.geom(k).name]
    assert np.abs(np.array(walls)[:, None] - OBJECTS).max(axis=2).min() > 0.1
    assert (world.sim.mocap_pos[:, 0, 2] == EATEN).all()


def test_the_critic_knows_the_way_to_the_object_that_is_told():
    world = begin(6)
    seen = world.observations["privileged"]
    for _ in range(250):
        _, ahead, left = seen[:, :3].T
        turn = np.arctan2(left, ahead)
        actions = np.stack([ahead * (np.abs(turn) < 0.6), 2 * left, turn / 0.8], axis=1)
        seen = world.step(actions).observations["privileged"]
    assert world.sim.memory.finds.min() >= 3


def test_the_rules_are_those_of_memory_maze():
    task = envs.make_task("MemoryMaze")
    assert (task.cells, task.apples, task.episode_steps, task.control_dt) == (9, 3, 1000, 0.25)
