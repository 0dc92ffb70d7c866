"""The settings of one training run, with every value decided, as a model file stores them."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

from convae.config.parameters import MOST_COUNT, TrainingSettings
from convae.config.setting import setting
from convae.errors import InputError, unknown_name
from convae.losses import Loss, parse_loss

# Chosen on MNIST (benchmarks/quality.py optimizers); Muon's is in units of the size of
# its orthogonalised updates and hardly depends on the network.
LEARNING_RATES = {"muon": 0.02, "adamw": 1e-3, "adam": 1e-3}
MSE = parse_loss("mse")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(TrainingSettings):
    """All settings that determine how weights change.

    Attributes:
        epochs: passes over the training images.
        steps: steps of the whole run, the last of which end an unfinished epoch; a time budget sets it. None
            for whole epochs.
        loss: what the task minimises; a spec such as ``"0.8*mse+0.2*ssim"`` is parsed.
        seed: decides the initial weights, the order of images and their random crops.
        others: as in :class:`convae.TrainingSettings`; here, none is None.
    """

    epochs: int = setting(10, least=0, most=MOST_COUNT)
    steps: int | None = setting(None, least=1, most=10**12)
    batch_size: int = setting(128, least=1, most=MOST_COUNT)
    learning_rate: float = setting(0.02, least=0.0, most=10.0)
    loss: Loss = MSE
    seed: int = setting(0, least=0, most=MOST_COUNT)

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss):
            object.__setattr__(self, "loss", parse_loss(self.loss))
        super().__post_init__()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {**vars(self), "loss": str(self.loss)}

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
