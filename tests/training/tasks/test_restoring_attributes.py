"""Restoring attributes: what is shown, what should come out, and what the code should tell."""

import math

import numpy as np
import pytest
import torch

from convae.corruption.attributes import POSES, Attributes, posed
from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.restoring_attributes import POSE_WEIGHT, RestoringAttributes
from convae.training.tasks.task import Example, step_rng

BATCH = torch.rand(8, 1, 12, 12, generator=torch.Generator().manual_seed(0))


def task(part: float = 0.0) -> RestoringAttributes:
    return RestoringAttributes(parse_loss("mse"), Attributes(part=part))


def example(step: int = 0, part: float = 0.0) -> Example:
    return task(part).example(BATCH, step_rng(0, 0, step, np.arange(8)))


def test_the_image_is_the_target_of_what_was_taken_from_it() -> None:
    found = example()
    assert torch.equal(found.target, BATCH)
    assert found.further is not None
    for shown, image, pose in zip(found.input, BATCH, found.further.tolist(), strict=True):
        assert torch.equal(shown, posed(image[None], pose)[0])


def test_a_step_is_the_same_again_and_others_differ() -> None:
    assert torch.equal(example(0, 0.5).input, example(0, 0.5).input)
    assert not torch.equal(example(0, 0.5).input, example(1, 0.5).input)


def test_the_loss_is_the_error_and_the_unlikeliness_of_the_pose() -> None:
    found = example()
    assert found.further is not None
    code = torch.zeros(8, 10)
    undecided = task().losses(Output(BATCH + 0.1, code), found)
    assert undecided.tolist() == pytest.approx([0.01 + POSE_WEIGHT * math.log(POSES)] * 8, rel=1e-4)
    code[torch.arange(8), found.further] = 50.0
    assert task().losses(Output(BATCH, code), found).tolist() == pytest.approx([0.0] * 8, abs=1e-6)
    code[:, POSES:] = 9.0  # the rest of the code tells nothing
    assert task().losses(Output(BATCH, code), found).tolist() == pytest.approx([0.0] * 8, abs=1e-6)
