"""The inputs of a training run, which it does not change."""

from dataclasses import dataclass, field

import numpy as np

from convae.config.training import TrainingConfig
from convae.images.dataset.image_set import ImageSet
from convae.images.dataset.unit_range import UnitRange
from convae.training.tasks.task import Task

# Values in a batch of validation images, independent of the training batch size.
EVALUATION_VALUES = 2**17


@dataclass(kw_only=True)
class Job:
    """The inputs of a run, which it does not change.

    Attributes:
        images: the set; ``training`` and ``validation`` are positions in it.
        unit: converts stored values to the network's values, on the device.
        task: what is learnt from the images.
        identity: values that must agree with a checkpoint for it to be resumed (architecture, data, ...).
    """

    images: ImageSet
    training: np.ndarray
    validation: np.ndarray
    unit: UnitRange
    settings: TrainingConfig
    task: Task
    identity: dict[str, object] = field(default_factory=dict)
