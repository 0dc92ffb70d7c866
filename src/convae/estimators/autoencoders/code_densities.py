"""Densities of codes, fitted after training, from which new codes are sampled."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from convae.loading import load

MOST_CODES = 20_000  # on which a density is fitted
COMPONENTS = 10
MOST_NUMBERS = 256  # latent dimensions with a full covariance; larger codes get a diagonal one
RIDGE = 1e-6  # added to variances
PREFIX = "density."


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions.

    Attributes:
        weights: (m,) summing to 1.
        means: (m, k).
        factors: (m, k, k) lower triangular L with covariances L Lᵀ; (m, k) standard deviations where the
            covariances are diagonal.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, components: int, seed: int) -> Self:
        """Fit a mixture by expectation maximisation; components number at most a tenth of the codes.

        Args:
            codes: (n, k). For a single code, the density is that code with the variance of the ridge.
        """
        if len(codes) == 1:
            codes = np.repeat(codes, 2, axis=0)  # scikit-learn requires at least two
        components = max(1, min(components, len(codes) // 10))
        kind = "full" if codes.shape[1] <= MOST_NUMBERS else "diag"
        found = load("sklearn.mixture").GaussianMixture(
            components, covariance_type=kind, random_state=seed, reg_covar=RIDGE, max_iter=50
        )
        found.fit(codes.astype(np.float64))
        factor = np.linalg.cholesky if kind == "full" else np.sqrt
        return cls(found.weights_, found.means_, factor(found.covariances_))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Sample codes (count, k) float32."""
        which = rng.choice(len(self.weights), size=count, p=self.weights / self.weights.sum())
        noise = rng.standard_normal((count, self.means.shape[1]))
        factors = self.factors[which]
        spread = factors * noise if factors.ndim == 2 else np.einsum("nij,nj->ni", factors, noise)
        codes: np.ndarray = (self.means[which] + spread).astype(np.float32)
        return codes

    def extras(self, name: str) -> dict[str, Tensor]:
        """Return the tensors for a model file: weights (m,), means (m, k), factors (m, k) or (m, k, k)."""
        parts = {"weights": self.weights, "means": self.means, "factors": self.factors}
        return {
            f"{PREFIX}{name}.{part}": torch.from_numpy(np.ascontiguousarray(values, np.float32))
            for part, values in parts.items()
        }

    @classmethod
    def from_extras(cls, extras: dict[str, Tensor], name: str) -> Self:
        """Create the mixture from the result of :meth:`extras`."""
        parts = ("weights", "means", "factors")
        return cls(*(extras[f"{PREFIX}{name}.{part}"].double().numpy() for part in parts))
