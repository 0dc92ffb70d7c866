"""Exact and near duplicates among many images, from hashes and thumbnails alone.

Near duplicates are the same picture saved again with other compression, size, brightness or contrast.
Candidates share a piece of a 64-bit difference hash, and are then compared by thumbnails.
"""

import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from convae.images.check.image_facts import THUMB, ImageFacts

_BITS, _BANDS = 64, 5  # two hashes that differ in at most 4 bits share one of 5 bands
_MOST_BITS = 12  # pairs further apart are not compared
_MOST_IN_BUCKET = 400
_NEIGHBOURS = 32
# Differences of thumbnails in standard deviations. JPEG at quality 30, another size, noise or another
# brightness stay below both limits; the most alike different digits of MNIST differ by 0.9 in a cell.
_NEAR_LEAST, _NEAR_MOST, _NEAR_FRACTION = 0.03, 0.15, 0.11
_MOST_IN_CELL = 0.45


class Duplicates:
    """Collects facts of images one by one, then groups the images that show the same.

    Memory: about 40 bytes an image; the thumbnails (256 bytes an image) go to a temporary file.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._parent: list[int] = []
        self._bits: list[int] = []
        self._owners: list[int] = []
        self._thumbs: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as self)
        self.limited = False

    def add(self, facts: ImageFacts) -> None:
        """Add the next image."""
        index = len(self._parent)
        first = self._first.setdefault(facts.digest, index)
        self._parent.append(first)
        if first == index and facts.thumb is not None:
            self._owners.append(index)
            self._bits.append(facts.bits)
            self._thumbs.write(facts.thumb.tobytes())

    def exact(self) -> np.ndarray:
        """Return (n,), for each image the first one with the same pixels. To be called before ``groups``."""
        return np.array(self._parent, dtype=np.int64)

    def groups(self) -> list[list[int]]:
        """Return groups of two or more positions: images that are exact or near duplicates."""
        for one, other in self._near_pairs():
            self._join(one, other)
        roots: dict[int, list[int]] = {}
        for index in range(len(self._parent)):
            roots.setdefault(self._root(index), []).append(index)
        return [members for members in roots.values() if len(members) > 1]

    def close(self) -> None:
        """Release the temporary file."""
        self._thumbs.close()

    def _near_pairs(self) -> Iterator[tuple[int, int]]:
        if len(self._owners) < 2:
            return
        self._thumbs.flush()
        side = THUMB * THUMB
        thumbs = np.memmap(self._thumbs, np.int8, mode="r", shape=(len(self._owners), side))
        limit = near_limit(thumbs)
        hashes = np.array(self._bits, dtype=np.uint64)
        for left, right in _batched(self._candidates(hashes)):
            apart, worst = difference(thumbs, left, right)
            near = (apart <= limit) & (worst <= _MOST_IN_CELL)
            for one, other in zip(left[near].tolist(), right[near].tolist(), strict=True):
                yield self._owners[one], self._owners[other]

    def _candidates(self, hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs whose hashes are close, bucket by bucket; a pair may occur more than once."""
        width = -(-_BITS // _BANDS)
        for band in range(_BANDS):
            keys = (hashes >> np.uint64(band * width)) & np.uint64((1 << width) - 1)
            order = np.lexsort((hashes, keys))
            starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0, True])
            for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                if end - start > 1:
                    yield from self._in_bucket(hashes, order[start:end])

    def _in_bucket(
        self, hashes: np.ndarray, bucket: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        reach = len(bucket) - 1
        if len(bucket) > _MOST_IN_BUCKET:  # pictures all alike: only neighbours by hash
            self.limited, reach = True, _NEIGHBOURS
        for step in range(1, reach + 1):
            left, right = bucket[:-step], bucket[step:]
            close = bit_distance(hashes[left], hashes[right]) <= _MOST_BITS
            if close.any():
                yield left[close], right[close]

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first


def _batched(
    pairs: Iterator[tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the same pairs in batches of some thousands: most buckets hold only a few."""
    lefts, rights, waiting = list[np.ndarray](), list[np.ndarray](), 0
    for left, right in pairs:
        lefts.append(left)
        rights.append(right)
        waiting += len(left)
        if waiting >= 4096:
            yield np.concatenate(lefts), np.concatenate(rights)
            lefts, rights, waiting = [], [], 0
    if waiting:
        yield np.concatenate(lefts), np.concatenate(rights)


def bit_distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the number of different bits of uint64 values (n,).

    >>> bit_distance(np.array([0b1011], np.uint64), np.array([0b0001], np.uint64))
    array([2])
    """
    differing = np.bitwise_xor(one, other).astype("<u8").view(np.uint8).reshape(-1, 8)
    counts: np.ndarray = _ONES[differing].sum(axis=1, dtype=np.int64)
    return counts


def difference(
    thumbs: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compare pairs of thumbnails: root mean square and largest difference, in standard deviations.

    The largest difference reveals what the mean hides: sparse pictures differ in few cells.

    Args:
        thumbs: (n, cells) int8; 32 is one standard deviation.
        left: (m,) positions of the first thumbnails.
        right: (m,) positions of the second ones.

    Returns:
        Two arrays (m,).
    """
    mean, worst = np.empty(len(left)), np.empty(len(left))
    for start in range(0, len(left), 4096):
        part = slice(start, start + 4096)
        apart = np.abs(thumbs[left[part]].astype(np.float32) - thumbs[right[part]]) / 32
        mean[part] = np.sqrt(np.square(apart).mean(axis=1))
        worst[part] = apart.max(axis=1)
    return mean, worst


def near_limit(thumbs: np.ndarray) -> float:
    """Return the largest root mean square difference at which two pictures count as near duplicates.

    Where all pictures are alike (parts photographed in the same place), a small difference is weak evidence,
    so the limit is 0.11 of the median difference of random pairs, limited to 0.03..0.15.
    """
    random = np.random.default_rng(0)
    left, right = random.integers(0, len(thumbs), (2, 2000))
    other = left != right
    if not other.any():
        return _NEAR_MOST
    typical = float(np.median(difference(thumbs, left[other], right[other])[0]))
    return min(max(_NEAR_FRACTION * typical, _NEAR_LEAST), _NEAR_MOST)


_ONES = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)
