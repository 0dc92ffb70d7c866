"""How sparse codes are, and how selective each unit is for one class.

Both are computed from sums over images: codes may come a batch at a time, and none is kept.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from convae.errors import InputError

ALIKE = 1e-12


class Sparsity(NamedTuple):
    """How often each unit of a code is active.

    Attributes:
        rate: (k,) the fraction of the images for which the unit is active, anywhere in the image.
        active: the fraction of the values of a code (of all positions) that are active; a mean over the
            images.
        hoyer: (√n - ‖z‖₁/‖z‖₂) / (√n - 1) of the n values of each code, a mean over the images:
            0 where all are equal, 1 where only one is not 0.
        positions: of a code, 1 for a dense one.
    """

    rate: np.ndarray
    active: float
    hoyer: float
    positions: int = 1

    @property
    def dead(self) -> int:
        """Number of units that no image activates."""
        return int((self.rate == 0).sum())

    def summary(self) -> str:
        """Return one line of text."""
        count = len(self.rate)
        values = count * self.positions
        line = (
            f"{self.active:.1%} of the values of a code are active ({self.active * values:.1f} of "
            f"{values:,}); each of the {count:,} units is active for {self.rate.mean():.1%} of the images on "
            f"average ({self.rate.min():.1%} to {self.rate.max():.1%}), {self.dead:,} for none (dead). "
            f"Hoyer's sparsity {self.hoyer:.2f} (0: all alike, 1: one alone)."
        )
        return line.replace("%", " %")


class RunningSparsity:
    """The sums for :class:`Sparsity`, over batches of codes."""

    def __init__(self, on: float = 0.0) -> None:
        """Start without codes.

        Args:
            on: a unit is active if its value is above this.
        """
        self.on, self.images, self.positions = on, 0, 1
        self._lit: np.ndarray | None = None
        self._active = self._hoyer = 0.0

    def add(self, codes: np.ndarray) -> None:
        """Add codes (b, k) or (b, k, h, w), with the same k each time.

        Raises:
            InputError: for codes of another shape.
        """
        k = None if self._lit is None else len(self._lit)
        if codes.ndim not in (2, 4) or not len(codes) or k not in (None, codes.shape[1]):
            raise _wrong(codes.shape, k)
        flat = codes.reshape(len(codes), codes.shape[1], -1)
        lit = flat > self.on
        each = lit.any(axis=2).sum(axis=0)
        self._lit = each if self._lit is None else self._lit + each
        self._active += float(lit.mean(axis=(1, 2)).sum())
        self._hoyer += float(_hoyer(flat.reshape(len(codes), -1).astype(np.float64)).sum())
        self.images, self.positions = self.images + len(codes), flat.shape[2]

    def result(self) -> Sparsity:
        """Return the sparsity of all codes so far.

        Raises:
            InputError: without any codes.
        """
        if self._lit is None:
            raise _wrong((0,), None)
        n = self.images
        return Sparsity(self._lit / n, self._active / n, self._hoyer / n, self.positions)


def sparsity(codes: np.ndarray | Iterable[np.ndarray], *, on: float = 0.0) -> Sparsity:
    """Measure the sparsity of codes (n, k) or (n, k, h, w), or of batches of them, one in memory at a time.

    Args:
        codes: an array, or an iterable of arrays.
        on: a unit is active if its value is above this.

    Raises:
        InputError: for codes of another shape, or none.

    Source: Hoyer, "Non-negative matrix factorization with sparseness constraints", 2004.

    >>> sparsity(np.array([[1.0, 0], [2, 0]])).rate
    array([1., 0.])
    >>> sparsity(np.full((2, 3), step) for step in range(5)).active
    0.8
    """
    running = RunningSparsity(on)
    for batch in [codes] if isinstance(codes, np.ndarray) else codes:
        running.add(batch)
    return running.result()


def _wrong(shape: tuple[int, ...], k: int | None) -> InputError:
    each = "k" if k is None else str(k)
    return InputError(f"codes must be (n, {each}) or (n, {each}, h, w), n at least 1; got {shape}")


def _hoyer(flat: np.ndarray) -> np.ndarray:
    """Return (n,) for codes (n, m); 0 for codes of zeros or of one value."""
    root = np.sqrt(flat.shape[1])
    lengths = np.sqrt(np.square(flat).sum(axis=1))
    if flat.shape[1] == 1:
        return np.zeros(len(flat))
    ratio = np.abs(flat).sum(axis=1) / np.maximum(lengths, ALIKE)
    sparse: np.ndarray = np.where(lengths > ALIKE, (root - ratio) / (root - 1), 0.0)
    return sparse


class Selectivity(NamedTuple):
    """How selective each unit of a code is for one class.

    Attributes:
        values: (k,) 0 for no class, 1 for one class alone.
        classes: (k,) the class number to which each unit responds most.
    """

    values: np.ndarray
    classes: np.ndarray


class RunningSelectivity:
    """The sums over each class for :class:`Selectivity`, over batches of codes."""

    def __init__(self) -> None:
        self._sums: dict[int, np.ndarray] = {}
        self._counts: dict[int, int] = {}
        self._least: np.ndarray | float = 0.0

    def add(self, codes: np.ndarray, labels: np.ndarray) -> None:
        """Add codes (b, k) with their class numbers (b,).

        Raises:
            InputError: the shapes do not fit.
        """
        if codes.ndim != 2 or len(codes) != len(labels):
            raise InputError(
                f"selectivity needs codes (n, k) and n labels; got {codes.shape} and {len(labels)}"
            )
        values = codes.astype(np.float64)
        for label in np.unique(labels).tolist():
            of_it = values[labels == label]
            self._sums[label] = self._sums.get(label, 0.0) + of_it.sum(axis=0)
            self._counts[label] = self._counts.get(label, 0) + len(of_it)
        self._least = np.minimum(self._least, values.min(axis=0, initial=0.0))

    @property
    def classes(self) -> int:
        """Number of classes so far."""
        return len(self._counts)

    def result(self) -> Selectivity:
        """Return the selectivity of all codes so far.

        Raises:
            InputError: for fewer than two classes.
        """
        classes = np.array(sorted(self._sums))
        if len(classes) < 2:
            raise InputError(f"selectivity needs labels of at least two classes; got {classes}")
        counts = np.array([self._counts[label] for label in classes.tolist()])
        sums = np.stack([self._sums[label] for label in classes.tolist()])
        sums = sums - counts[:, None] * self._least
        means = sums / counts[:, None]
        best, largest = means.argmax(axis=0), means.max(axis=0)
        others = (sums.sum(axis=0) - largest * counts[best]) / (counts.sum() - counts[best])
        values = (largest - others) / np.maximum(largest + others, ALIKE)
        return Selectivity(values, classes[best])


def selectivity(codes: np.ndarray, labels: np.ndarray) -> Selectivity:
    """Measure how selective each unit of codes (n, k) is for one class.

    The measure is (μ_max - μ_rest) / (μ_max + μ_rest), where μ_max is the mean of the class with the largest
    mean, and μ_rest that of all other classes together. A unit with values below 0 is measured from its least
    value. A unit that is the same for all images has 0.

    Args:
        codes: (n, k).
        labels: (n,) class numbers, of at least two classes.

    Raises:
        InputError: the shapes do not fit, or there are fewer than two classes.

    Source: Morcos et al., "On the importance of single directions for generalization", 2018.
    """
    running = RunningSelectivity()
    running.add(codes, labels)
    return running.result()
