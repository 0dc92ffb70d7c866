"""One step of training, and one validation: a network with its optimizers and averaged weights."""

import copy
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from convae.config.training import TrainingSettings
from convae.images.dataset.image_set import ImageSet
from convae.images.dataset.unit_range import UnitRange
from convae.losses import parse_loss
from convae.metrics import image_quality
from convae.training.devices import autocast
from convae.training.optimizers import forget_gradients, make_optimizers, set_rate
from convae.training.state import Progress
from convae.training.tasks.code_cost import CodeUse
from convae.training.tasks.task import VALIDATION, Draw, Reconstruction, Task, draw

EVALUATION_VALUES = 2**17  # numbers in a batch of validation images; independent of the batch size


@dataclass(kw_only=True)
class Job:
    """All that a run needs and does not change.

    Attributes:
        images: the set; ``training`` and ``validation`` are positions in it.
        unit: stored values -> network's values, on the device.
        task: what is to be learnt from them; None for their reconstruction.
        identity: what a checkpoint must agree with to be resumed (architecture, data, ...).
    """

    images: ImageSet
    training: np.ndarray
    validation: np.ndarray
    unit: UnitRange
    settings: TrainingSettings
    task: Task | None = None
    identity: dict[str, object] = field(default_factory=dict)


class Validation(NamedTuple):
    """How weights do on validation images.

    Attributes:
        loss, error: mean loss and mean squared error.
        bad: positions of the images whose loss is not finite.
        code: what a Gaussian code holds, for the history.
    """

    loss: float
    error: float
    bad: list[int]
    code: dict[str, Any]


class Trainer:
    """A network being trained: its optimizers, averaged weights, best weights and progress."""

    def __init__(
        self, network: nn.Module, settings: TrainingSettings, task: Task | None = None
    ) -> None:
        self.network = network
        self.settings = settings
        self.task: Task = task or Reconstruction(parse_loss(settings.loss))
        self.optimizers = make_optimizers(network, settings)
        self.averaged = copy.deepcopy(network).requires_grad_(False) if settings.ema else network
        self.best = weights_of(self.averaged)
        self.progress = Progress()
        self.device = next(network.parameters()).device

    def step(self, batch: Tensor, rate: float, chance: Draw) -> Tensor | None:
        """Change the weights by one batch.

        Args:
            batch: (B, C, H, W) in about [0, 1].
            rate: learning rate.
            chance: what the task draws from.

        Returns:
            (B,) the loss of each image before the change, or None if loss or gradient were not finite,
            in which case nothing was changed.
        """
        losses, finite = self._gradient(batch, chance)
        if not finite:
            return None
        self._change(rate)
        return losses

    def blind_step(self, batch: Tensor, rate: float, chance: Draw) -> tuple[Tensor, Tensor]:
        """:meth:`step` without looking at any number: the weights are changed whatever came.

        Returns:
            (B,) the loss of each image before the change, and (), whether loss and gradient were finite.
        """
        losses, finite = self._gradient(batch, chance)
        self._change(rate)
        return losses, finite

    def _gradient(self, batch: Tensor, chance: Draw) -> tuple[Tensor, Tensor]:
        """Losses (B,) with their (clipped) gradient in the weights, and whether all are finite."""
        self.network.train()
        example = self.task.example(batch, chance)
        with autocast(self.device, self.settings.precision):
            output = self.network(example.input, example.noise)
        losses = self.task.losses(output, example)
        forget_gradients(self.optimizers)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.settings.clip or math.inf
        )
        return losses.detach(), torch.isfinite(norm + losses.detach().sum())

    def _change(self, rate: float) -> None:
        """Follow the gradient."""
        set_rate(self.optimizers, rate)
        for optimizer in self.optimizers:
            optimizer.step()
        self._average()

    def _average(self) -> None:
        """Move the averaged weights towards the new ones; early on the average forgets faster."""
        self.progress.steps_done += 1
        if self.averaged is self.network:
            return
        done = self.progress.steps_done
        weight = 1 - min(self.settings.ema, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), list(self.network.parameters()), weight
            )
            # running means belong to the weights that they were taken with
            for mean, new in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(new, weight)
                else:
                    mean.copy_(new)

    @torch.no_grad()
    def validate(self, job: Job) -> Validation:
        """The averaged weights on the validation images. Draws are the same each time."""
        self.averaged.eval()
        losses = errors = 0.0
        bad: list[int] = []
        use = CodeUse()
        size = max(1, EVALUATION_VALUES // math.prod(job.images.shape))
        order = [job.validation[i : i + size] for i in range(0, len(job.validation), size)]
        seed, batches = self.settings.seed, job.images.batches(order)
        for step, (positions, batch) in enumerate(zip(order, batches, strict=True)):
            chance = draw(seed, VALIDATION, step, positions)
            example = self.task.example(job.unit(batch), chance)
            output = self.averaged(example.input, example.noise)
            loss = self.task.losses(output, example)
            bad += positions[(~torch.isfinite(loss)).cpu().numpy()].tolist()
            losses += float(loss.sum())
            image = output.reconstruction[:, : example.target.shape[1]]
            errors += float(image_quality.mse(image, example.target).sum())
            use.add(output)
        count = len(job.validation)
        return Validation(losses / count, errors / count, bad, use.row())


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights and running means."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
