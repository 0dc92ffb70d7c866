"""Float images beyond the values that a model was fitted on: they keep them, and what is far off is said."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import blobs

from convae import ConvAutoencoder, Denoiser, Inpainter
from convae.errors import ImageWarning

TINY: dict[str, Any] = {"epochs": 2, "widths": (4, 8), "blocks": 0, "random_state": 0}
IMAGES = (blobs(12, 16, 16) / 255).astype(np.float32)
MASK = np.zeros((16, 16), bool)
MASK[4:8, 5:9] = True


def autoencoder() -> Callable[[np.ndarray], Any]:
    model = ConvAutoencoder.from_options({"latent_dim": 8, **TINY}).fit(IMAGES)
    return lambda x: model.inverse_transform(model.transform(x))


def reconstruction() -> Callable[[np.ndarray], Any]:
    model = ConvAutoencoder.from_options({"latent_dim": 8, **TINY}).fit(IMAGES)
    return model.reconstruct


def denoiser() -> Callable[[np.ndarray], Any]:
    model = Denoiser.from_options({"noise": "gaussian:0.05", **TINY}).fit(IMAGES)
    return model.denoise


def inpainter() -> Callable[[np.ndarray], Any]:
    model = Inpainter.from_options({"latent_dim": 4, **TINY}).fit(IMAGES)
    return lambda x: model.inpaint(x, MASK)


@pytest.mark.parametrize("make", [reconstruction, denoiser, inpainter])
def test_a_brighter_image_is_not_cut(make: Callable[[], Callable[[np.ndarray], Any]]) -> None:
    """All of it between 0.9 and 1.6: a result cut at 1 would be 1 in the brighter half."""
    use = make()
    brighter = 0.9 + 0.7 * IMAGES[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = use(brighter)
    assert np.isfinite(result).all()
    assert result.max() <= brighter.max()
    assert result.max() > 1.05


@pytest.mark.parametrize("make", [reconstruction, denoiser, inpainter, autoencoder])
def test_images_on_another_scale_are_said(
    make: Callable[[], Callable[[np.ndarray], Any]],
) -> None:
    use = make()
    with pytest.warns(
        ImageWarning, match=r"^array\[0\] and 2 more: much of it lies outside .* \(0 to 1\)"
    ):
        use(50 + 200 * IMAGES[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(IMAGES[:3])


def test_results_within_the_range_stay_in_it() -> None:
    result = np.asarray(denoiser()(IMAGES))
    assert 0 <= result.min() <= result.max() <= 1
