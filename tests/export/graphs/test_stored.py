"""Scaling in a graph equals that of a model."""

import numpy as np
import pytest
import torch

from convae.export.graphs.stored import FromStored, ToStored
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.unit_range import UnitRange

SCALINGS = [
    Scaling((0.0,), (255.0,), "uint8"),
    Scaling((200.0, 7.0), (4400.0, 900.0), "uint16"),
    Scaling((-1.5,), (2.25,), "float32"),
]


def stored(scaling: Scaling) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (2, len(scaling.low), 6, 7)
    if scaling.dtype == "float32":
        return rng.normal(size=shape).astype(np.float32)
    return rng.integers(0, np.iinfo(scaling.dtype).max + 1, shape).astype(scaling.dtype)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaled_as_by_the_model(scaling: Scaling) -> None:
    images = stored(scaling)
    wanted = UnitRange(scaling, torch.device("cpu"))(images)
    assert torch.equal(FromStored(scaling)(torch.from_numpy(images)), wanted)


def test_missing_pixels_become_the_mean_of_their_channel() -> None:
    scaling = SCALINGS[2]
    images = stored(scaling)
    images[0, 0, 2, 3], images[1] = np.nan, np.inf
    wanted = UnitRange(scaling, torch.device("cpu"))(images)
    assert torch.equal(FromStored(scaling)(torch.from_numpy(images)), wanted)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_stored_values_are_rounded_as_by_the_model(scaling: Scaling) -> None:
    scaled = torch.rand(2, len(scaling.low), 5, 4, generator=torch.Generator().manual_seed(0))
    scaled = 3 * scaled - 1  # beyond the range on both sides
    if scaling.dtype != "float32":
        scaled[0, 0, 0, 0] = torch.nan
    to_stored = ToStored(scaling)
    made = to_stored.stored(to_stored.rounded(to_stored.exact(scaled))).numpy()
    wanted = scaling.invert(scaled.numpy())
    assert made.dtype == wanted.dtype
    assert (made == wanted).all()
