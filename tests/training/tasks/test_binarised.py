"""Grey values as chances of white."""

import torch

from convae.losses import parse_loss
from convae.training.tasks.binarised import Binarised
from convae.training.tasks.task import Reconstruction, step_rng


def test_pixels_are_white_as_often_as_they_are_grey() -> None:
    task, grey = Binarised(Reconstruction(parse_loss("bce"))), torch.rand(1, 1, 4, 4)
    images = grey.expand(4000, 1, 4, 4)
    example = task.example(images, step_rng(0, 0, 0, torch.arange(4000).numpy()))
    assert torch.equal(example.input, example.target)
    assert set(example.input.unique().tolist()) == {0.0, 1.0}
    # four standard errors of a share of 4,000 draws
    torch.testing.assert_close(example.input.mean(dim=0), grey[0], atol=4 * 0.5 / 4000**0.5, rtol=0)


def test_each_step_draws_anew_and_repeats_itself() -> None:
    task, images = Binarised(Reconstruction(parse_loss("bce"))), torch.full((2, 1, 8, 8), 0.5)
    rows = torch.arange(2).numpy()
    first, again, other = (
        task.example(images, step_rng(0, 0, step, rows)).input for step in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
