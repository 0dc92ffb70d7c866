"""Solid patches are found to their outline, whatever their shape and colour; sound images hold none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.classical.solid_patches import (
    KINDS,
    Flatness,
    flat_regions,
    patch_prominences,
    solid_patches,
)

THRESHOLDS = tuple(kind.prominence for kind in KINDS)
HEIGHT, WIDTH = 60, 72


def smooth(channels: int = 1, seed: int = 0) -> np.ndarray:
    """(H, W, C) waves from about 0.1 to 0.9, in steps of 1 / 255 as 8-bit files hold them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [
        0.5 + 0.2 * np.sin(a * x + 6 * p) + 0.2 * np.cos(b * y + 3 * p)
        for a, b, p in rng.uniform(0.1, 0.5, (channels, 3))
    ]
    image: np.ndarray = (np.rint(255 * np.stack(waves, axis=2)) / 255).astype(np.float32)
    return image


def grainy(channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, channels))
    values = np.clip(255 * smooth(channels, seed) + grain, 0, 255)
    return np.asarray(np.rint(values) / 255, np.float32)


def none() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), np.bool_)


def iou(found: np.ndarray, mask: np.ndarray) -> float:
    return float((found & mask).sum() / (found | mask).sum())


@st.composite
def shapes(draw: st.DrawFn) -> np.ndarray:
    """Rectangles, discs and scratches, wholly or partly in the image."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    top, left = draw(st.integers(4, HEIGHT - 14)), draw(st.integers(4, WIDTH - 14))
    kind = draw(st.sampled_from(("rectangle", "disc", "scratch", "strip")))
    mask: np.ndarray
    if kind == "rectangle":
        high, wide = draw(st.integers(6, 24)), draw(st.integers(6, 24))
        mask = (y >= top) & (y < top + high) & (x >= left) & (x < left + wide)
    elif kind == "disc":
        mask = (y - top) ** 2 + (x - left) ** 2 <= draw(st.integers(4, 14)) ** 2
    elif kind == "strip":
        mask = (y >= top) & (y < top + draw(st.integers(2, 4)))
    else:
        angle = draw(st.floats(0, np.pi))
        across = (y - HEIGHT / 2) * np.cos(angle) + (x - WIDTH / 2) * np.sin(angle)
        along = (x - WIDTH / 2) * np.cos(angle) - (y - HEIGHT / 2) * np.sin(angle)
        mask = (np.abs(across) <= 1.5) & (np.abs(along) <= 20)
    return mask


@settings(deadline=None, max_examples=60)
@given(
    shapes(),
    st.sampled_from((smooth, grainy)),
    st.sampled_from((1, 3, 5)),
    st.integers(0, 9),
    st.sampled_from((0.0, 1.0, 0.97, 0.02)),
)
def test_whole_patches_are_found(
    mask: np.ndarray, make: object, channels: int, seed: int, value: float
) -> None:
    assert callable(make)
    image = make(channels, seed)
    image[mask] = value
    assert iou(solid_patches(image, none(), THRESHOLDS), mask) >= 0.8


@settings(deadline=None, max_examples=40)
@given(st.sampled_from((smooth, grainy)), st.sampled_from((1, 3)), st.integers(0, 500))
def test_no_patch_where_there_is_none(make: object, channels: int, seed: int) -> None:
    assert callable(make)
    assert not solid_patches(make(channels, seed), none(), THRESHOLDS).any()


def test_patches_of_several_colours_and_one_across_another() -> None:
    image, mask = smooth(3), none()
    for place, colour in (
        (np.s_[5:20, 8:30], (1, 0, 0)),
        (np.s_[12:30, 20:34], (0, 0, 1)),
        (np.s_[40:46, 50:70], (0.5, 0.5, 0.5)),
    ):
        image[place], mask[place] = colour, True
    assert iou(solid_patches(image, none(), THRESHOLDS), mask) > 0.99


def test_prominence_is_what_the_formula_gives() -> None:
    """A square of side 6 and value 1 on 0.5: J = 0.5, thickness 2 · 36 / 24 = 3, so (0.5 - 0.1) · 6 = 2.4.

    A line of 1 x 30: thickness 60 / 62, so 0.4 · sqrt(30) · 60 / 62 / 3.
    """
    kind = Flatness(step=1e-6, spread=1e-6, area=16, slope=0.1, prominence=1)
    for place, expected in (
        (np.s_[10:16, 10:16], 2.4),
        (np.s_[10:11, 10:40], 0.4 * 30**0.5 * 60 / 62 / 3),
    ):
        image = np.full((HEIGHT, WIDTH, 1), 0.5, np.float32)
        image[place] = 1
        _, prominences = flat_regions(image, none(), kind)
        assert prominences.tolist() == pytest.approx([expected], rel=1e-5)


def test_what_is_missing_belongs_to_no_patch_and_bounds_none() -> None:
    image, missing = smooth(), none()
    image[10:20, 10:30], missing[10:20, 10:30] = 0.4, True
    assert patch_prominences(image, missing) == (0, 0)
    image[20:30, 10:30] = 1  # a patch below the missing part
    found = solid_patches(image, missing, THRESHOLDS)
    assert found[20:30, 10:30].all()
    assert not found[missing].any()


def test_a_blurred_outline_belongs_to_the_patch() -> None:
    image, mask = smooth(), none()
    mask[20:34, 20:40] = True
    image[mask] = 1
    half = none()
    half[19:35, 19:41] = True
    half &= ~mask
    image[half] = 0.6 + 0.4 * image[half]
    found = solid_patches(image, none(), THRESHOLDS)
    assert found[mask | half].mean() > 0.95
    assert found.sum() < 1.1 * (mask | half).sum()


def test_a_patch_of_a_jpeg_is_found() -> None:
    import io

    from PIL import Image

    image, mask = grainy(), none()
    mask[16:40, 24:56] = True
    image[mask] = 1
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * image[..., 0]).astype(np.uint8)).save(file, "JPEG", quality=90)
    read = (np.asarray(Image.open(file))[..., None] / 255).astype(np.float32)
    assert iou(solid_patches(read, none(), THRESHOLDS), mask) >= 0.8


def test_the_frame_of_a_scan_is_no_damage_and_a_torn_corner_is() -> None:
    image = grainy()
    image[:1], image[:, -2:] = 0, 0
    assert not solid_patches(image, none(), THRESHOLDS).any()
    image[-12:, :10] = 1
    found = solid_patches(image, none(), THRESHOLDS)
    assert found[-12:, :10].all()
    assert found.sum() <= 130


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (3, 4, 1), (5, 5, 2)])
def test_tiny_images(shape: tuple[int, int, int]) -> None:
    for image in (np.zeros(shape, np.float32), np.random.default_rng(0).random(shape, np.float32)):
        assert not solid_patches(image, np.zeros(shape[:2], np.bool_), THRESHOLDS).any()
    everything = np.ones(shape[:2], np.bool_)
    assert patch_prominences(np.zeros(shape, np.float32), everything) == (0, 0)
