"""Images framed in a graph come out as convae frames them, to the last grey value."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.export.graphs.framing import Framed, resized
from convae.images.dataset.framing import Framing, resize

SIDES = st.integers(1, 40)


def as_batch(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(pixels.astype(np.float32), 2, 0)[None].copy())


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_bytes_are_resized_exactly(h: int, w: int, height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (h, w, 2), dtype=np.uint8)
    made = resized(as_batch(pixels), (height, width), dtype="uint8")[0].numpy()
    assert (np.moveaxis(made, 0, 2) == resize(pixels, (height, width))).all()


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_floats_are_resized_within_rounding(
    h: int, w: int, height: int, width: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).normal(size=(h, w, 1)).astype(np.float32)
    made = resized(as_batch(pixels), (height, width), dtype="float32")[0].numpy()
    np.testing.assert_allclose(np.moveaxis(made, 0, 2), resize(pixels, (height, width)), atol=1e-5)


def test_a_missing_pixel_makes_those_missing_that_depend_on_it() -> None:
    pixels = np.random.default_rng(0).random((12, 9, 1)).astype(np.float32)
    pixels[3, 4] = np.nan
    made = resized(as_batch(pixels), (5, 6), dtype="float32")[0, 0].numpy()
    wanted = resize(pixels, (5, 6))[..., 0]
    assert (np.isnan(made) == np.isnan(wanted)).all()
    assert 0 < np.isnan(made).sum() < made.size
    np.testing.assert_allclose(made, wanted, atol=1e-6)


@pytest.mark.parametrize("mode", ["resize", "crop", "pad"])
@pytest.mark.parametrize("original", [(7, 9), (8, 10), (3, 10), (8, 4), (5, 5)])
def test_framing_and_back(mode: str, original: tuple[int, int]) -> None:
    framing = Framing(size=(8, 10), mode=mode)
    pixels = np.random.default_rng(1).integers(0, 256, (*original, 3), dtype=np.uint8)
    framed = Framed(framing, "uint8")
    made = framed(as_batch(pixels))
    wanted = framing.apply(pixels)
    assert (np.moveaxis(made[0].numpy(), 0, 2) == wanted).all()
    back = framed.undo(made, original)
    assert (np.moveaxis(back[0].numpy(), 0, 2) == framing.undo(wanted, original)).all()


@pytest.mark.parametrize("original", [(20, 9), (6, 30), (31, 33)])
def test_a_crop_takes_the_centre_and_comes_back_as_it_is(original: tuple[int, int]) -> None:
    framing = Framing(size=(8, 10), mode="crop")
    pixels = np.random.default_rng(2).integers(0, 65536, (*original, 1), dtype=np.uint16)
    framed = Framed(framing, "uint16")
    made = framed(as_batch(pixels))
    assert (np.moveaxis(made[0].numpy(), 0, 2) == framing.apply(pixels)).all()
    back = framed.undo(made, original)
    wanted = framing.undo(framing.apply(pixels), original)
    assert (np.moveaxis(back[0].numpy(), 0, 2) == wanted).all()
