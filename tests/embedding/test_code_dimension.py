"""How many numbers images need, on data whose dimension is known."""

import math

import numpy as np
import pytest
import torch

from convae.embedding.code_dimension import components_needed, smallest_sufficient
from convae.embedding.pca import fit_pca


def answer(images: np.ndarray, most: int = 64) -> int:
    """The number by PCA of the first two thirds, measured on the rest."""
    cut = 2 * len(images) // 3
    pca = fit_pca([torch.from_numpy(images[:cut]).float()], most)
    gaps = torch.from_numpy(images[cut:]).float() - pca.mean
    along = (gaps @ pca.components.T).square().mean(dim=0)
    total = float(gaps.square().sum(dim=1).mean())
    return components_needed(along.numpy(), total, images.shape[1], len(gaps))


def flat(dimension: int, noise: float, count: int = 300, values: int = 144) -> np.ndarray:
    """(count, values) points of a flat space of that dimension, with white noise."""
    rng = np.random.default_rng(dimension)
    axes = np.linalg.qr(rng.normal(size=(values, dimension)))[0].T
    images: np.ndarray = rng.uniform(-2, 2, (count, dimension)) @ axes
    return images + rng.normal(0, noise, (count, values))


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("dimension", [1, 3, 8, 20])
def test_the_dimension_of_flat_data_is_found_with_and_without_noise(
    dimension: int, noise: float
) -> None:
    """With 20 equal directions, 19 explain 95 % of the variance."""
    found = answer(flat(dimension, noise))
    assert found in ({dimension} if dimension < 20 else {19, 20})


def test_a_few_images_allow_few_components() -> None:
    assert answer(flat(8, 0.0, count=6)) <= 4


def test_noise_alone_needs_one_number() -> None:
    rng = np.random.default_rng(0)
    for count in (30, 100, 400):
        assert answer(rng.normal(size=(count, 64))) == 1
    assert components_needed([], 0.0, 64, 5) == 1
    assert components_needed([0.0, 0.0], 0.0, 2, 5) == 1
    assert components_needed([math.nan], math.nan, 4, 5) == 1


def test_variance_beyond_the_components_is_no_reason_to_subtract_more() -> None:
    """Two of 100 directions are known, and the others hold nothing: nothing is noise."""
    assert components_needed([3.0, 1.0], 4.0, 100, 50) == 2


def test_the_smallest_size_near_the_best() -> None:
    sizes = [1, 2, 4, 8, 16]
    assert smallest_sufficient(sizes, [0.8, 0.5, 0.1, 0.09, 0.085], 1.0) == 4
    # An error that rises again changes nothing, and a plateau of noise does not count.
    assert smallest_sufficient(sizes, [0.9, 0.7, 0.51, 0.5, 0.6], 1.0) == 4
    assert smallest_sufficient(sizes, [0.5, 0.4, 0.3, 0.2, 0.1], 1.0) == 16
    assert smallest_sufficient([1], [0.0], 0.0) == 1
