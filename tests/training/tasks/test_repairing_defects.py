"""Learning to mend: what goes in, what should come out, what counts, and that a draw decides all."""

import math

import numpy as np
import pytest
import torch

from convae.corruption.defects import Defects
from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.repairing_defects import HARD, REPAIR, RepairDefects
from convae.training.tasks.task import step_rng


def batch(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def task(*, flips: bool = False, crop: int | None = None, share: float = 1.0) -> RepairDefects:
    return RepairDefects(parse_loss("mse"), Defects(share=share), flips=flips, crop=crop)


@pytest.mark.parametrize("channels", [1, 3])
def test_damaged_images_go_in_and_the_mask_says_where(channels: int) -> None:
    normal = batch(6, channels, 32, 24)
    example = task().example(normal, step_rng(0, 0, 0, np.arange(6)))
    assert torch.equal(example.target, normal)
    assert example.further is not None
    assert example.further.shape == (6, 1, 32, 24)
    differs = (example.input != normal).any(dim=1, keepdim=True)
    assert float(differs[example.further > 0].float().mean()) > 0.9
    assert float(differs.float().mean()) < 0.9


def test_the_draw_decides_all() -> None:
    normal = batch(4, 1, 24, 24)
    first, again, other = (
        task(flips=True, crop=16).example(normal, step_rng(0, 0, step, np.arange(4))).input
        for step in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_parts_are_cut_out_of_each_image_for_itself() -> None:
    normal = batch(6, 1, 40, 12)
    example = task(crop=16, share=1e-9).example(normal, step_rng(0, 0, 0, np.arange(6)))
    assert example.input.shape == example.target.shape == (6, 1, 16, 12)
    assert torch.equal(example.input, example.target)
    places = [
        [i for i in range(25) if torch.equal(normal[k, :, i : i + 16], example.target[k])]
        for k in range(6)
    ]
    assert all(len(one) == 1 for one in places)
    assert len({one[0] for one in places}) > 1


def test_mirrored_images_are_mirrored_on_both_sides() -> None:
    normal = batch(8, 1, 12, 20)
    example = task(flips=True, share=1e-9).example(normal, step_rng(0, 0, 0, np.arange(8)))
    assert torch.equal(example.input, example.target)
    views = [normal, normal.flip(-1), normal.flip(-2), normal.flip(-1, -2)]
    found = [
        [i for i, view in enumerate(views) if torch.equal(view[k], example.target[k])]
        for k in range(8)
    ]
    assert all(len(one) == 1 for one in found)
    assert len({one[0] for one in found}) > 1


def test_the_loss_by_hand() -> None:
    normal = batch(2, 1, 8, 8)
    example = task().example(normal, step_rng(0, 0, 0, np.arange(2)))
    assert example.further is not None
    logits = torch.full((2, 1, 8, 8), 2.0)
    said = Output(torch.cat([example.target + 0.1, logits], dim=1), torch.zeros(2, 1))
    share = example.further.mean(dim=(1, 2, 3)).double().numpy()
    probability = 1 / (1 + math.exp(-2.0))
    there, elsewhere = -math.log(probability), -math.log(1 - probability)
    entropy = share * there + (1 - share) * elsewhere
    # Each pixel weighs by how wrong it is: 1 - p where a defect is, p elsewhere.
    wrong = share * (1 - probability) + (1 - share) * probability
    hard = share * (1 - probability) * there + (1 - share) * probability * elsewhere
    losses = task().losses(said, example).numpy()
    assert losses == pytest.approx(REPAIR * 0.01 + entropy + HARD * hard / wrong, rel=1e-4)
