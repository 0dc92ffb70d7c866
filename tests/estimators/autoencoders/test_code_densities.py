"""Mixtures of codes: they draw what they were fitted on, and survive a model file."""

import numpy as np
import pytest

from convae.estimators.autoencoders.code_densities import MOST_NUMBERS, RIDGE, Mixture


def two_clouds(count: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(0)
    far = np.where(rng.random(count) < 0.25, 6.0, 0.0)[:, None]
    codes = rng.standard_normal((count, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]) + far
    found: np.ndarray = codes.astype(np.float32)
    return found


@pytest.mark.parametrize(("components", "sparse"), [(1, 0.2), (2, 0.03)])
def test_what_is_drawn_is_like_the_codes(components: int, sparse: float) -> None:
    """Mean and covariance hold for any number of components; the empty middle only for two."""
    codes = two_clouds()
    drawn = Mixture.fit(codes, components, 0).draw(20_000, np.random.default_rng(1))
    assert drawn.dtype == np.float32
    assert drawn.mean(axis=0) == pytest.approx(codes.mean(axis=0), abs=0.1)
    assert np.cov(drawn.T) == pytest.approx(np.cov(codes.T), abs=0.4)
    middle = (np.abs(drawn.sum(axis=1) / 2 - 3) < 0.5).mean()
    assert middle < sparse
    assert components == 2 or middle > 0.05


def test_the_same_seed_draws_the_same() -> None:
    mixture = Mixture.fit(two_clouds(), 3, 0)
    a, b = (mixture.draw(5, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(a, b)


def test_long_codes_have_numbers_that_stand_alone() -> None:
    codes = np.random.default_rng(0).normal(2, 3, (60, MOST_NUMBERS + 1)).astype(np.float32)
    mixture = Mixture.fit(codes, 10, 0)
    assert mixture.factors.shape == mixture.means.shape == (6, MOST_NUMBERS + 1)
    assert mixture.draw(4, np.random.default_rng(0)).shape == (4, MOST_NUMBERS + 1)


@pytest.mark.parametrize("length", [2, MOST_NUMBERS + 1])
def test_it_comes_back_from_a_model_file(length: int) -> None:
    codes = np.random.default_rng(0).normal(size=(80, length)).astype(np.float32)
    mixture = Mixture.fit(codes, 2, 0)
    again = Mixture.from_extras(mixture.extras("mixture"), "mixture")
    rngs = (np.random.default_rng(3) for _ in range(2))
    assert np.allclose(mixture.draw(9, next(rngs)), again.draw(9, next(rngs)), atol=1e-4)


def test_of_one_code_the_density_is_that_code() -> None:
    code = np.array([[3.0, -1.0, 0.5]], np.float32)
    found = Mixture.fit(code, 10, 0)
    drawn = found.draw(50, np.random.default_rng(0))
    np.testing.assert_allclose(drawn, np.repeat(code, 50, axis=0), atol=5 * RIDGE**0.5)
