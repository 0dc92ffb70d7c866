"""Settings of training: plain values, checked when created, stored in the model file."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

from convae.errors import InputError, raise_faults, unknown_name
from convae.losses import parse_loss

OPTIMIZERS = ("muon", "adamw", "adam")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")

# Chosen on MNIST (benchmarks/quality.py optimizers); Muon's is in units of the size of
# its orthogonalised updates and hardly depends on the network.
LEARNING_RATES = {"muon": 0.02, "adamw": 1e-3, "adam": 1e-3}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """All settings that determine how weights change.

    Attributes:
        epochs: passes over the training images.
        batch_size: images in a step; the images of an epoch are spread evenly over its steps.
        learning_rate: the highest rate of the schedule. With ``muon`` it applies to matrices and kernels;
            biases and the bypass are trained by AdamW with a twentieth of it.
        optimizer: ``muon`` (orthogonalised momentum), ``adamw`` or ``adam``.
        schedule: ``cosine`` (to zero) or ``constant``, both after the warm-up.
        warmup: fraction of all steps over which the rate rises from zero.
        weight_decay: decoupled decay per unit of learning rate; with ``adam`` an L2 term of the gradient.
        clip: largest norm of the gradient of all weights; 0 for no limit.
        ema: decay of the averaged weights: the fraction of the average that each step keeps; 0 uses the last
            weights. The average is validated and saved.
        loss: a loss or a weighted sum of losses, such as ``"0.8*mse+0.2*ssim"``.
        precision: ``bfloat16`` computes most of the step in half precision, ``float32`` nothing; ``auto``
            takes ``bfloat16`` where the processor multiplies it several times faster.
        patience: stop after this many epochs without a better validation loss; 0 never stops early. Small
            sets overfit long before their last epoch; large ones never do.
        seed: decides the initial weights, the order of images and their random crops.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 0.02
    optimizer: str = "muon"
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.99
    loss: str = "mse"
    precision: str = "auto"
    patience: int = 15
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise unknown_name(kind, value, known)
        parse_loss(self.loss)
        raise_faults("training", _faults(self))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Create the settings from the result of :meth:`to_dict`.

        Raises:
            InputError: the values are not a table of settings, or a setting is unknown.
        """
        if not isinstance(values, dict):
            raise InputError(f"training: must be a table of settings; got {values!r:.40}")
        known = {f.name for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise unknown_name("training setting", name, known)
        return cls(**values)


def _faults(s: TrainingSettings) -> list[str]:
    faults = []
    whole = {"epochs": 0, "batch_size": 1, "patience": 0, "seed": 0}
    for name, low in whole.items():
        value = getattr(s, name)
        if type(value) is not int or not low <= value < 2**32:
            faults.append(f"{name} must be a whole number of at least {low}; got {value!r}")
    ranges = {
        "learning_rate": (0.0, 10.0),
        "warmup": (0.0, 1.0),
        "weight_decay": (0.0, 10.0),
        "clip": (0.0, 1e6),
        "ema": (0.0, 0.99999),
    }
    for name, (least, most) in ranges.items():
        value = getattr(s, name)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not least <= value <= most:
            faults.append(f"{name} must be a number from {least:g} to {most:g}; got {value!r}")
    return faults


def default_batch_size(images: int, values: int, most: int = 256) -> int:
    """Return the batch size for ``images`` training images of ``values`` (C·H·W) values each.

    It is about a sixteenth of the images, so that small sets still have many steps, between 8 and ``most``,
    and at most 4 Mi values, so that large images fit into memory.

    >>> default_batch_size(20, 784), default_batch_size(60_000, 784), default_batch_size(500, 786_432)
    (8, 256, 5)
    """
    by_count: int = 2 ** math.floor(math.log2(max(images / 16, 8)))
    by_memory = max(1, 4 * 2**20 // values)
    return min(by_count, most, by_memory)


def default_epochs(images: int, batch_size: int) -> int:
    """Return the number of epochs that gives about 3,000 steps, between 5 and 100.

    >>> default_epochs(20, 8), default_epochs(55_000, 256), default_epochs(1_000_000, 256)
    (100, 14, 5)
    """
    return min(100, max(5, round(3000 / math.ceil(images / batch_size))))
