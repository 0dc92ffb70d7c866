"""The cost of training: multiplications, counted in the operations themselves, equal on every machine."""

import copy

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convae.training.job import Job
from convae.training.loop import training_step
from convae.training.splits_and_batches import epoch_batches
from convae.training.state import TrainingState
from convae.training.tasks.task import step_rng
from convae.training.validation import validate


def epoch_cost(network: nn.Module, job: Job) -> int:
    """Count the multiplications of one epoch: its steps, and the validation after it.

    One step is run on a copy, and the multiplications of its convolutions and matrix products are counted:
    forward, backward, in the layers below and in the optimizer. Sums, activations and memory access are not
    counted, so run time is proportional only where these are small.

    Args:
        network: is not changed.
        job: its training job.
    """
    state = TrainingState(copy.deepcopy(network), job.settings)
    order = epoch_batches(job.training, job.settings.batch_size, job.settings.seed, 0)
    batch = job.unit(job.images.batch(order[0]))
    with FlopCounterMode(display=False) as step:
        rng = step_rng(job.settings.seed, 0, 0, order[0], progress=0.0)
        training_step(state, job.task, batch, 0.0, rng)
    with FlopCounterMode(display=False) as validation:
        validate(state, job)
    # the counter counts a multiplication and an addition as two
    flops = len(order) * step.get_total_flops() + validation.get_total_flops()
    return int(flops) // 2
