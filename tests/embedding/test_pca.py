"""PCA against scikit-learn's, on both routes and where there is less than was asked for."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from convae.embedding import pca as module
from convae.embedding.pca import PrincipalComponents, fit_pca
from convae.errors import InputError


def data(rows: int, length: int, rank: int | None = None, seed: int = 0) -> torch.Tensor:
    """Rows with falling variances, so that their components are well determined."""
    generator = torch.Generator().manual_seed(seed)
    rank = rank or min(rows, length)
    spread = torch.linspace(1, 0.1, rank)
    codes = torch.randn(rows, rank, generator=generator) * spread
    basis, _ = torch.linalg.qr(torch.randn(length, rank, generator=generator))
    rows_of_rank: torch.Tensor = codes @ basis.T + 0.5
    return rows_of_rank


def check(found: PrincipalComponents, x: torch.Tensor, components: int) -> None:
    """The same space, variances and reconstruction as scikit-learn (which divides by n - 1)."""
    expected = PCA(components, svd_solver="full").fit(x.double().numpy())
    np.testing.assert_allclose(found.mean, expected.mean_, atol=1e-5)
    np.testing.assert_allclose(
        found.variances, expected.explained_variance_ * (len(x) - 1) / len(x), atol=1e-4
    )
    cosines = (found.components.double().numpy() * expected.components_).sum(axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-4)
    np.testing.assert_allclose(
        found.reconstruct(x), expected.inverse_transform(expected.transform(x.numpy())), atol=1e-4
    )


@pytest.mark.parametrize(("rows", "length", "components"), [(200, 30, 5), (12, 40, 6), (30, 1, 1)])
def test_it_is_the_pca_of_scikit_learn(rows: int, length: int, components: int) -> None:
    x = data(rows, length)
    found = fit_pca(x.split(7), components)
    assert found.exact
    check(found, x, components)


def test_long_vectors_are_decomposed_through_their_rows() -> None:
    x = data(40, module.MAX_COVARIANCE + 1000)
    found = fit_pca(x.split(16), 6)
    assert found.exact
    check(found, x, 6)


def test_both_routes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x = data(50, 60)
    direct = fit_pca(x.split(20), 8)
    monkeypatch.setattr(module, "MAX_COVARIANCE", 59)
    through_rows = fit_pca(x.split(20), 8)
    torch.testing.assert_close(direct.components, through_rows.components, atol=1e-3, rtol=0)
    torch.testing.assert_close(direct.variances, through_rows.variances, atol=1e-5, rtol=0)


def test_a_sample_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COVARIANCE", 40)
    x = data(100, 60)
    batches = iter(x.split(15))
    found = fit_pca(batches, 4)
    assert not found.exact
    check(found, x[:40], 4)
    assert len(list(batches)) == 4  # three were read
    assert fit_pca(x[:40].split(10), 4).exact
    assert not fit_pca(x[:41].split(10), 4).exact


@pytest.mark.parametrize("limit", [4096, 5], ids=["covariance", "rows"])
def test_rank_deficient_data(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "MAX_COVARIANCE", limit if limit > 5 else 29)
    x = data(25, 30, rank=3)
    found = fit_pca([x], 10)
    found_ones = found.components @ found.components.T
    torch.testing.assert_close(found_ones, torch.eye(len(found_ones)), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.reconstruct(x), x, atol=1e-4, rtol=0)
    assert float(found.variances[3:].sum()) < 1e-6


@pytest.mark.parametrize("limit", [4096, 29], ids=["covariance", "rows"])
def test_more_components_than_there_are(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "MAX_COVARIANCE", limit)
    x = data(6, 30)
    found = fit_pca([x], 100)
    assert found.components.shape[0] <= 6
    torch.testing.assert_close(found.reconstruct(x), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("limit", [4096, 19], ids=["covariance", "rows"])
def test_one_row_and_equal_rows(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "MAX_COVARIANCE", limit)
    for rows in (1, 5):
        x = torch.full((rows, 20), 0.3)
        found = fit_pca([x], 4)
        torch.testing.assert_close(found.reconstruct(x), x)
        assert bool((found.variances < 1e-10).all())


def test_signs_are_fixed() -> None:
    x = data(60, 10)
    a, b = fit_pca([x], 4), fit_pca([x.flip(0)], 4)
    torch.testing.assert_close(a.components, b.components, atol=1e-4, rtol=0)
    strongest = a.components.abs().argmax(dim=1, keepdim=True)
    assert bool((a.components.gather(1, strongest) > 0).all())


def test_a_far_mean_costs_no_precision() -> None:
    x = data(80, 12)
    near, far = fit_pca(x.split(9), 3), fit_pca((x.double() + 1000).float().split(9), 3)
    torch.testing.assert_close(near.variances, far.variances, atol=1e-4, rtol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(2, 30), length=st.integers(1, 20), chunk=st.integers(1, 9), k=st.integers(1, 8)
)
def test_components_are_orthonormal_and_errors_fall(
    rows: int, length: int, chunk: int, k: int
) -> None:
    x = data(rows, length, seed=rows * 100 + length)
    few, more = fit_pca(x.split(chunk), k), fit_pca(x.split(chunk), k + 1)
    products = few.components @ few.components.T
    torch.testing.assert_close(products, torch.eye(len(products)), atol=1e-4, rtol=0)
    errors = [(found.reconstruct(x) - x).square().mean() for found in (few, more)]
    assert errors[1] <= errors[0] + 1e-6


def test_what_cannot_be_decomposed() -> None:
    with pytest.raises(ValueError, match="at least one batch"):
        fit_pca([], 3)
    with pytest.raises(InputError, match="too large to compute with"):
        fit_pca([torch.tensor([[1e30, 0.0], [-1e30, 1.0]])], 1)
