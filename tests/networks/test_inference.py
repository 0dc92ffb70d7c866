"""Inference: the same bits whatever the neighbours, in order, without reading ahead."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.images.dataset.scaling import Scaling
from convae.images.dataset.unit_range import UnitRange
from convae.images.files.image import Pixels
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import (
    BATCH_VALUES,
    MAX_BATCH,
    Inference,
    batch_size,
    batches_of_one_shape,
)
from convae.networks.presets import make_architecture
from convae.training.devices import on_device

CPU = torch.device("cpu")


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with on_threads(1):
        yield


def inference(preset: str, shape: tuple[int, int, int], **changes: Any) -> Inference:
    """A network whose every weight matters, as after training."""
    torch.manual_seed(0)
    network = on_device(Autoencoder(make_architecture(preset, shape, **changes)), CPU)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(0, 0.05)
    return Inference(network, UnitRange(Scaling((0.0,), (1.0,), "float32"), CPU))


def noise(count: int, shape: tuple[int, int, int], seed: int = 0) -> list[Pixels]:
    """(H, W, C) images; the first has missing pixels."""
    values = np.random.default_rng(seed).random((count, *shape[1:], shape[0]), dtype=np.float32)
    values[0, 0, 0] = np.nan
    return list(values)


def results(model: Inference, images: list[Pixels]) -> list[tuple[bytes, bytes, bytes]]:
    """Code, what went in, and reconstruction of each image, bit for bit."""
    codes = [code.tobytes() for code in model.encode(images) if code is not None]
    pairs = [(x.numpy().tobytes(), y.numpy().tobytes()) for x, y in model.reconstruct(images)]
    return [(code, *pair) for code, pair in zip(codes, pairs, strict=True)]


SETUPS: list[tuple[str, tuple[int, int, int], dict[str, Any]]] = [
    ("residual", (1, 28, 28), {"widths": (8, 16), "blocks": 1}),
    ("residual", (3, 17, 23), {"widths": (8, 16), "blocks": 1, "code": "spatial"}),
    ("residual", (1, 100, 90), {"widths": (8, 16), "latent_dim": 8}),
    ("tutorial", (1, 28, 28), {}),
    ("tutorial", (3, 32, 32), {"norm": "batch"}),
    ("pooled", (2, 1, 40), {}),
    ("pooled", (1, 28, 28), {"code": "dense", "norm": "group"}),
    ("pooled", (1, 64, 64), {"padding_mode": "reflect", "widths": (8, 64)}),
    ("pooled", (1, 17, 23), {}),  # numbers of pixels that no vector divides
    ("residual", (1, 28, 28), {"bypass": "none", "bottleneck": "gaussian", "levels": 2}),
]


@pytest.mark.parametrize(("preset", "shape", "changes"), SETUPS, ids=str)
def test_an_image_gives_the_same_bits_alone_and_anywhere_among_others(
    preset: str, shape: tuple[int, int, int], changes: dict[str, Any]
) -> None:
    model, size = inference(preset, shape, **changes), batch_size(math.prod(shape))
    images = noise(size + min(size, 5), shape)
    together = results(model, images)
    order = np.random.default_rng(1).permutation(len(images))
    assert results(model, [images[i] for i in order]) == [together[i] for i in order]
    assert results(model, [*noise(3, shape, seed=9), images[0]])[3] == together[0]
    for i in (0, 1, len(images) - 1):
        assert results(model, [images[i]]) == [together[i]]
    everywhere = results(model, [images[1]] * size)  # in every place of a batch
    assert set(everywhere) == {together[1]}


@pytest.mark.parametrize(
    ("preset", "changes"),
    [("residual", {"widths": (8, 16), "blocks": 1}), ("tutorial", {}), ("pooled", {})],
)
def test_the_same_holds_on_several_threads(preset: str, changes: dict[str, Any]) -> None:
    model = inference(preset, (1, 28, 28), **changes)
    with on_threads(2):
        images = noise(70, (1, 28, 28))
        together = results(model, images)
        assert results(model, images[::-1]) == together[::-1]
        assert results(model, images[:1]) == together[:1]


def test_decoding_does_not_depend_on_neighbours() -> None:
    model = inference("residual", (1, 28, 28), widths=(8, 16), latent_dim=64)
    codes = np.random.default_rng(0).normal(size=(70, 64)).astype(np.float32)
    together = [image.numpy().tobytes() for image in model.decode(codes)]
    assert [image.numpy().tobytes() for image in model.decode(codes[::-1])] == together[::-1]
    for i in (0, 63, 64, 69):
        (alone,) = model.decode(codes[i : i + 1])
        assert alone.numpy().tobytes() == together[i]


def test_mixed_shapes_keep_their_order_and_their_bits() -> None:
    model = inference("pooled", (1, 28, 28))
    shapes = [(1, 28, 28), (1, 9, 30), (1, 28, 28), (1, 28, 28), (1, 1, 1), (1, 9, 30), (1, 60, 3)]
    images = [noise(1, shape, seed=i)[0] for i, shape in enumerate(shapes)]
    together = results(model, images)
    assert [len(x) for _, x, _ in together] == [4 * math.prod(shape) for shape in shapes]
    assert together == [results(model, [image])[0] for image in images]


def test_images_are_not_read_ahead() -> None:
    """Memory stays that of a few batches, however many images there are."""
    model = inference("tutorial", (1, 12, 12), widths=(2,), latent_dim=2)
    read = given_back = furthest = 0

    def endless() -> Iterator[Pixels]:
        nonlocal read
        image = np.zeros((12, 12, 1), np.float32)
        while read < 5000:
            read += 1
            yield image

    for _ in model.encode(endless()):
        given_back += 1
        furthest = max(furthest, read - given_back)
    assert given_back == 5000
    assert furthest <= batch_size(144) + 1


def test_codes_are_not_read_ahead() -> None:
    model = inference("tutorial", (1, 12, 12), widths=(2,), latent_dim=2)
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield np.zeros(2, np.float32)

    next(model.decode(endless()))
    assert read <= batch_size(144)


def test_nothing_in_nothing_out() -> None:
    model = inference("pooled", (1, 8, 8))
    assert results(model, []) == []
    assert list(model.decode([])) == []


@given(values=st.integers(1, 10**9))
@settings(max_examples=50)
def test_a_batch_is_bounded(values: int) -> None:
    assert 1 <= batch_size(values) <= MAX_BATCH
    assert batch_size(values) == 1 or batch_size(values) * values <= BATCH_VALUES


@given(sides=st.lists(st.sampled_from([30, 40, 250]), max_size=40))
@settings(max_examples=50)
def test_runs_hold_one_shape_and_at_most_a_batch(sides: list[int]) -> None:
    images = [np.full((side, 60, 1), i % 250, np.uint8) for i, side in enumerate(sides)]
    runs = list(batches_of_one_shape(images))
    assert [image[0, 0, 0] for run in runs for image in run] == [i % 250 for i in range(len(sides))]
    for run in runs:
        assert len({image.shape for image in run}) == 1
        assert 1 <= len(run) <= batch_size(run[0].size)
