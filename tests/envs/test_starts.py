"""The first look of an episode: each robot in the physics that is its own, whatever began before it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.robots.cartpole import CartPole
from envs.world import World


@dataclass(frozen=True)
class Stopped(CartPole):
    """The stop at the left of each cart's rail stands somewhere else in each episode; the robot sees where."""

    memory: ClassVar = {"stop": 1, "stop_of_the_model": 1}

    def place(self, sim, rngs, seeds):
        super().place(sim, rngs, seeds)
        sim.memory.stop = [rng.uniform(-9.0, -3.0) for rng in rngs]
        sim.memory.stop_of_the_model = sim.posed("geom_xpos")[0][:, sim.model.geom("left_stop").id, 0]

    def physics(self, sim):
        places = np.tile(sim.model.geom_pos, (len(sim.qpos), 1, 1))
        places[:, sim.model.geom("left_stop").id, 0] = sim.memory.stop
        return {"geom_pos": places}

    def observe(self, sim, now):
        eyes = np.zeros((len(sim.qpos), 1, 3))
        eyes[:, :, 2] = 0.33  # above the rail, below the stop's upper edge
        lengths, geoms = sim.ray(eyes, np.array([-1.0, 0.0, 0.0]), np.ones(6, np.uint8))
        return {"stop": sim.geom_xpos[:, sim.model.geom("left_stop").id, 0], "way": lengths, "geom": geoms}


def test_a_robot_sees_its_own_physics_from_the_first_observation_on():
    world = World(Stopped(episode_steps=3), 5, 1)
    world.reset(np.arange(5), list(range(5)))
    stops = []
    for k in range(8):
        if k == 5:
            world.reset(np.array([1, 3]))  # the first two rows of the batch in which episodes begin
        seen, stop = world.observations, world.sim.memory.stop.copy()
        np.testing.assert_array_equal(seen[:, 0], stop)
        stops.append(stop)
        np.testing.assert_allclose(world.sim.memory.stop_of_the_model, -2.57)
        world.step(np.zeros((5, 1), np.float32))
    assert len(np.unique(stops)) == 5 * 3  # three episodes of each


def test_rays_tell_the_geom_that_they_meet_and_how_far_it_is():
    world = World(Stopped(), 3, 1)
    world.reset(np.arange(3), [0, 1, 2])
    world.sim.qpos[:, 0] = 1.0  # out of the way
    model = world.model
    every = np.ones(6, np.uint8)
    points = np.tile([0.0, 0.0, 0.33], (3, 2, 1))
    ways = np.tile([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], (3, 1, 1))
    ways[1] = ways[1, ::-1]
    for sim, count in ((world.sim, 3), (world.sim.first(2), 2)):
        lengths, geoms = sim.ray(points[:count], ways[:count], every)
        left = [-stop - 0.02 for stop in world.sim.memory.stop]
        stop = model.geom("left_stop").id
        np.testing.assert_allclose(lengths, [[left[0], -1], [-1, left[1]], [left[2], -1]][:count])
        np.testing.assert_array_equal(geoms, [[stop, -1], [-1, stop], [stop, -1]][:count])
