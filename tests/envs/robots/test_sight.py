"""Sight by rays, against an independent computation: where lines cut boxes and circles in the plane."""

import numpy as np
import pytest

from envs.robots.labyrinth import COMPASS, PAINT, Labyrinth
from envs.robots.maze_courses import maze_course
from envs.robots.mazes import borders
from envs.robots.sight import SKY, Seen, look, picture
from envs.world import World


def crossings(origin, way, low, high):
    """How far a line from `origin` along `way` goes before it enters each box (slabs: Kay and Kajiya 1986)."""
    with np.errstate(divide="ignore"):
        first, second = (low - origin) / way, (high - origin) / way
    enter, leave = np.minimum(first, second).max(axis=1), np.maximum(first, second).min(axis=1)
    return np.where((enter <= leave) & (enter >= 0), enter, np.inf)


def circles(origin, way, centres, radius):
    """How far a line goes before it crosses each circle."""
    apart = centres - origin
    along = apart @ way
    inside = radius**2 - (apart**2).sum(axis=1) + along**2
    half = np.sqrt(np.maximum(inside, 0))
    crossing = np.where(along > half, along - half, along + half)
    return np.where((inside >= 0) & (crossing >= 0), crossing, np.inf)


def expected(task, seed, pose, apples):
    """What a robot at x, y and a heading sees in the maze of a course's seed: distances and colours of its rays.

    `apples` tells which of them are still there.
    """
    drawn, around = maze_course(seed, task.rules), borders(task.rules.side, 0.1)
    centres = np.concatenate([around.centres, drawn.walls.centres])
    halves = np.concatenate([around.halves, drawn.walls.halves])
    paint = [*COMPASS, *(PAINT[k % len(PAINT)] for k in range(len(drawn.walls.centres)))]
    paint = np.array([*paint, (0.1, 0.85, 0.2), *([(0.9, 0.1, 0.12)] * apples.sum())])
    edges = np.linspace(task.view / 2, -task.view / 2, task.rays + 1)
    angles = pose[2] + np.radians((edges[1:] + edges[:-1]) / 2)
    distances, colours = [], []
    for way in np.stack([np.cos(angles), np.sin(angles)], axis=1):
        walls = crossings(pose[:2], way, centres - halves, centres + halves)
        goal = circles(pose[:2], way, drawn.goals[:1], 0.25)
        every = np.concatenate([walls, goal, circles(pose[:2], way, drawn.apples[apples], 0.12)])
        distances.append(every.min())
        colours.append(paint[every < every.min() + 1e-6])  # walls overlap where they meet
    return np.array(distances), colours


@pytest.mark.parametrize("fields", [{}, {"layout": "i-maze"}, {"cells": 8, "loops": 0.5, "rays": 40, "view": 90.0}])
def test_each_robot_sees_its_own_maze_from_the_first_observation_on(fields):
    task = Labyrinth(**fields)
    world = World(task, 6, 1)
    rng = np.random.default_rng(0)
    world.reset(np.arange(6), list(range(6)))
    for k in range(12):  # the first observation, and some later ones
        sim = world.sim
        for i in range(6):
            distances, colours = expected(task, int(sim.memory.course[i]), sim.qpos[i], sim.mocap_pos[i, 1:, 2] > 0)
            seen = world.observations["observation"][i]
            np.testing.assert_allclose(seen[: task.rays], np.exp(-distances / 2.0), atol=1e-3)
            paint = seen[task.rays : 4 * task.rays].reshape(-1, 3) + 0.4
            for one, allowed in zip(paint, colours, strict=True):
                assert np.abs(allowed - one).max(axis=1).min() < 1e-6
        if k == 5:
            world.reset(np.array([1, 4]))  # two begin anew among the others
        else:
            world.step(rng.uniform(-1, 1, (6, 3)).astype(np.float32))


def test_where_there_is_nothing_there_is_the_sky():
    world = World(Labyrinth(), 2, 1)
    world.reset(np.arange(2), [0, 1])
    world.sim.qpos[1] = [30.0, 0.0, 0.0]  # outside, looking away
    seen = look(world.sim, np.full((2, 3), [30.0, 0.0, 0.25]), np.array([0.0, np.pi]), 5, 60.0)
    assert np.isinf(seen.distances[0]).all()
    np.testing.assert_array_equal(seen.colours[0], np.tile(SKY, (5, 1)))
    assert seen.distances[1, 2] == pytest.approx(30.0 - 2.55)  # from the right border's outer side
    np.testing.assert_allclose(seen.colours[1, 2], COMPASS[1], atol=1e-6)


def test_a_picture_shows_near_things_high_and_bright_in_their_colours():
    blue, red = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
    seen = Seen(np.array([[0.5, 2.0, np.inf]]), np.array([[blue, red, SKY]]))
    (image,) = picture(seen, eye=0.25, height=0.5)
    assert image.dtype == np.uint8
    near, far, nothing = np.split(image, 3, axis=1)
    walls = [(column[:, 0] == column[len(column) // 2, 0]).all(axis=-1).sum() for column in (near, far)]
    assert walls[0] == pytest.approx(4 * walls[1], abs=4)  # four times as near
    assert near[48, 0, 2] > far[48, 0, 0] > 100  # blue is brighter than red
    assert near[48, 0, 0] == far[48, 0, 2] == 0
    assert (nothing[:48] == nothing[0, 0]).all()
    assert (near == near[:, :1]).all()  # one ray, one column
