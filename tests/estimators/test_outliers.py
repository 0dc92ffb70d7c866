"""Values far outside of the fitted range: whoever fits is told, on the screen and in Python."""

import warnings

import numpy as np
import pytest

import convae


def stars(count: int, bright: float, dtype: str) -> np.ndarray:
    """Frames around 1000 with one bright point in each of so many of them."""
    rng = np.random.default_rng(0)
    frames = rng.normal(1000, 30, (40, 16, 16))
    for frame in frames[:count]:
        frame[tuple(rng.integers(2, 14, 2))] = bright
    return frames.round().astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize(("scaling", "told"), [("auto", True), ("minmax", False)])
def test_bright_points_are_told_of_unless_the_range_holds_them(
    dtype: str, scaling: str, told: bool
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        convae.ConvAutoencoder(latent_dim=2, epochs=1, preparation={"scaling": scaling}).fit(
            stars(3, 4e4, dtype)
        )
    words = [str(one.message) for one in caught if "a few values reach 40000" in str(one.message)]
    assert len(words) == told
    assert not words or "scaling minmax" in words[0]


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_range_that_bright_points_stretch_is_told_of(dtype: str) -> None:
    """A cross-entropy needs every value within the range."""
    with pytest.warns(UserWarning, match="all others share a small part of the network's range"):
        convae.ConvAutoencoder(latent_dim=2, epochs=1, loss="bce").fit(stars(3, 4e4, dtype))


def test_ordinary_images_are_not_told_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convae.ConvAutoencoder(latent_dim=2, epochs=1).fit(stars(0, 0, "uint16"))
