"""Sparse codes: 0 or more, who competes with whom, and what reaches those that lost."""

import pytest
import torch

from convae.networks.architecture import Architecture
from convae.networks.bottleneck import LEAK, Rectifier

SPARSE = pytest.mark.parametrize("kind", ["l1", "top-k", "winners"])
CODES = pytest.mark.parametrize("shape", [(32, 8), (4, 8, 3, 3)], ids=["dense", "spatial"])
ACTIVE = 0.25


def rectifier(kind: str, dimensions: int) -> Rectifier:
    code = "dense" if dimensions == 2 else "spatial"
    return Rectifier(
        Architecture(
            image_shape=(1, 8, 8),
            latent_dim=8,
            code=code,
            bypass="none",
            bottleneck=kind,
            active=ACTIVE,
        )
    )


def numbers(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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


@CODES
def test_winners_are_the_images_that_switch_a_number_on_most(shape: tuple[int, ...]) -> None:
    layer, x = rectifier("winners", len(shape)), numbers(shape, 0)
    code = layer(x).flatten(2).amax(dim=2) if len(shape) > 2 else layer(x)
    strongest = x.flatten(2).amax(dim=2) if len(shape) > 2 else x
    kept = max(1, round(ACTIVE * shape[0]))
    for number in range(8):
        best = strongest[:, number].argsort(descending=True)[:kept]
        assert set(code[:, number].nonzero()[:, 0].tolist()) == set(best.tolist())


def test_winners_keep_one_position_of_an_image_and_about_their_rate_of_new_images() -> None:
    layer = rectifier("winners", 4)
    for step in range(100):
        layer(numbers((64, 8, 3, 3), step))
    code = layer.eval()(numbers((2000, 8, 3, 3), 1000))
    assert int((code.flatten(2) > 0).sum(dim=2).max()) == 1
    rates = (code.flatten(2).amax(dim=2) > 0).float().mean(dim=0)
    assert (
        float((rates - ACTIVE).abs().max()) < 0.05
    )  # five deviations of a rate of 2,000 and of the threshold


@pytest.mark.parametrize("kind", ["l1", "top-k"])
def test_a_little_of_the_gradient_reaches_numbers_that_are_off(kind: str) -> None:
    x = numbers((32, 8), 0).requires_grad_()
    code = rectifier(kind, 2)(x)
    code.sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, torch.where(code > 0, 1.0, LEAK))


@CODES
def test_of_winners_it_reaches_those_that_no_image_switches_on(shape: tuple[int, ...]) -> None:
    """At the strongest position of each image; where a number has winners, the gradient is theirs."""
    x = numbers(shape, 0)
    x[:, 3] -= 9
    x.requires_grad_()
    code = rectifier("winners", len(shape))(x)
    code.sum().backward()
    assert x.grad is not None
    wanted = (code > 0).float()
    dead = x.detach()[:, 3].reshape(len(x), -1)
    wanted[:, 3] = torch.where(dead >= dead.amax(1, keepdim=True), LEAK, 0).view_as(wanted[:, 3])
    assert torch.equal(x.grad, wanted)
