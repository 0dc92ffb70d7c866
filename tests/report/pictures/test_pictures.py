import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convae.errors import InputError
from convae.report.colours import colour_map
from convae.report.pictures.pictures import (
    absolute_error,
    band_note,
    data_uri,
    error_map,
    error_scale,
    fit_size,
    png_bytes,
    save_picture,
    shown_range,
    to_display,
)


@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_any_shape_can_be_shown(
    count: Any, channels: Any, height: Any, width: Any, alpha: Any
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-0.5, 1.5, (count, channels, height, width))
    pixels[rng.random(pixels.shape) < 0.1] = np.nan
    shown = to_display(pixels, alpha=alpha)
    assert shown.shape == (count, height, width, 3)
    assert shown.dtype == np.uint8


def test_grey_and_colour_values() -> None:
    grey = to_display(np.array([0.0, 0.5, 1.0, 7.0]).reshape(4, 1, 1, 1))
    assert grey[:, 0, 0].tolist() == [[0] * 3, [128] * 3, [255] * 3, [255] * 3]
    colour = to_display(np.array([1.0, 0.0, 0.2]).reshape(1, 3, 1, 1))
    assert colour[0, 0, 0].tolist() == [255, 0, 51]


def test_transparent_and_missing_pixels_show_the_board() -> None:
    rgba = np.ones((1, 4, 16, 16))
    rgba[:, 3] = 0
    board = to_display(rgba)
    assert set(np.unique(board)) == {214, 238}
    assert (to_display(np.full((1, 1, 16, 16), np.nan)) == board).all()
    rgba[:, 3] = 1
    assert (to_display(rgba) == 255).all()


def test_two_channels_are_a_band_unless_they_are_alpha() -> None:
    pixels = np.stack([np.ones((1, 4, 4)), np.zeros((1, 4, 4))], axis=1)
    assert (to_display(pixels) == 255).all()
    assert (to_display(pixels, alpha=True) < 255).all()


def test_band_notes() -> None:
    assert band_note(1) == band_note(3) == band_note(4) == ""
    assert band_note(2) == "Band 1 of 2 is shown."
    assert band_note(2, alpha=True) == ""
    assert band_note(8) == "Bands 8, 5 and 1 of 8 are shown as red, green and blue."
    assert band_note(8, bands=(2, 1, 0)).startswith("Bands 3, 2 and 1 of 8")


def test_bands_are_chosen() -> None:
    pixels = np.arange(5.0).reshape(1, 5, 1, 1) / 5
    assert to_display(pixels, bands=(0, 1, 2))[0, 0, 0].tolist() == [0, 51, 102]
    with pytest.raises(InputError, match="bands must be three numbers from 0 to 4"):
        to_display(pixels, bands=(0, 1, 5))
    with pytest.raises(InputError, match=r"\(n, C, H, W\)"):
        to_display(pixels[0])


def test_range_in_use() -> None:
    assert shown_range(np.linspace(0, 1, 100)) == (0.0, 1.0)
    assert shown_range(np.full(9, 0.2)) == (0.0, 1.0)
    assert shown_range(np.full(9, np.nan)) == (0.0, 1.0)
    low, high = shown_range(np.linspace(0, 0.01, 10_000))
    assert 0 < low < 0.001
    assert 0.009 < high < 0.01


def test_error_is_averaged_over_known_channels() -> None:
    first = np.array([0.0, np.nan]).reshape(1, 2, 1, 1)
    assert absolute_error(first, np.full_like(first, 0.3)).item() == pytest.approx(0.3)
    assert np.isnan(absolute_error(first[:, 1:], first[:, 1:])).all()
    with pytest.raises(InputError, match="the same shape"):
        absolute_error(first, first[:, :1])


def test_error_map_has_one_absolute_scale() -> None:
    zero = np.zeros((2, 1, 2, 2))
    other = zero.copy()
    other[1] = 0.2
    shown = error_map(zero, other, scale=0.4)
    assert (shown[0] == colour_map(np.array(0.0))).all()
    assert (shown[1] == colour_map(np.array(0.5))).all()
    other[0, 0, 0, 0] = np.nan
    assert (error_map(zero, other)[0, 0, 0] == 128).all()


@pytest.mark.parametrize(("error", "scale"), [(0.0, 0.01), (0.3, 0.3), (0.41, 0.5), (2e-5, 2e-5)])
def test_error_scale_is_round(error: Any, scale: Any) -> None:
    zero = np.zeros((1, 1, 4, 4))
    assert error_scale(zero, zero + error) == pytest.approx(scale)


def test_sizes() -> None:
    tiny = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    big = fit_size(tiny, enlarge_to=8)
    assert big.shape == (1, 8, 8, 3)
    assert (big[:, ::4, ::4] == tiny).all()
    assert fit_size(np.zeros((2, 1000, 10, 3), np.uint8)).shape == (2, 256, 3, 3)
    assert fit_size(np.zeros((0, 999, 9, 3), np.uint8)).shape == (0, 256, 2, 3)
    assert fit_size(np.zeros((1, 1, 64, 3), np.uint8)).shape == (1, 2, 128, 3)


def test_pictures_are_written(tmp_path: Any) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = save_picture(tmp_path / "a.png", picture)
    assert (np.asarray(Image.open(path)) == picture).all()
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(picture)))) == picture).all()
    assert data_uri(picture).startswith("data:image/png;base64,iVBOR")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(InputError, match="uint8"):
        save_picture(tmp_path / "b.png", picture / 255)
    with pytest.raises(InputError, match="folder does not exist"):
        save_picture(tmp_path / "no" / "b.png", picture)
