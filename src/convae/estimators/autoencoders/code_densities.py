"""Densities of codes, fitted after training: what to draw new codes from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from convae.loading import load

MOST_CODES = 20_000  # that a density is fitted on
COMPONENTS = 10
MOST_NUMBERS = 256  # of a code with correlations between all of them; beyond, each stands alone
RIDGE = 1e-6  # added to variances
PREFIX = "density."


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions.

    Attributes:
        weights: (m,) summing to 1.
        means: (m, k).
        factors: (m, k, k) lower triangles L with covariances L Lᵀ; (m, k) standard deviations where the
            numbers stand alone.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, components: int, seed: int) -> Self:
        """The mixture by expectation maximisation, of at most as many components as a tenth of the codes.

        Args:
            codes: (n, k). Of one code alone the density is that code, give or take the ridge.
        """
        if len(codes) == 1:
            codes = np.repeat(codes, 2, axis=0)  # scikit-learn takes no fewer than two
        components = max(1, min(components, len(codes) // 10))
        kind = "full" if codes.shape[1] <= MOST_NUMBERS else "diag"
        found = load("sklearn.mixture").GaussianMixture(
            components, covariance_type=kind, random_state=seed, reg_covar=RIDGE, max_iter=50
        )
        found.fit(codes.astype(np.float64))
        factor = np.linalg.cholesky if kind == "full" else np.sqrt
        return cls(found.weights_, found.means_, factor(found.covariances_))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, k) float32."""
        which = rng.choice(len(self.weights), size=count, p=self.weights / self.weights.sum())
        noise = rng.standard_normal((count, self.means.shape[1]))
        factors = self.factors[which]
        spread = factors * noise if factors.ndim == 2 else np.einsum("nij,nj->ni", factors, noise)
        codes: np.ndarray = (self.means[which] + spread).astype(np.float32)
        return codes

    def extras(self, name: str) -> dict[str, Tensor]:
        """As tensors of a model file."""
        parts = {"weights": self.weights, "means": self.means, "factors": self.factors}
        return {
            f"{PREFIX}{name}.{part}": torch.from_numpy(np.ascontiguousarray(values, np.float32))
            for part, values in parts.items()
        }

    @classmethod
    def from_extras(cls, extras: dict[str, Tensor], name: str) -> Self:
        """The one that :meth:`extras` described."""
        parts = ("weights", "means", "factors")
        return cls(*(extras[f"{PREFIX}{name}.{part}"].double().numpy() for part in parts))
