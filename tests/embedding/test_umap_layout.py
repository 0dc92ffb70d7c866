"""Layouts: the graph's weights, clusters stay together, the same seed gives the same places."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from convae.embedding.nearest_neighbours import nearest, trustworthiness
from convae.embedding.umap_layout import A, B, lay_out, neighbour_graph
from convae.errors import InputError


def clusters(each: int, count: int = 5, size: int = 10, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), each)
    centres = 3 * rng.normal(size=(count, size))
    return centres[labels] + rng.normal(size=(each * count, size)), labels


def test_weights_of_the_graph() -> None:
    points = clusters(20)[0]
    found = nearest(points, points, 7, among_themselves=True)
    graph = neighbour_graph(found)
    dense = np.zeros((100, 100))
    dense[graph.heads, graph.tails] = graph.weights
    assert (dense == dense.T).all()
    assert not dense.diagonal().any()
    assert 0 < graph.weights.min() <= graph.weights.max() <= 1
    one_way = np.zeros((100, 100))
    for i in range(100):
        away = found.distances[i] - found.distances[i, 0]
        low, high = 1e-9, 1e9  # the width, by bisection over its logarithm
        for _ in range(200):
            width = np.sqrt(low * high)
            large = np.exp(-away / width).sum() > np.log2(8)
            low, high = (low, width) if large else (width, high)
        one_way[i, found.indices[i]] = np.exp(-away / width)
    np.testing.assert_allclose(dense, one_way + one_way.T - one_way * one_way.T, atol=1e-6)


def test_the_nearest_neighbour_is_one_for_certain() -> None:
    points = clusters(20)[0]
    found = nearest(points, points, 5, among_themselves=True)
    graph = neighbour_graph(found)
    weights = {(h, t): w for h, t, w in zip(*graph, strict=True)}
    assert all(weights[i, found.indices[i, 0]] == 1 for i in range(100))


def test_clusters_stay_together() -> None:
    points, labels = clusters(60)
    places = lay_out(points, 2)
    assert places.shape == (300, 2)
    assert places.dtype == np.float32
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-4)
    mixed = np.random.default_rng(1).permutation(300)
    train, test = mixed[:200], mixed[200:]
    reader = KNeighborsClassifier(5).fit(places[train], labels[train])
    assert reader.score(places[test], labels[test]) > 0.97
    assert trustworthiness(points, places) > trustworthiness(points, points[:, :2])


def test_the_same_seed_gives_the_same_places() -> None:
    points = clusters(10)[0]
    first, again, other = (lay_out(points, 2, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("dimensions", [1, 3, 12])
def test_any_number_of_dimensions(dimensions: int) -> None:
    places = lay_out(clusters(10)[0], dimensions)
    assert places.shape == (50, dimensions)
    assert np.isfinite(places).all()


@pytest.mark.parametrize("points", [np.zeros((9, 4)), np.eye(3), np.repeat(np.eye(4), 9, axis=0)])
def test_doubles_and_few_points(points: np.ndarray) -> None:
    places = lay_out(points, 2)
    assert np.isfinite(places).all()
    assert len(places) == len(points)


def test_two_points_are_too_few() -> None:
    with pytest.raises(InputError, match="at least 3 points; got 2"):
        lay_out(np.eye(2), 2)


def test_nearness_falls_from_one_as_said() -> None:
    """The two constants are the best for exp(-(d - 0.1)) beyond 0.1, as UMAP fits them."""
    d = np.linspace(0, 3, 300)
    wanted = np.where(d < 0.1, 1, np.exp(-(d - 0.1)))
    error = lambda a, b: float(np.square(1 / (1 + a * d ** (2 * b)) - wanted).sum())  # noqa: E731
    best = error(A, B)
    assert all(
        error(A + x, B + y) >= best - 1e-4 for x in (-0.02, 0, 0.02) for y in (-0.02, 0, 0.02)
    )
