"""Learning to fill holes: what goes in, what counts, and that a draw decides all."""

import numpy as np
import pytest
import torch

from convae.classical.filling import biharmonic_fill
from convae.corruption.holes import Holes
from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.inpainting import STEP, FromHoles, with_fill
from convae.training.tasks.task import step_rng


def batch(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand((*shape[:2], 8, 8), generator=generator)
    return torch.nn.functional.interpolate(rough, size=shape[2:], mode="bicubic").clamp(0, 1)


def task(loss: str = "l1", *, turn: bool = False, holes: str = "mixed") -> FromHoles:
    return FromHoles(parse_loss(loss), Holes(holes), "biharmonic", turn=turn)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_fill_and_the_mask_go_in(channels: int) -> None:
    clean = batch(4, channels, 32, 24)
    example = task().example(clean, step_rng(0, 0, 0, np.arange(4)))
    assert example.input.shape == (4, channels + 1, 32, 24)
    fill, mask = example.input[:, :-1], example.input[:, -1:]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(fill * (1 - mask), clean * (1 - mask))
    assert torch.equal(example.target, clean)
    # What was there does not leak: the fill is made of known pixels alone.
    other = torch.where(mask > 0, 0.123, clean)
    assert torch.equal(with_fill(other, mask, "biharmonic"), example.input)
    exact = biharmonic_fill(clean, mask)
    assert float((fill - exact).abs().mean()) < 0.02


def test_the_draw_decides_all() -> None:
    clean = batch(4, 1, 32, 32)
    first, again, other = (
        task(turn=True).example(clean, step_rng(0, 0, step, np.arange(4))).input
        for step in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("loss", "power"), [("l1", 1), ("mse", 2)])
def test_the_loss_is_what_is_left_of_that_of_the_fill(loss: str, power: int) -> None:
    clean = batch(3, 1, 16, 16)
    example = task(loss).example(clean, step_rng(0, 0, 0, np.arange(3)))
    fill, mask = example.input[:, :1], example.input[:, -1:]
    mean = ((fill - clean).abs() ** power).sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3))
    start = mean + STEP**power

    def losses(image: torch.Tensor) -> torch.Tensor:
        return task(loss).losses(Output(image, torch.zeros(3, 1)), example)

    assert losses(fill).numpy() == pytest.approx((mean / start).numpy(), rel=1e-3)
    assert bool((losses(fill) < 1).all())
    assert losses(clean + 0.5).numpy() == pytest.approx((0.5**power / start).numpy(), rel=1e-3)
    assert torch.equal(losses(clean + 0.5 * (1 - mask)), torch.zeros(3))  # known pixels


def test_a_perfect_fill_is_no_division_by_zero() -> None:
    flat = torch.full((2, 1, 16, 16), 0.4)
    example = task().example(flat, step_rng(0, 0, 0, np.arange(2)))
    losses = task().losses(Output(flat, torch.zeros(2, 1)), example)
    assert bool((losses < 1e-3).all())
