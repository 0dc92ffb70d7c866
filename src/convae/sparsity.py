"""How sparse codes are, and how much each number of them has to do with one class."""

from typing import NamedTuple

import numpy as np

from convae.errors import InputError

ALIKE = 1e-12


class Sparsity(NamedTuple):
    """How often each number of a code is on.

    Attributes:
        rate: (k,) the part of the images for which it is on, anywhere in the image.
        active: how many of the numbers of a code (of all positions) are on, as a part of them; a mean
            over the images.
        hoyer: (√n - ‖z‖₁/‖z‖₂) / (√n - 1) of the n numbers of each code, a mean over the images:
            0 where all are alike, 1 where one is alone.
    """

    rate: np.ndarray
    active: float
    hoyer: float

    @property
    def dead(self) -> int:
        """Numbers that no image switches on."""
        return int((self.rate == 0).sum())

    def told(self) -> str:
        """One line."""
        count = len(self.rate)
        line = (
            f"{self.active:.1%} of the numbers of a code are on; each of the {count:,} units is on for "
            f"{self.rate.mean():.1%} of the images on average ({self.rate.min():.1%} to "
            f"{self.rate.max():.1%}), {self.dead:,} for none. Hoyer's sparsity {self.hoyer:.2f} "
            "(0: all alike, 1: one alone)."
        )
        return line.replace("%", " %")


def sparsity(codes: np.ndarray, *, on: float = 0.0) -> Sparsity:
    """Of codes (n, k) or (n, k, h, w).

    Args:
        on: what a number must be above to count as on.

    Source: Hoyer, "Non-negative matrix factorization with sparseness constraints", 2004.
    """
    if codes.ndim not in (2, 4) or not len(codes):
        raise InputError(f"codes must be (n, k) or (n, k, h, w), n at least 1; got {codes.shape}")
    lit = codes > on
    rate = lit.reshape(*codes.shape[:2], -1).any(axis=2).mean(axis=0)
    flat = codes.reshape(len(codes), -1).astype(np.float64)
    return Sparsity(rate, float(lit.mean()), float(_hoyer(flat).mean()))


def _hoyer(flat: np.ndarray) -> np.ndarray:
    """(n,) of (n, m); 0 for codes of zeros or of one number."""
    root = np.sqrt(flat.shape[1])
    lengths = np.sqrt(np.square(flat).sum(axis=1))
    if flat.shape[1] == 1:
        return np.zeros(len(flat))
    ratio = np.abs(flat).sum(axis=1) / np.maximum(lengths, ALIKE)
    told: np.ndarray = np.where(lengths > ALIKE, (root - ratio) / (root - 1), 0.0)
    return told


def selectivity(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(k,) how much each number of codes (n, k) has to do with one class: 0 not at all, 1 with it alone.

    (μ_max - μ_rest) / (μ_max + μ_rest), μ_max being the mean of the class with the largest mean and μ_rest
    that of all others together; numbers below 0 count by how far they are above their least. A number that
    is the same for all images has 0.

    Args:
        labels: (n,) class numbers, of at least two classes.

    Source: Morcos et al., "On the importance of single directions for generalization", 2018.
    """
    classes = np.unique(labels)
    if codes.ndim != 2 or len(codes) != len(labels) or len(classes) < 2:
        raise InputError(
            f"selectivity needs codes (n, k) and n labels of at least two classes; got {codes.shape} and "
            f"{len(labels)} of {len(classes)}"
        )
    values = codes.astype(np.float64)
    values = values - np.minimum(values.min(axis=0), 0)
    means = np.stack([values[labels == c].mean(axis=0) for c in classes])
    best, counts = means.argmax(axis=0), np.array([(labels == c).sum() for c in classes])
    largest = means.max(axis=0)
    others = (values.sum(axis=0) - largest * counts[best]) / (len(values) - counts[best])
    told: np.ndarray = (largest - others) / np.maximum(largest + others, ALIKE)
    return told
