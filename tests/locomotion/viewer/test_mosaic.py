"""A picture in rectangles: painted again, they make the picture."""

import numpy as np

from locomotion.viewer.mosaic import CELLS, mosaic


def painted(picture, width, height):
    canvas = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom, *colour in mosaic(picture, width, height):
        canvas[round(top) : round(bottom), round(left) : round(right)] = colour
    return canvas


def test_a_small_picture_is_painted_exactly():
    picture = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(painted(picture, 90, 60), picture.repeat(10, axis=0).repeat(10, axis=1))


def test_equal_colours_in_a_column_are_one_rectangle():
    picture = np.zeros((20, 3, 3), np.uint8)
    picture[5:, 1] = 200
    assert len(list(mosaic(picture, 30, 20))) == 4


def test_a_large_picture_is_made_coarser():
    picture = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert len(list(mosaic(picture, 200, 300))) <= CELLS**2
    assert (painted(picture, 200, 300) > 0).any(axis=2).mean() > 0.99  # no gaps
