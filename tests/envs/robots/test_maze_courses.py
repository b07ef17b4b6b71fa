"""Courses: places that are cells of the maze, far enough from each other, the same from the same seed."""

from dataclasses import replace

import numpy as np
import pytest

from envs.robots.maze_courses import OUTSIDE, Rules, maze_course
from envs.robots.mazes import middles

RULES = Rules("random", 5, 0.2, 4, goal_moves=False)
SEEDS = range(20)


def numbers(places, side):
    """The numbers of the cells whose middles these places (k, 2) are."""
    cells = middles(side, np.arange(side**2))
    hits = np.abs(places[:, None] - cells).max(axis=2) < 1e-9
    assert (hits.sum(axis=1) == 1).all()
    return hits.argmax(axis=1)


@pytest.mark.parametrize("rules", [RULES, replace(RULES, layout="i-maze"), replace(RULES, goal_moves=True)])
def test_the_robot_starts_in_a_cell_without_the_goal_and_apples_lie_in_cells_of_their_own(rules):
    i = {*range(5), 7, 12, 17, *range(20, 25)}
    possible = i if rules.layout == "i-maze" else set(range(25))
    starts_seen = set()
    for seed in SEEDS:
        drawn = maze_course(seed, rules)
        starts, goals = numbers(drawn.starts[:, :2], rules.side), numbers(drawn.goals, rules.side)
        apples = numbers(drawn.apples, rules.side)
        assert (starts != goals).all()
        assert len({*apples, starts[0], goals[0]}) == 6
        starts_seen |= set(starts)
        assert {*starts, *goals, *apples} <= possible
        assert np.abs(drawn.starts[:, 2]).max() <= np.pi
    assert starts_seen == possible


def test_the_goal_stays_or_moves_at_each_find():
    for seed in SEEDS:
        still = maze_course(seed, RULES).goals
        assert (still == still[0]).all()
        for rules in (replace(RULES, goal_moves=True), replace(RULES, layout="i-maze", goal_moves=True)):
            moving = maze_course(seed, rules).goals
            assert (np.diff(moving, axis=0) != 0).any(axis=1).all()
        assert {tuple(place) for place in moving} == {(x, y) for x in (-2, 2) for y in (-2, 2)}  # the I's corners


def test_the_goal_of_the_i_stands_in_a_random_corner():
    corners = {tuple(maze_course(seed, replace(RULES, layout="i-maze")).goals[0]) for seed in SEEDS}
    assert corners == {(x, y) for x in (-2, 2) for y in (-2, 2)}


def test_a_course_follows_from_its_seed_alone():
    fresh, other = (maze_course.__wrapped__(seed, RULES) for seed in (7, 8))
    _, *parts = zip(fresh, maze_course(7, RULES), other, strict=True)
    for mine, kept, theirs in parts:  # what follows from the maze
        np.testing.assert_array_equal(mine, kept)
        assert not np.array_equal(mine, theirs)


def test_walls_have_random_colours_and_those_not_needed_are_outside():
    orders = set()
    for seed in SEEDS:
        walls = maze_course(seed, RULES).walls
        inside = (np.abs(walls.centres) < 3.0).all(axis=1)
        assert len(inside) == 13
        assert (walls.centres[~inside] == OUTSIDE).all()
        orders.add(inside.tobytes())
    assert len(orders) > 10


def test_a_small_maze_has_fewer_apples():
    assert len(maze_course(0, Rules("random", 3, 0.0, 50, goal_moves=False)).apples) == 7
    assert len(maze_course(0, Rules("i-maze", 9, 0.0, 50, goal_moves=False)).apples) == 11
