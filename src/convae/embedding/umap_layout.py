"""A layout of points in few dimensions that preserves neighbourhoods, by UMAP's objective.

Source: McInnes, Healy, Melville, "UMAP: Uniform Manifold Approximation and Projection", 2018; the graph is
from its section 3.1, the forces are those of its section 3.2 (algorithm 5).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.embedding.nearest_neighbours import Neighbours, nearest
from convae.errors import InputError

# φ(d) = 1 / (1 + A·d^(2B)), the similarity of two points as a fraction: about 1 up to d = 0.1, then falling
# like exp(-(d - 0.1)).
A, B = 1.577, 0.895
NEIGHBOURS = 15
SPREAD = 2.5  # standard deviation along each dimension at the start
ROUNDS, REPULSIONS = 200, 5
STEEPEST = 4.0  # the longest step along a dimension


class Graph(NamedTuple):
    """Pairs of neighbours with their weights. Each pair is contained in both directions.

    Attributes:
        heads, tails: (e,) int64 positions.
        weights: (e,) above 0, at most 1.
    """

    heads: np.ndarray
    tails: np.ndarray
    weights: np.ndarray


def neighbour_graph(found: Neighbours) -> Graph:
    """Build the graph of n points from the k nearest of each.

    j is a neighbour of i with w(i, j) = exp(-max(0, d(i, j) - d(i, nearest)) / s_i), where s_i is such that
    these sum to log2(k + 1). The weight of a pair is w + w' - w·w', of its two directions.
    """
    count, k = found.indices.shape
    beyond = found.distances - found.distances[:, :1]
    weights = np.exp(-beyond / _widths(beyond)[:, None]).ravel()
    one, other = np.repeat(np.arange(count), k), found.indices.ravel()
    pairs = np.minimum(one, other) * count + np.maximum(one, other)
    order = np.argsort(pairs, kind="stable")
    pairs, starts = np.unique(pairs[order], return_index=True)
    joined = 1 - np.multiply.reduceat(1 - weights[order], starts)
    kept = joined > 0  # points far beyond the others have no weight left
    low, high, joined = pairs[kept] // count, pairs[kept] % count, joined[kept]
    return Graph(
        np.concatenate([low, high]), np.concatenate([high, low]), np.concatenate([joined, joined])
    )


def lay_out(points: np.ndarray, dimensions: int, *, seed: int = 0) -> np.ndarray:
    """Lay out points in few dimensions, reproducibly for the same seed.

    Args:
        points: (n, D), such as principal components; n at least 3. The layout starts from the first
            columns.
        dimensions: 1 or more.
        seed: of the random generator.

    Returns:
        (n, dimensions) float32, around zero, where neighbours are about 1 apart or less.

    Raises:
        InputError: for fewer than 3 points.
    """
    if len(points) < 3:
        raise InputError(f"a layout needs at least 3 points; got {len(points)}")
    k = min(NEIGHBOURS, len(points) - 1)
    graph = neighbour_graph(nearest(points, points, k, among_themselves=True))
    rng = torch.Generator().manual_seed(seed)
    places = _start(points, dimensions, rng)
    heads, tails = torch.from_numpy(graph.heads), torch.from_numpy(graph.tails)
    likely = torch.from_numpy(graph.weights / graph.weights.max())
    for done in range(ROUNDS):
        sampled = (torch.rand(len(likely), generator=rng) < likely).nonzero()[:, 0]
        sampled = sampled[torch.randperm(len(sampled), generator=rng)]
        for some in torch.split(sampled, len(points)):
            _move(places, heads[some], tails[some], 1 - done / ROUNDS, rng)
    laid: np.ndarray = (places - places.mean(dim=0)).numpy()
    return laid


def _widths(beyond: np.ndarray) -> np.ndarray:
    """Compute (n,) the s of each point, by bisection; any s fits if all neighbours are equally far."""
    wanted = np.log2(beyond.shape[1] + 1)
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    widths: np.ndarray = np.maximum(beyond.mean(axis=1), 1e-12)
    least = 1e-3 * widths
    for _ in range(48):
        large = np.exp(-beyond / widths[:, None]).sum(axis=1) > wanted
        high, low = np.where(large, widths, high), np.where(large, low, widths)
        widths = np.where(np.isinf(high), 2 * widths, (low + high) / 2)
        widths = np.maximum(widths, least)
    return widths


def _start(points: np.ndarray, dimensions: int, rng: torch.Generator) -> Tensor:
    """Return (n, dimensions): the first columns at one scale, and a little noise to separate duplicates."""
    first = torch.from_numpy(np.asarray(points[:, :dimensions], dtype=np.float32))
    first = first - first.mean(dim=0)
    first = SPREAD * first / first.std(dim=0).clamp_min(1e-12)
    places = 0.01 * torch.randn(len(points), dimensions, generator=rng)
    places[:, : first.shape[1]] += first
    return places


def _move(places: Tensor, heads: Tensor, tails: Tensor, rate: float, rng: torch.Generator) -> None:
    """Move neighbours towards each other, and the first of each pair away from some random others."""
    apart = places[heads] - places[tails]
    squares = apart.square().sum(dim=1, keepdim=True)
    pull = -2 * A * B * squares.clamp_min(1e-6).pow(B - 1) / (1 + A * squares.pow(B))
    step = (pull * apart).clamp_(-STEEPEST, STEEPEST) * rate
    places.index_add_(0, heads, step)
    places.index_add_(0, tails, step, alpha=-1)
    others = torch.randint(len(places), (len(heads), REPULSIONS), generator=rng)
    apart = places[heads, None] - places[others]
    squares = apart.square().sum(dim=2, keepdim=True)
    push = 2 * B / ((0.001 + squares) * (1 + A * squares.pow(B)))
    step = (push * apart).clamp_(-STEEPEST, STEEPEST).sum(dim=1)
    places.index_add_(0, heads, step, alpha=rate)
