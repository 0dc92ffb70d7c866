"""Images that are kept where the network is give the batches that they give otherwise."""

from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small_run import make_job
from tests.training.test_loop import finished

from convae.images.dataset.image_set import ImageSet, prepare
from convae.images.dataset.preparation import Preparation
from convae.images.sources.open_source import open_source
from convae.training import device_batches
from convae.training.device_batches import Batches

CPU = torch.device("cpu")
ROOM = 10**6
ORDER = [np.array([3, 0]), np.array([4]), np.array([1, 1, 2]), np.array([5, 13])]  # 5 again: 0


def images(dtype: str = "uint8", **wanted: Any) -> ImageSet:
    values = np.random.default_rng(0).integers(0, 200, (5, 8, 6, 3)).astype(dtype)
    return prepare(open_source(values), Preparation(**wanted))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_kept_images_give_the_same_batches(dtype: str) -> None:
    source = images(dtype)
    batches = Batches(source, CPU, ROOM)
    assert batches.kept
    for mine, theirs in zip(batches.of(ORDER, (0, 0)), source.batches(ORDER, (0, 0)), strict=True):
        assert isinstance(mine, torch.Tensor)
        assert np.array_equal(mine.numpy(), theirs)
        assert mine.numpy().dtype == theirs.dtype


@pytest.mark.parametrize(
    ("source", "room"),
    [
        (images("uint16"), ROOM),
        (images(size=(4, 4), framing="random-crop"), ROOM),
        (images(storage="streamed"), ROOM),
        (images(storage="cached"), ROOM),
        (images(), 5 * 8 * 6 * 3 - 1),
        (images(), None),  # a CPU has them already
    ],
    ids=["uint16", "random crop", "streamed", "cached", "too many", "cpu"],
)
def test_what_cannot_be_kept_comes_from_the_set(source: ImageSet, room: int | None) -> None:
    batches = Batches(source, CPU, room)
    assert not batches.kept
    for mine, theirs in zip(batches.of(ORDER, (0, 1)), source.batches(ORDER, (0, 1)), strict=True):
        assert np.array_equal(mine, theirs)


def test_training_on_kept_images_ends_with_the_same_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = finished(make_job())
    monkeypatch.setattr(device_batches, "_room", lambda device: ROOM)
    assert finished(make_job()) == expected
