"""AUROC, average precision and AUPRO against scikit-learn, scikit-image and counting by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from convae.errors import InputError
from convae.metrics.ranking import (
    PixelRanking,
    aupro,
    auroc,
    average_precision,
    label_regions,
    pixel_auroc,
    roc,
)


@st.composite
def ranked(draw):
    """Scores with many ties, and labels of both kinds."""
    labels = draw(st.lists(st.booleans(), min_size=2, max_size=60).filter(lambda x: len({*x}) == 2))
    values = st.integers(-4, 4).map(lambda k: k / 3)
    return draw(st.lists(values, min_size=len(labels), max_size=len(labels))), labels


@given(ranked())
@settings(max_examples=60, deadline=None)
def test_images_are_ranked_as_by_scikit_learn(case) -> None:
    scores, labels = case
    assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(scores, labels) == pytest.approx(
        average_precision_score(labels, scores)
    )


@given(ranked())
@settings(max_examples=60, deadline=None)
def test_the_curve_is_scikit_learns_and_has_the_area_of_auroc(case) -> None:
    scores, labels = case
    across, up = roc(scores, labels)
    theirs = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(across, theirs[0])
    np.testing.assert_allclose(up, theirs[1])
    area = (np.diff(across) * (up[1:] + up[:-1]) / 2).sum()
    assert area == pytest.approx(auroc(scores, labels))


@given(ranked())
@settings(max_examples=30, deadline=None)
def test_auroc_turns_around_with_the_scores(case) -> None:
    scores, labels = case
    assert auroc([-s for s in scores], labels) == pytest.approx(1 - auroc(scores, labels))


def test_equal_scores_are_chance() -> None:
    assert auroc([1.0] * 10, [True] * 3 + [False] * 7) == 0.5
    assert average_precision([1.0] * 10, [True] * 3 + [False] * 7) == pytest.approx(0.3)


def maps_and_masks(images=5, side=24, levels=None):
    rng = np.random.default_rng(3)
    masks = np.zeros((images, side, side), bool)
    masks[0, 2:5, 3:9] = masks[0, 15:20, 15:23] = True  # two regions
    masks[1, 5, 5] = masks[1, 6, 6] = True  # one, by its corner
    masks[2, 10:20, :] = True
    maps = rng.normal(size=masks.shape) + 1.2 * masks
    if levels:
        maps = np.round(maps * levels) / levels
    return maps.astype(np.float32), masks


def aupro_by_counting(maps, masks, limit):
    """Every distinct score as a threshold, every region on its own."""
    regions = []
    for i, mask in enumerate(masks):
        labels = label(mask, connectivity=2)
        regions += [(i, labels == k) for k in range(1, labels.max() + 1)]
    x, y = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        x.append(float((maps[~masks] >= threshold).mean()))
        y.append(float(np.mean([(maps[i][region] >= threshold).mean() for i, region in regions])))
    fine = np.union1d(np.linspace(0, limit, 20_001), [v for v in x if v < limit])
    return float(np.trapezoid(np.interp(fine, x, y), fine) / limit)


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_aupro_against_counting(limit: float) -> None:
    maps, masks = maps_and_masks(levels=8)
    assert aupro(maps, masks, limit) == pytest.approx(aupro_by_counting(maps, masks, limit), 1e-4)


def test_pixels_are_ranked_as_by_scikit_learn() -> None:
    maps, masks = maps_and_masks()
    expected = roc_auc_score(masks.ravel(), maps.ravel())
    assert pixel_auroc(maps, masks) == pytest.approx(expected, abs=1e-4)  # values are rounded
    maps, masks = maps_and_masks(levels=8)  # these are not
    expected = roc_auc_score(masks.ravel(), maps.ravel())
    assert pixel_auroc(maps, masks) == pytest.approx(expected, abs=1e-12)


def test_rankings_add_up() -> None:
    rng = np.random.default_rng(3)
    maps, masks = rng.random((4, 9, 9)), rng.random((4, 9, 9)) > 0.8
    whole, first, second = PixelRanking(), PixelRanking(), PixelRanking()
    assert not whole.complete
    for k in range(4):
        whole.update(maps[k], masks[k])
        (first if k < 2 else second).update(maps[k], masks[k])
    first.add(second)
    assert first.complete
    assert first.regions == whole.regions
    assert first.auroc() == pytest.approx(whole.auroc())
    assert first.aupro() == pytest.approx(whole.aupro())


def test_a_perfect_map_and_chance() -> None:
    masks = maps_and_masks()[1]
    assert aupro(masks.astype(float), masks) == pixel_auroc(masks.astype(float), masks) == 1
    assert aupro(np.zeros(masks.shape), masks) == pytest.approx(0.15)


def test_a_region_counts_once_whatever_its_size() -> None:
    mask = np.zeros((1, 20, 20), bool)
    mask[0, :10] = mask[0, 15, 15] = True
    large, small = mask.copy(), mask.copy()
    large[0, 15, 15] = small[0, :10] = False
    assert aupro(large.astype(float), mask) == pytest.approx(aupro(small.astype(float), mask))
    assert pixel_auroc(large.astype(float), mask) > pixel_auroc(small.astype(float), mask)


def test_bins_keep_the_order_of_any_values() -> None:
    values = np.array([-1e30, -3.0, -1e-30, -0.0, 0.0, 1e-30, 0.5, 0.501, 7e12], np.float32)
    for low, high in itertools.pairwise(values):
        expected = 0.5 if low == high else 1.0
        assert pixel_auroc([[[low, high]]], [[[0, 1]]]) == expected


def test_images_may_differ_in_size() -> None:
    ranking = PixelRanking()
    ranking.update(np.zeros((3, 4)), np.zeros((3, 4)))
    ranking.update(np.ones((5, 2)), np.ones((5, 2)))
    assert ranking.auroc() == ranking.aupro() == 1
    assert ranking.regions == 1


def test_regions_touch_by_corners() -> None:
    labels, areas = label_regions(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]]))
    assert labels.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [2, 2, 0]]
    assert areas.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, 2.0], [True], "as long as each other"),
        ([1.0, float("nan")], [True, False], "score 1 is not a finite number"),
        ([1.0, 2.0], [True, True], "there are no normal ones"),
        ([1.0, 2.0], [False, False], "there are no anomalous ones"),
    ],
)
def test_scores_that_cannot_be_ranked(scores, labels, message: str) -> None:
    for function in (auroc, average_precision):
        with pytest.raises(InputError, match=message):
            function(scores, labels)


def test_maps_that_cannot_be_ranked() -> None:
    ranking = PixelRanking()
    with pytest.raises(InputError, match=r"both be \(H, W\); got \(2, 2\) and \(2, 3\)"):
        ranking.update(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(InputError, match="finite numbers only"):
        ranking.update([[np.inf]], [[0]])
    ranking.update([[1.0]], [[0]])
    with pytest.raises(InputError, match="both normal and anomalous pixels are needed"):
        ranking.auroc()
    with pytest.raises(InputError, match="limit must be above 0"):
        ranking.aupro(0)
