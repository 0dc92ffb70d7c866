"""How much of a codebook is used, and how many bits a code of its entries takes."""

import math
from typing import Any, NamedTuple

import numpy as np


class CodebookUse(NamedTuple):
    """How often each entry of a codebook replaced a vector.

    Attributes:
        counts: (K,) how many vectors each entry replaced, over some images.
        positions: vectors in the code of one image.

    >>> use = CodebookUse(np.array([2, 2, 0, 0]), positions=3)
    >>> use.used, use.perplexity, use.bits, use.entropy_bits
    (2, 2.0, 6.0, 3.0)
    """

    counts: np.ndarray
    positions: int

    @property
    def used(self) -> int:
        """Number of entries that replaced a vector."""
        return int((self.counts > 0).sum())

    @property
    def perplexity(self) -> float:
        """exp of the entropy of the entries: K if all are used equally often, 1 if only one is used."""
        return math.exp(self._entropy)

    @property
    def bits(self) -> float:
        """Bits of the code of an image in which each index takes log2 K bits."""
        return self.positions * math.log2(len(self.counts))

    @property
    def entropy_bits(self) -> float:
        """Mean bits of the code of an image whose indices are entropy-coded, each by itself."""
        return self.positions * self._entropy / math.log(2)

    @property
    def _entropy(self) -> float:
        """The entropy of an index in nats; 0 where nothing was counted."""
        total = self.counts.sum()
        rates = self.counts[self.counts > 0] / max(1, total)
        return float(-(rates * np.log(rates)).sum())

    def summary(self) -> str:
        """Return two sentences."""
        entries, places = len(self.counts), self.positions
        return (
            f"A code takes {self.bits:,.0f} bits: {places:,} position{'s' * (places != 1)} of "
            f"{math.log2(entries):.3g} bits each ({self.entropy_bits:,.1f} bits at the entropy of the "
            f"entries). {self.used:,} of the {entries:,} entries are used, with a perplexity of "
            f"{self.perplexity:,.1f} ({entries:,}: all equally often)."
        )

    def values(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "entries": len(self.counts),
            "used": self.used,
            "perplexity": self.perplexity,
            "bits": self.bits,
            "entropy_bits": self.entropy_bits,
        }
