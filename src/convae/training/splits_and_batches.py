"""Which images are held out, and the order of the others: pure functions of seed and epoch."""

import math

import numpy as np

MAX_HELD_OUT = 5000
MIN_IMAGES_TO_HOLD_OUT = 5


def hold_out(groups: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split positions into training and validation; a group stays on one side.

    Args:
        groups: (n,) group of each image; exact duplicates should share one.
        fraction: fraction to hold out, at most ``MAX_HELD_OUT`` images. Groups are taken whole, so the result
            may be larger by less than one group.
        seed: decides which.

    Returns:
        Two sorted arrays of positions. The second is empty for fewer than ``MIN_IMAGES_TO_HOLD_OUT`` images,
        a single group or fraction 0.
    """
    count = len(groups)
    _, group = np.unique(groups, return_inverse=True)
    wanted = min(math.ceil(count * fraction), MAX_HELD_OUT)
    sizes = np.bincount(group)
    if count < MIN_IMAGES_TO_HOLD_OUT or wanted == 0 or len(sizes) < 2:
        return np.arange(count), np.arange(0)
    order = generator(seed, 0, 1).permutation(len(sizes))
    order = order[: np.searchsorted(np.cumsum(sizes[order]), wanted) + 1]
    out = np.isin(group, order[: len(sizes) - 1])
    return np.flatnonzero(~out), np.flatnonzero(out)


def epoch_batches(
    positions: np.ndarray, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Return the batches of an epoch: a permutation of the positions, spread evenly over the steps.

    Args:
        positions: (n,) int64 positions of the training images.
        batch_size: the largest size of a batch, from 1.
        seed: of the training.
        epoch: from 0; each has its own permutation.

    Returns:
        ⌈n / batch_size⌉ arrays (b,) whose lengths differ by at most one.
    """
    order = generator(seed, epoch, 0).permutation(positions)
    return np.array_split(order, math.ceil(len(order) / batch_size))


def generator(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    """Return a counter-based generator: the same (seed, epoch, purpose) gives the same numbers anywhere."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, purpose])))
