"""The error by code size, next to PCA, and how many numbers images need."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.evaluation.experiments.code_size import (
    NETWORK,
    PCA,
    CodeSizes,
    autoencoder_to_size,
    compare_code_sizes,
    sizes_of,
)
from convae.evaluation.experiments.size_tables import code_size_chart, code_size_table
from convae.evaluation.experiments.size_verdicts import code_size_cautions, code_size_verdict

TINY: dict[str, Any] = {"widths": (4,), "blocks": 1, "hidden": 8}


def flat(count: int, dimension: int = 3, side: int = 6) -> np.ndarray:
    """(count, side, side) uint8 images that differ in so many directions."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(side * side, dimension)))[0].T
    images: np.ndarray = 127 + 120 * rng.uniform(-1, 1, (count, dimension)) @ axes
    return images.clip(0, 255).astype(np.uint8).reshape(count, side, side)


@pytest.fixture(scope="module")
def found() -> CodeSizes:
    model = autoencoder_to_size(**TINY)
    return compare_code_sizes(flat(80), model=model, sizes=(1, 2, 3, 8), steps=6, seeds=2)


def test_the_dimension_of_the_images_is_found(found: CodeSizes) -> None:
    assert found.needed(PCA) == found.needed(NETWORK) == 3
    assert found.needed_by_seed(PCA) == (3, 3)
    sentences = code_size_verdict(found)
    assert sentences[0] == (
        "These images need about 3 numbers with this autoencoder, and about 3 numbers with PCA."
    )
    assert found.errors[NETWORK].shape == (4, 2)
    assert found.to_dict()["needed"] == {NETWORK: 3, PCA: 3}


def test_the_variance_is_the_error_of_the_mean_training_image() -> None:
    images = flat(50)
    found = compare_code_sizes(
        images[:30], test=images[30:], model=autoencoder_to_size(**TINY, validation_fraction=0.0),
        sizes=(1,), steps=1, seeds=1,
    )  # fmt: skip
    unit = images.astype(np.float64) / 255
    expected = np.square(unit[30:] - unit[:30].mean(axis=0)).mean()
    assert found.variance == pytest.approx([expected], rel=1e-4)


def test_table_chart_and_mark(found: CodeSizes) -> None:
    head, rows = code_size_table(found)
    assert [row[0] for row in rows] == ["1", "2", "3 *", "8"]
    assert all(len(row) == len(head) for row in rows)
    svg = code_size_chart(found)
    assert "needed, autoencoder" in svg
    assert "numbers in a code" in svg


def test_an_error_that_still_falls_and_a_better_pca_are_told(found: CodeSizes) -> None:
    falling = {
        NETWORK: np.array([[0.8, 0.9], [0.5, 0.5], [0.3, 0.3], [0.1, 0.1]]),
        PCA: np.array([[0.7, 0.7], [0.6, 0.6], [0.5, 0.5], [0.4, 0.46]]),
    }
    result = replace(found, errors=falling, variance=np.array([1.0, 1.0]))
    assert code_size_verdict(result)[0] == (
        "These images need 8 numbers or more with this autoencoder, and 8 numbers or more (3 to 8 over 2 "
        "seeds) with PCA."
    )
    cautions = code_size_cautions(result)
    assert cautions[0].startswith("The error still falls at 8, the largest size tried")
    assert "PCA has the smaller error with codes of 1:" in cautions[1]


def test_sizes_to_try() -> None:
    assert sizes_of(None, 784) == (1, 2, 4, 8, 16, 32, 64, 128)
    assert sizes_of(None, 12) == (1, 2, 4)
    assert sizes_of(None, 1) == (1,)
    assert sizes_of((8, 2, 8), 64) == (2, 8)
    for wrong in ((0,), (65,), (1.0,), ()):
        with pytest.raises(InputError, match="sizes must"):
            sizes_of(wrong, 64)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "images", [np.full((30, 4, 4), 9, np.uint8), np.arange(30, dtype=np.uint8).reshape(30, 1, 1)]
)
def test_constant_and_one_pixel_images(images: np.ndarray) -> None:
    sizes = sizes_of(None, images[0].size)
    if len(np.unique(images)) == 1:
        with pytest.raises(InputError, match="too few"):
            compare_code_sizes(
                images, model=autoencoder_to_size(**TINY), sizes=sizes, steps=1, seeds=1
            )
        return
    found = compare_code_sizes(images, model=autoencoder_to_size(**TINY), steps=1, seeds=1)
    assert found.needed(NETWORK) == 1
    assert code_size_verdict(found)[0].startswith(
        "These images need 1 number with this autoencoder"
    )
