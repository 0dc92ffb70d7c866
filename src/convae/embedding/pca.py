"""Principal component analysis over batches: the baseline of every model, and the start of the bypass.

Memory depends on the length of the vectors, not on their number.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from convae.errors import InputError

# Up to this length the covariance matrix is computed exactly; beyond, a bounded sample is decomposed.
MAX_COVARIANCE = 4096
MAX_SAMPLE_VALUES = 64 * 2**20
COLUMNS = 4096  # columns of a sample that are converted to float64 at a time


@dataclass(frozen=True)
class PrincipalComponents:
    """The result of PCA.

    Attributes:
        mean: (D,) mean vector.
        components: (k, D) orthonormal rows, by falling variance, the largest entry of each positive.
        variances: (k,) variance along each (divided by n, not n - 1).
        exact: False if only a sample of the vectors was decomposed.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor
    exact: bool = True

    def reconstruct(self, vectors: Tensor) -> Tensor:
        """Encode and decode vectors (n, D); same shape."""
        return self.decode(self.encode(vectors))

    def encode(self, vectors: Tensor) -> Tensor:
        """Project vectors (n, D) to codes (n, k)."""
        return (vectors - self.mean) @ self.components.T

    def decode(self, codes: Tensor) -> Tensor:
        """Map codes (n, k) back to vectors (n, D)."""
        return codes @ self.components + self.mean


def fit_pca(batches: Iterable[Tensor], components: int) -> PrincipalComponents:
    """Fit PCA to the rows of all batches.

    Args:
        batches: (n_i, D) float tensors; read once.
        components: how many to keep; at most D and the number of rows are found.

    Returns:
        The components, exact up to D = ``MAX_COVARIANCE``. Beyond, those of the first rows that fit into
        ``MAX_SAMPLE_VALUES`` values (pass them in random order).

    Raises:
        ValueError: without any batch.
        InputError: the values are too large to compute with.
    """
    moments: _Moments | _Sample | None = None
    for batch in batches:
        if moments is None:
            moments = _Moments(batch) if batch.shape[1] <= MAX_COVARIANCE else _Sample(batch)
        if not moments.add(batch):
            break
    if moments is None:
        raise ValueError("PCA needs at least one batch")
    return moments.decompose(components)


class _Moments:
    """Count, sum and second moments; a shift keeps the sums small, so that float64 loses no precision."""

    def __init__(self, first: Tensor) -> None:
        self.shift = first.float().mean(dim=0)
        self.count = 0
        self.sum = torch.zeros(first.shape[1], dtype=torch.float64)
        self.products = torch.zeros(first.shape[1], first.shape[1], dtype=torch.float64)

    def add(self, batch: Tensor) -> bool:
        x = (batch.float() - self.shift).cpu()
        self.count += len(x)
        self.sum += x.sum(dim=0, dtype=torch.float64)
        self.products += x.T @ x
        return True

    def decompose(self, components: int) -> PrincipalComponents:
        offset = self.sum / self.count
        covariance = self.products / self.count - torch.outer(offset, offset)
        k = min(components, len(offset), self.count)
        variances, vectors = _largest(covariance, k)
        mean = self.shift.cpu().double() + offset
        return _oriented(mean, vectors.T, variances, exact=True)


class _Sample:
    """The first rows, as many as the limits allow, decomposed through their Gram matrix.

    That matrix is rows x rows, so the number of rows is limited like the columns of a covariance.
    """

    def __init__(self, first: Tensor) -> None:
        self.rows: list[Tensor] = []
        self.room = max(2, min(MAX_SAMPLE_VALUES // first.shape[1], MAX_COVARIANCE))
        self.exact = True

    def add(self, batch: Tensor) -> bool:
        taken = batch[: self.room].float().cpu()
        self.exact = self.exact and len(taken) == len(batch)
        if len(taken):
            self.rows.append(taken)
        self.room -= len(taken)
        return self.exact  # with no room left, one more batch shows whether these were all

    def decompose(self, components: int) -> PrincipalComponents:
        x = torch.cat(self.rows)
        mean = x.mean(dim=0)
        x -= mean
        k = min(components, len(x), x.shape[1])
        gram = torch.zeros(len(x), len(x), dtype=torch.float64)
        for part in torch.split(x, COLUMNS, dim=1):
            wide = part.double()
            gram.addmm_(wide, wide.T, alpha=1 / len(x))
        variances, vectors = _largest(gram, k)
        # Directions without variance are noise, and no longer orthogonal to the others.
        keep = variances > variances[:1] * 1e-10
        vectors = vectors[:, keep].T
        rows = torch.cat(
            [vectors @ part.double() for part in torch.split(x, COLUMNS, dim=1)], dim=1
        )
        rows /= rows.norm(dim=1, keepdim=True)
        return _oriented(mean.double(), rows, variances[keep], exact=self.exact)


def _largest(matrix: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest eigenvalues of a symmetric matrix, falling, and their vectors (D, k)."""
    from scipy.linalg import eigh

    if not bool(torch.isfinite(matrix).all()):
        raise InputError(
            "PCA: the images hold values too large to compute with; find them with 'convae check'"
        )
    size = len(matrix)
    values, vectors = eigh(matrix.numpy(), subset_by_index=(size - k, size - 1))
    return (
        torch.from_numpy(values[::-1].copy()).clamp_min(0),
        torch.from_numpy(vectors[:, ::-1].copy()),
    )


def _oriented(mean: Tensor, rows: Tensor, variances: Tensor, *, exact: bool) -> PrincipalComponents:
    """Fix the signs, which are arbitrary, so that two fits are comparable."""
    strongest = rows.abs().argmax(dim=1, keepdim=True)
    signs = rows.gather(1, strongest).sign()
    signs[signs == 0] = 1
    return PrincipalComponents(mean.float(), (rows * signs).float(), variances.float(), exact)
