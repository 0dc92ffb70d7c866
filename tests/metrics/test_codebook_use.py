"""The use of a codebook: reference values derived by hand."""

import math

import numpy as np
import pytest

from convae.metrics.codebook_use import CodebookUse


def test_all_equally_often() -> None:
    use = CodebookUse(np.full(8, 5), positions=4)
    assert (use.used, use.bits) == (8, 12.0)
    assert use.entropy_bits == pytest.approx(12.0)
    assert use.perplexity == pytest.approx(8)


def test_one_alone() -> None:
    use = CodebookUse(np.array([0, 7, 0, 0]), positions=4)
    assert (use.used, use.bits, use.entropy_bits, use.perplexity) == (1, 8.0, 0.0, 1.0)


def test_unequal_use() -> None:
    """Rates of 1/2, 1/4 and 1/4: the entropy is 1/2 + 2 · 1/4 · 2 = 1.5 bits, the perplexity 2^1.5."""
    use = CodebookUse(np.array([2, 1, 1, 0]), positions=10)
    assert use.entropy_bits == pytest.approx(15)
    assert use.perplexity == pytest.approx(2**1.5)
    assert use.values() == {
        "entries": 4,
        "used": 3,
        "perplexity": use.perplexity,
        "bits": 20.0,
        "entropy_bits": use.entropy_bits,
    }
    assert use.summary() == (
        "A code takes 20 bits: 10 positions of 2 bits each (15.0 bits at the entropy of the entries). 3 of "
        "the 4 entries are used, with a perplexity of 2.8 (4: all equally often)."
    )


def test_nothing_counted_is_no_error() -> None:
    use = CodebookUse(np.zeros(4, np.int64), positions=1)
    assert (use.used, use.perplexity) == (0, 1.0)
    assert "1 position of 2 bits" in use.summary()
    assert math.isfinite(use.entropy_bits)
