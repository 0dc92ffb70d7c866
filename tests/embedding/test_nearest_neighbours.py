"""Nearest neighbours and trustworthiness against scikit-learn and against brute force."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import NearestNeighbors

from convae.embedding import nearest_neighbours
from convae.embedding.nearest_neighbours import (
    Nearest,
    between,
    continuity,
    nearest,
    trust_of_each,
    trustworthiness,
)
from convae.errors import InputError

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(300, 7))
QUERIES = RNG.normal(size=(41, 7)).astype(np.float32)


@pytest.fixture(params=[2**22, 500], ids=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbours, "MOST_VALUES", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 4, 300])
def test_neighbours_are_scikit_learns(metric: str, k: int) -> None:
    found = nearest(QUERIES, POINTS, k, metric=metric)
    reference = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(POINTS)
    distances, indices = reference.kneighbors(QUERIES.astype(np.float64))
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, atol=1e-12)


@pytest.mark.usefixtures("blocks")
def test_nobody_is_its_own_neighbour() -> None:
    doubled = np.concatenate([POINTS, POINTS[:50]])
    found = nearest(doubled, doubled, 3, among_themselves=True)
    assert not (found.indices == np.arange(350)[:, None]).any()
    assert (found.distances[:50, 0] == 0).all()
    assert (found.indices[:50, 0] == np.arange(300, 350)).all()
    reference = NearestNeighbors(n_neighbors=3).fit(doubled).kneighbors()[0]
    np.testing.assert_allclose(found.distances, reference, atol=1e-12)


def test_far_from_zero_nothing_is_lost() -> None:
    """Squares of 1e6 hold differences of 1e-4 only after both are moved to the middle."""
    shifted = nearest(QUERIES + 1e6, POINTS + 1e6, 5)
    np.testing.assert_array_equal(
        shifted.indices, nearest((QUERIES + 1e6) - 1e6, POINTS, 5).indices
    )


def test_the_same_point_is_at_zero() -> None:
    found = nearest(POINTS[3:4] * 1e5, POINTS * 1e5, 1)
    assert (found.indices[0, 0], found.distances[0, 0]) == (3, 0.0)


def test_a_vector_of_zeros_has_no_direction() -> None:
    points = np.array([[0.0, 0.0], [2.0, 0.0]])
    found = nearest(np.array([[1.0, 0.0], [0.0, 0.0]]), points, 2, metric="cosine")
    np.testing.assert_array_equal(found.distances, [[0, 1], [1, 1]])


def test_points_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("points") / "points.npy"
    np.save(path, POINTS)
    mapped = np.load(path, mmap_mode="r")
    np.testing.assert_array_equal(
        nearest(QUERIES, mapped, 5).indices, nearest(QUERIES, POINTS, 5).indices
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_blocks_of_any_size_one_after_the_other(metric: str) -> None:
    search = Nearest(QUERIES, 6, metric=metric)
    for part in (POINTS[:2], POINTS[2:5], POINTS[5:200], POINTS[200:200], POINTS[200:]):
        search.add(part)
    assert search.seen == 300
    expected = nearest(QUERIES, POINTS, 6, metric=metric)
    np.testing.assert_array_equal(np.sort(search.indices), np.sort(expected.indices))
    few = Nearest(QUERIES, 6)
    few.add(POINTS[:4])
    assert few.indices.shape == (41, 4)


def test_distances_between_given_pairs() -> None:
    chosen = np.stack([POINTS[:41], POINTS[41:82]], axis=1)
    expected = np.linalg.norm(chosen - QUERIES[:, None], axis=2)
    np.testing.assert_allclose(between(QUERIES, chosen), expected)


@pytest.mark.parametrize("k", [0, 301])
def test_impossible_numbers_of_neighbours(k: int) -> None:
    with pytest.raises(InputError, match="k must be from 1 to 300, the number of points; got"):
        nearest(QUERIES, POINTS, k)


def test_what_does_not_belong_together() -> None:
    with pytest.raises(InputError, match=r"as many columns; got \(41, 7\) and \(300, 3\)"):
        nearest(QUERIES, POINTS[:, :3], 1)
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        nearest(QUERIES, POINTS, 1, metric="cosin")
    with pytest.raises(InputError, match="300 points and 41 codes"):
        trust_of_each(POINTS, QUERIES)
    with pytest.raises(InputError, match="below half of the 300 images; got 150"):
        trust_of_each(POINTS, POINTS, 150)


# -- trustworthiness and continuity -------------------------------------------------------------------


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("k", [1, 5, 40])
def test_trustworthiness_is_scikit_learns(k: int) -> None:
    codes = POINTS[:, :2] + 0.3 * RNG.normal(size=(300, 2))
    expected = sklearn_trustworthiness(POINTS, codes, n_neighbors=k)
    assert trustworthiness(POINTS, codes, k) == pytest.approx(expected, abs=1e-12)
    expected = sklearn_trustworthiness(codes, POINTS, n_neighbors=k)
    assert continuity(POINTS, codes, k) == pytest.approx(expected, abs=1e-12)


def test_trustworthiness_by_the_definition() -> None:
    points, codes, k = POINTS[:30], POINTS[:30, :1], 4
    total, count = 0, len(points)
    for i in range(count):
        by_point = np.argsort(np.linalg.norm(points - points[i], axis=1))
        by_code = np.argsort(np.abs(codes - codes[i])[:, 0])
        rank = {int(j): r for r, j in enumerate(by_point)}  # itself has rank 0
        total += sum(max(0, rank[int(j)] - k) for j in by_code[1 : k + 1])
    expected = 1 - 2 / (count * k * (2 * count - 3 * k - 1)) * total
    assert trustworthiness(points, codes, k) == pytest.approx(expected, abs=1e-12)
    assert trust_of_each(points, codes, k).shape == (30,)


def test_what_keeps_distances_is_trusted() -> None:
    rotation = np.linalg.qr(RNG.normal(size=(7, 7)))[0]
    assert trustworthiness(POINTS, 3 * POINTS @ rotation + 1) == 1
    assert continuity(POINTS, 3 * POINTS @ rotation + 1) == 1
    assert trustworthiness(POINTS, RNG.normal(size=(300, 2))) < 0.6


def test_doubles_are_no_false_neighbours() -> None:
    doubled = np.repeat(POINTS[:20], 4, axis=0)
    assert trustworthiness(doubled, doubled[:, ::-1], 3) == 1
