"""Mazes: connected, with as many loops as asked for; the I; and walls that stand where a maze has them."""

import numpy as np
import pytest

from envs.robots.mazes import borders, boxes, i_maze, inner_walls, middles, random_maze, ways


def passages(maze):
    """The pairs of neighbouring cells without a wall between them."""
    n = maze.cells
    columns, rows = (np.argwhere(~walls).tolist() for walls in (maze.between_columns, maze.between_rows))
    return [(y * n + x, y * n + x + 1) for x, y in columns] + [(y * n + x, (y + 1) * n + x) for y, x in rows]


def reached(maze, start):
    seen, edges = {start}, passages(maze)
    for _ in range(maze.cells**2):
        seen |= {b for a, b in edges if a in seen} | {a for a, b in edges if b in seen}
    return seen


@pytest.mark.parametrize("cells", [2, 3, 5, 8])
@pytest.mark.parametrize("loops", [0.0, 0.2, 1.0])
def test_every_cell_of_a_random_maze_can_be_reached(cells, loops):
    for seed in range(5):
        maze = random_maze(np.random.default_rng(seed), cells, loops)
        assert reached(maze, 0) == set(range(cells**2)) == set(maze.free) == set(maze.ends)
        # A tree of n cells has n - 1 passages; each further one makes a loop.
        assert len(passages(maze)) - (cells**2 - 1) == (cells - 1) ** 2 - inner_walls(cells, loops)


def test_the_share_of_loops_is_that_of_the_inner_walls_of_a_tree():
    tree, looped = (random_maze(np.random.default_rng(3), 9, loops) for loops in (0.0, 0.25))
    walls = [maze.between_columns.sum() + maze.between_rows.sum() for maze in (tree, looped)]
    assert walls == [64, 48]
    assert not (looped.between_columns & ~tree.between_columns).any()  # the same maze, with openings


def test_mazes_are_drawn_from_the_generator_alone_and_differ():
    drawn = [random_maze(np.random.default_rng(seed), 5, 0.2) for seed in (0, 0, 1, 2)]
    keys = [(maze.between_columns.tobytes(), maze.between_rows.tobytes()) for maze in drawn]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_the_i_has_its_shape_and_its_four_corners():
    maze = i_maze()
    drawing = ["#####", "..#..", "..#..", "..#..", "#####"]  # from the far row to the near one; # can be entered
    free = {y * 5 + x for y, row in enumerate(reversed(drawing)) for x, mark in enumerate(row) if mark == "#"}
    assert set(maze.free) == free == reached(maze, 12)
    bars = [(row + x, row + x + 1) for row in (0, 20) for x in range(4)]
    assert {way for way in passages(maze) if free & set(way)} == {*bars, (2, 7), (7, 12), (12, 17), (17, 22)}
    assert set(maze.ends) == {0, 4, 20, 24}


def test_ways_are_the_shortest_ones():
    for maze in (*(random_maze(np.random.default_rng(seed), 6, 0.2) for seed in range(4)), i_maze()):
        n = maze.cells**2
        steps = np.where(np.eye(n), 0.0, np.inf)
        for a, b in passages(maze):
            steps[a, b] = steps[b, a] = 1.0
        for k in range(n):  # Floyd and Warshall
            steps = np.minimum(steps, steps[:, k, None] + steps[k])
        for goal in maze.free[:5].tolist():
            found = ways(maze, goal)
            np.testing.assert_array_equal(np.where(found.lengths < 0, np.inf, found.lengths), steps[goal])
            others = np.setdiff1d(maze.free, goal)
            assert (steps[others, found.following[others]] == 1.0).all()
            np.testing.assert_array_equal(steps[goal, found.following[others]], steps[goal, others] - 1.0)
            assert found.following[goal] == goal


def covered(walls, points):
    return (np.abs(points[:, None] - walls.centres) <= walls.halves + 1e-9).all(axis=2).any(axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_walls_stand_between_the_cells_that_they_part_and_nowhere_else(seed):
    maze = random_maze(np.random.default_rng(seed), 6, 0.2)
    walls = boxes(maze, 0.1)
    centre = middles(6, np.arange(36))
    assert not covered(walls, centre).any()
    pairs = [(a, b) for a in range(36) for b in (a + 1, a + 6) if b < 36 and (b != a + 1 or b % 6)]
    between = np.array([(centre[a] + centre[b]) / 2 for a, b in pairs])
    open_pairs = set(passages(maze))
    np.testing.assert_array_equal(covered(walls, between), [pair not in open_pairs for pair in pairs])
    assert len(walls.centres) <= inner_walls(6, 0.2)
    np.testing.assert_allclose(walls.halves.min(axis=1), 0.05)
    lengths = 2 * (walls.halves.max(axis=1) - 0.05)  # without the ends, which fill corners
    np.testing.assert_allclose(lengths, lengths.round())
    assert lengths.sum() == pytest.approx(inner_walls(6, 0.2))  # none is there twice


def test_borders_enclose_the_maze():
    walls = borders(4, 0.1)
    edge = np.linspace(-2.0, 2.0, 33)
    for x, y in ((edge, -2.0), (edge, 2.0), (-2.0, edge), (2.0, edge)):
        assert covered(walls, np.stack(np.broadcast_arrays(x, y), axis=-1)).all()
    assert not covered(walls, middles(4, np.arange(16))).any()


def test_cells_are_numbered_from_the_near_left_one():
    np.testing.assert_array_equal(middles(3, np.array([0, 1, 3, 8])), [[-1, -1], [0, -1], [-1, 0], [1, 1]])
