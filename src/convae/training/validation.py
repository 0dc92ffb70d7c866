"""Validation of the weights of a run."""

import math
from typing import Any, NamedTuple

import torch

from convae.metrics import image_quality
from convae.training.job import EVALUATION_VALUES, Job
from convae.training.state import TrainingState
from convae.training.tasks.code_cost import CodeUse
from convae.training.tasks.task import VALIDATION, step_rng


class Validation(NamedTuple):
    """Results of weights on the validation images.

    Attributes:
        loss, error: mean loss and mean squared error.
        bad: positions of the images whose loss is not finite.
        code: the use of a Gaussian or vector-quantised code, for the history.
    """

    loss: float
    error: float
    bad: list[int]
    code: dict[str, Any]


@torch.no_grad()
def validate(state: TrainingState, job: Job) -> Validation:
    """Measure the averaged weights on the validation images; random numbers are the same each time."""
    state.averaged.eval()
    losses = errors = 0.0
    bad: list[int] = []
    use = CodeUse()
    size = max(1, EVALUATION_VALUES // math.prod(job.images.shape))
    order = [job.validation[i : i + size] for i in range(0, len(job.validation), size)]
    seed, batches = state.settings.seed, job.images.batches(order)
    for step, (positions, batch) in enumerate(zip(order, batches, strict=True)):
        example = job.task.example(job.unit(batch), step_rng(seed, VALIDATION, step, positions))
        output = state.averaged(example.input, example.noise)
        loss = job.task.losses(output, example)
        bad += positions[(~torch.isfinite(loss)).cpu().numpy()].tolist()
        losses += float(loss.sum())
        image = output.reconstruction[:, : example.target.shape[1]]
        errors += float(image_quality.mse(image, example.target).sum())
        use.add(output)
    count = len(job.validation)
    return Validation(losses / count, errors / count, bad, use.row())
