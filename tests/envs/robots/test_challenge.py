"""The challenge course as a height map: sections where they are said to be, of the sizes asked for."""

import numpy as np
import pytest

from envs.robots.challenge import LENGTH, SECTIONS, START, WIDTH, Size, challenge, middle
from envs.robots.terrain import CELL

SIZE = Size(rubble=0.1, slope=0.364, stair=0.08, beam=0.4)


def along(ground, lane, aside=0.0, lanes=1):
    """Return places along a lane in m, and the heights there."""
    place = np.arange(-START + CELL / 2, LENGTH + START, CELL)
    y = middle(np.array(lane), lanes) + aside
    return place, ground.at(place - LENGTH / 2, np.full(len(place), y))


def within(place, name):
    return (SECTIONS[name].start + CELL < place) & (place < SECTIONS[name].end - CELL)


def test_sections_follow_one_another_over_the_whole_course():
    sections = list(SECTIONS.values())
    assert sections[0].start == 0.0
    assert sections[-1].end == LENGTH
    assert [one.end for one in sections[:-1]] == [one.start for one in sections[1:]]
    assert challenge(0, (1.0,), SIZE).heights.shape[1] * CELL == LENGTH + 2 * START


def test_at_difficulty_1_everything_has_its_size():
    ground = challenge(3, (1.0,), SIZE)
    place, heights = along(ground, 0)
    level = within(place, "ice") | within(place, "pushes") | (place < 0.0) | (place > LENGTH)
    assert (heights[level] == 0.0).all()
    slope = np.diff(heights)[within(place, "slope")[1:]] / CELL
    np.testing.assert_allclose(slope, 0.364)
    assert np.ptp(heights[within(place, "platform")]) == 0.0
    np.testing.assert_allclose(np.diff(heights)[within(place, "descent")[1:]] / CELL, -0.364)
    rises = np.diff(heights[within(place, "stairs")])  # without the first, at the edge
    np.testing.assert_allclose(rises[rises != 0.0], [-0.08] * 7 + [0.08] * 7, atol=1e-9)
    deepest = heights[within(place, "platform")][0] - heights[within(place, "stairs")].min()
    assert deepest == pytest.approx(8 * 0.08)
    rubble = heights[within(place, "rubble")]
    assert 0.05 < rubble.max() <= 0.1
    assert rubble.min() >= 0.0


def test_the_beam_lies_between_trenches_that_can_be_left_at_their_ends():
    ground = challenge(0, (1.0,), SIZE)
    across = np.arange(-WIDTH / 2 + 1.5 * CELL, WIDTH / 2 - CELL, CELL)
    middle_of_it = sum(SECTIONS["beam"]) / 2 - LENGTH / 2
    heights = ground.at(np.full(len(across), middle_of_it), across)
    assert 0.3 < CELL * (heights == 0.0).sum() < 0.5
    assert set(heights) == {0.0, -0.3}
    _, beside = along(ground, 0, aside=0.8)
    assert beside.min() == -0.3
    assert np.diff(beside)[beside[:-1] < 0.0].max() <= 0.25 * CELL + 1e-9  # a ramp leads out
    easy = challenge(0, (0.0,), SIZE)
    assert (easy.at(np.full(len(across), middle_of_it), across) == 0.0).all()
    hardest = challenge(0, (2.0,), SIZE)
    assert (hardest.at(np.full(len(across), middle_of_it), across) == 0.0).sum() >= 2  # a beam is left


def test_lanes_have_their_own_difficulty_and_walls_between_them():
    difficulties = (0.0, 0.5, 1.0)
    ground = challenge(0, difficulties, SIZE)
    tops = [along(ground, lane, lanes=3)[1].max() for lane in range(3)]
    np.testing.assert_allclose(tops, [0.0, tops[2] / 2, tops[2]])
    edges = middle(np.array([0.5, 1.5]), 3)
    for edge in edges:
        beside = ground.at(np.full(2, 9.0), edge + np.array([-CELL / 2, CELL / 2]))
        assert (beside == 0.3).all()


def test_the_same_seed_makes_the_same_course_and_another_one_another():
    same, again, other = (challenge.__wrapped__(seed, (1.0,), SIZE).heights for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert (same != other).mean() > 0.1
