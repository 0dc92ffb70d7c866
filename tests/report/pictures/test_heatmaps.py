"""Heatmaps: one scale, overlays that leave what is usual alone, boxes around regions."""

import numpy as np

from convae.report.colours import colour_map
from convae.report.pictures.heatmaps import BOX, boxed, heat, overlay, side_by_side


def test_the_scale_does_not_depend_on_the_map() -> None:
    low, high = np.full((2, 2), 1.0), np.array([[1.0, 50.0], [-3.0, 4.0]])
    assert np.array_equal(heat(low, 4.0)[0, 0], heat(high, 4.0)[0, 0])
    ends = colour_map(np.array([0.0, 1.0]))
    assert np.array_equal(heat(high, 4.0)[1, 0], ends[0])
    assert np.array_equal(heat(high, 4.0)[0, 1], ends[1])
    assert heat(np.zeros((3, 4, 5)), 1.0).shape == (3, 4, 5, 3)
    assert heat(high, 0.0).shape == (2, 2, 3)


def test_an_overlay_shows_the_picture_where_it_is_usual() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    scores = np.zeros((4, 4))
    scores[0, 0], scores[3, 3] = 100.0, 0.4
    over = overlay(picture, scores, 1.0)
    changed = (over != picture).any(axis=2)
    assert changed[0, 0]
    assert changed.sum() == 1


def test_boxes_surround_their_regions() -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    drawn = boxed(picture, [(4, 5, 6, 3), (0, 0, 30, 20)])
    frame = (drawn == BOX).all(axis=2)
    assert frame[4, 3:11].all()
    assert frame[8, 3:11].all()
    assert frame[4:9, 3].all()
    assert frame[4:9, 10].all()
    assert not frame[5:8, 4:10].any()
    assert frame[0].all()
    assert not picture.any()


def test_pictures_beside_each_other_have_the_size_of_the_first() -> None:
    first, second = np.zeros((10, 20, 3), np.uint8), np.full((5, 5, 3), 9, np.uint8)
    row = side_by_side([first, second])
    assert row.shape == (10, 44, 3)
    assert (row[:, 20:24] == 255).all()
    assert (row[:, 24:] == 9).all()
