"""Exact nearest neighbours in blocks, and how well codes preserve the neighbourhoods of the images.

Distances are computed in float64 by matrix products, one block at a time. Memory therefore depends on the
size of the block and not on the number of points, which may lie in a memory-mapped file.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.errors import InputError, unknown_name

METRICS = ("euclidean", "cosine")
MOST_VALUES = 2**22  # distances, or values of points, in memory at a time


class Neighbours(NamedTuple):
    """The result of :func:`nearest`.

    Attributes:
        distances: (m, k) float64, rising along each row.
        indices: (m, k) int64, positions among the points.
    """

    distances: np.ndarray
    indices: np.ndarray


def nearest(
    queries: np.ndarray,
    points: np.ndarray,
    k: int,
    *,
    metric: str = "euclidean",
    among_themselves: bool = False,
) -> Neighbours:
    """Return the k points nearest to each query, exactly.

    Args:
        queries: (m, D).
        points: (n, D).
        k: 1 to n; fewer than n if the queries are the points.
        metric: ``euclidean``, or ``cosine``: 1 - cos of the angle; a vector of zeros has distance 1 from all.
        among_themselves: the queries are the points, and none is its own neighbour.

    Raises:
        InputError: for an unknown metric, arrays that do not fit each other, or an impossible k.

    >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]), 2)
    Neighbours(distances=array([[1., 5.]]), indices=array([[1, 0]]))
    """
    _check(queries, points, k, len(points) - among_themselves)
    width = max(1, points.shape[1])
    rows = max(1, min(1024, MOST_VALUES // (width * k)))
    distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    for some in _slices(len(queries), rows):
        search = Nearest(queries[some], k, metric=metric)
        for part in _slices(len(points), max(1, min(4096, MOST_VALUES // width))):
            own = np.arange(some.start, some.stop) if among_themselves else None
            search.add(points[part], own)
        exact = between(queries[some], points[search.indices], metric)
        order = np.lexsort((search.indices, exact))
        distances[some] = np.take_along_axis(exact, order, axis=1)
        indices[some] = np.take_along_axis(search.indices, order, axis=1)
    return Neighbours(distances, indices)


class Nearest:
    """The nearest points so far, of points that arrive in blocks.

    Args:
        queries: (m, D).
        k: how many to keep; if there are fewer points, all are kept.
        metric: as for :func:`nearest`.

    Attributes:
        indices: (m, at most k) positions of the points kept, counted over all blocks, in no order.

    Raises:
        InputError: for an unknown metric.
    """

    def __init__(self, queries: np.ndarray, k: int, *, metric: str = "euclidean") -> None:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        self.k, self.metric, self.seen = k, metric, 0
        self._queries = _doubles(queries)
        self._shift: Tensor | None = None
        self._scores = torch.empty(len(queries), 0, dtype=torch.float64)
        self._indices = torch.empty(len(queries), 0, dtype=torch.int64)

    @property
    def indices(self) -> np.ndarray:
        """(m, at most k) int64."""
        kept: np.ndarray = self._indices.numpy()
        return kept

    def add(self, points: np.ndarray, own: np.ndarray | None = None) -> None:
        """Add the next block (b, D) of points.

        Args:
            points: (b, D).
            own: (m,) the position of each query among the points, which is not its own neighbour.
        """
        scores = self._compare(_doubles(points))
        if own is not None:
            _leave_out(scores, own - self.seen)
        kept = self._scores.shape[1]
        both = torch.cat([self._scores, scores], dim=1)
        self._scores, places = both.topk(min(self.k, both.shape[1]), dim=1, largest=False)
        before = torch.cat([self._indices, self._indices.new_zeros(len(places), 1)], dim=1)
        old = before.gather(1, places.clamp_max(kept))
        self._indices = torch.where(places < kept, old, places - kept + self.seen)
        self.seen += len(points)

    def _compare(self, points: Tensor) -> Tensor:
        """Return (m, b) values that order points by their distance."""
        if self.metric == "cosine":
            return -_directions(self._queries) @ _directions(points).T
        if self._shift is None:  # far from zero, rounding of the squares would hide the differences
            self._shift = points.mean(dim=0) if len(points) else 0 * self._queries.sum(dim=0)
            self._queries = self._queries - self._shift
        points = points - self._shift
        return points.square().sum(dim=1) - 2 * self._queries @ points.T


def between(queries: np.ndarray, chosen: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Return (m, k) distances of each query (m, D) from its own points (m, k, D), by differences."""
    one, others = _doubles(queries)[:, None], _doubles(chosen)
    if metric == "cosine":
        cosines = (_directions(one) * _directions(others)).sum(dim=2)
        away: np.ndarray = (1 - cosines).clamp_min(0).numpy()
        return away
    lengths: np.ndarray = (one - others).square().sum(dim=2).sqrt().numpy()
    return lengths


def trustworthiness(points: np.ndarray, codes: np.ndarray, k: int = 5) -> float:
    """Measure how far neighbours among the codes are neighbours among the points (Venna & Kaski 2001).

    T = 1 - 2 / (n·k·(2n - 3k - 1)) · Σ_i Σ_j (r(i, j) - k), over the k nearest j of i by code that are not
    among its k nearest by point; r(i, j) is the rank of j by its distance from i among the points.
    Convention: Euclidean distances; at most 1, where no neighbour is false.

    Args:
        points: (n, D), such as pixels.
        codes: (n, d).
        k: neighbours, below n / 2.

    Raises:
        InputError: for different numbers of points and codes, or an impossible k.
    """
    return float(trust_of_each(points, codes, k).mean())


def continuity(points: np.ndarray, codes: np.ndarray, k: int = 5) -> float:
    """Measure how far neighbours among the points are neighbours among the codes.

    It is :func:`trustworthiness` with points and codes exchanged.

    Args:
        points: (n, D), such as pixels.
        codes: (n, d).
        k: neighbours, below n / 2.

    Raises:
        InputError: for different numbers of points and codes, or an impossible k.
    """
    return trustworthiness(codes, points, k)


def trust_of_each(points: np.ndarray, codes: np.ndarray, k: int = 5) -> np.ndarray:
    """Return (n,) the contribution of each image to :func:`trustworthiness`, which is their mean.

    Args, Raises: as :func:`trustworthiness`.
    """
    count = len(points)
    if len(codes) != count:
        raise InputError(f"there are {count} points and {len(codes)} codes; one each is needed")
    if not 1 <= k < count / 2:
        raise InputError(f"k must be from 1 to below half of the {count} images; got {k}")
    all_points, all_codes = (_centred(values) for values in (points, codes))
    penalties = np.empty(count)
    for some in _slices(count, max(1, MOST_VALUES // count)):
        own = np.arange(some.start, some.stop)
        far, near = (_squares(values, some) for values in (all_points, all_codes))
        _leave_out(far, own)
        _leave_out(near, own)
        found = far.gather(1, near.topk(k, dim=1, largest=False).indices)
        # Points at one distance share the lower rank, so that duplicates are no false neighbours.
        ranks = torch.stack([(far < found[:, j : j + 1]).sum(dim=1) + 1 for j in range(k)], dim=1)
        penalties[some] = (ranks - k).clamp_min(0).sum(dim=1).double().numpy()
    return 1 - penalties * 2 / (k * (2 * count - 3 * k - 1))


def _check(queries: np.ndarray, points: np.ndarray, k: int, most: int) -> None:
    if queries.ndim != 2 or points.ndim != 2 or queries.shape[1] != points.shape[1]:
        raise InputError(
            f"queries (m, D) and points (n, D) must have as many columns; got {queries.shape} and "
            f"{points.shape}"
        )
    if not 1 <= k <= most:
        raise InputError(f"k must be from 1 to {most}, the number of points; got {k}")


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _doubles(values: np.ndarray) -> Tensor:
    wide = np.ascontiguousarray(values, dtype=np.float64)
    return torch.from_numpy(wide if wide.flags.writeable else wide.copy())


def _centred(values: np.ndarray) -> Tensor:
    wide = _doubles(values.reshape(len(values), -1))
    return wide - wide.mean(dim=0)


def _directions(vectors: Tensor) -> Tensor:
    """Scale vectors to length one; zeros stay zeros."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    return vectors / torch.where(lengths > 0, lengths, 1)


def _squares(points: Tensor, some: slice) -> Tensor:
    """Return (b, n) squared distances of some of the points from all of them."""
    norms = points.square().sum(dim=1)
    squares = norms[some, None] + norms - 2 * points[some] @ points.T
    return squares.clamp_min_(0)


def _leave_out(scores: Tensor, places: np.ndarray) -> None:
    """Set one column of each row to an infinite distance, if the column exists."""
    rows = np.flatnonzero((places >= 0) & (places < scores.shape[1]))
    scores[torch.from_numpy(rows), torch.from_numpy(places[rows])] = torch.inf
