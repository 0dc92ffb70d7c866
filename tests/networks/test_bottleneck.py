"""Sparse codes: 0 or more, and no number of them can be lost."""

import pytest
import torch

from convae.networks.architecture import Architecture
from convae.networks.bottleneck import MEMORY, Rectifier

SPARSE = pytest.mark.parametrize("kind", ["l1", "top-k"])
CODES = pytest.mark.parametrize("shape", [(32, 8), (4, 8, 3, 3)], ids=["dense", "spatial"])


def rectifier(kind: str, dimensions: int) -> Rectifier:
    code = "dense" if dimensions == 2 else "spatial"
    return Rectifier(
        Architecture(
            image_shape=(1, 8, 8),
            latent_dim=8,
            code=code,
            bypass="none",
            bottleneck=kind,
            active=0.25,
        )
    )


def numbers(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@SPARSE
@CODES
def test_a_number_that_sinks_or_shrinks_is_on_again_for_some_images(
    kind: str, shape: tuple[int, ...]
) -> None:
    layer = rectifier(kind, len(shape))
    column = (1, 8, *(1,) * (len(shape) - 2))
    sunk = torch.zeros(column)
    sunk[:, 3], size = -50.0, torch.ones(column)
    size[:, 5] = 1e-2
    for step in range(5):
        layer(numbers(shape, step))
    below = layer.eval()(numbers(shape, 99) * size + sunk)
    assert not below[:, 3].any()
    layer.train()
    for step in range(5 * int(MEMORY)):
        layer(numbers(shape, step) * size + sunk)
    code = layer.eval()(numbers(shape, 99) * size + sunk)
    assert bool((code.transpose(0, 1).flatten(1) > 0).any(dim=1).all())
    assert float(code.min()) == 0


@SPARSE
@CODES
def test_outside_training_nothing_is_followed_and_images_do_not_matter_to_each_other(
    kind: str, shape: tuple[int, ...]
) -> None:
    layer, x = rectifier(kind, len(shape)), numbers(shape, 0)
    layer(x)
    before = {name: value.clone() for name, value in layer.eval().state_dict().items()}
    together = layer(x)
    assert torch.equal(torch.cat([layer(one[None]) for one in x]), together)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


@CODES
def test_top_k_keeps_the_largest_at_each_position(shape: tuple[int, ...]) -> None:
    layer, x = rectifier("top-k", len(shape)).eval(), numbers(shape, 0)
    code = layer(x)
    assert int((code > 0).sum(dim=1).max()) == 2
    assert torch.equal(code.amax(dim=1), x.amax(dim=1).relu())


@SPARSE
def test_a_number_that_is_the_same_for_all_images_stays_finite(kind: str) -> None:
    layer = rectifier(kind, 2)
    for _ in range(200):
        code = layer(torch.full((1, 8), 3.0))
    assert bool(torch.isfinite(code).all())
