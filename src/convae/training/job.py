"""What a training run needs and does not change."""

from dataclasses import dataclass, field

import numpy as np

from convae.config.training import TrainingSettings
from convae.images.dataset.image_set import ImageSet
from convae.images.dataset.unit_range import UnitRange
from convae.training.tasks.task import Task

EVALUATION_VALUES = 2**17  # values in a batch of validation images; independent of the batch size


@dataclass(kw_only=True)
class Job:
    """All that a run needs and does not change.

    Attributes:
        images: the set; ``training`` and ``validation`` are positions in it.
        unit: stored values -> network's values, on the device.
        task: what is to be learnt from the images.
        identity: what a checkpoint must agree with to be resumed (architecture, data, ...).
    """

    images: ImageSet
    training: np.ndarray
    validation: np.ndarray
    unit: UnitRange
    settings: TrainingSettings
    task: Task
    identity: dict[str, object] = field(default_factory=dict)
