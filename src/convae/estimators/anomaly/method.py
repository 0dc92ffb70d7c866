"""What an anomaly detector asks of a method: how normal images are learnt, and how far an image is from them.

A method is made from the estimator's parameters; :data:`convae.estimators.anomaly.detector.METHODS` names
them. It says what the network is and learns (:class:`Method`), and makes of the trained network a
:class:`Scorer`, which judges images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from convae.estimators.fit import Ready
from convae.estimators.fit_config import Parameters
from convae.images.dataset.preparation import Finished
from convae.images.dataset.scaling import Scaling
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import Inference
from convae.training.tasks.task import Task

Extras = dict[str, Tensor]
Result = TypeVar("Result")


class Judged(NamedTuple):
    """What a scorer says of a batch.

    Attributes:
        score: (B,) higher for more anomalous.
        map: (B, 1, H, W) where, in standard deviations above normal images.
        change: (B, 1, H, W) how far each pixel is from what the network makes of it, in the units of the
            image. Unlike those of a map, whose parts have a highest value, its values grow with a defect's
            contrast, so that they tell the defect from what it disturbs around it.
        nearest: (B,) which of the normal images that the model keeps is most like it.
    """

    score: Tensor
    map: Tensor
    change: Tensor
    nearest: Tensor


@dataclass(frozen=True, kw_only=True)
class Normals:
    """Normal images that a scorer is fitted by.

    Attributes:
        ready: the image set with its scaling.
        kept: positions of training images that the model keeps, to find the nearest among.
        choosing: positions of images that were not trained on.
        groups: (n,) of all images of the set: what belongs together.
        seed: of all chance.
        defects: images with real defects, as they are stored; none where nobody knows any.
    """

    ready: Ready
    kept: np.ndarray
    choosing: np.ndarray
    groups: np.ndarray
    seed: int
    defects: tuple[Finished, ...] = ()

    def batches(self, positions: np.ndarray, size: int) -> Iterator[Tensor]:
        """The images (B, C, H, W) in about [0, 1], in the order of the positions, ``size`` at a time."""
        parts = (positions[i : i + size] for i in range(0, len(positions), size))
        yield from map(self.ready.unit, self.ready.images.batches(parts))

    def judged(
        self, network: Autoencoder, positions: np.ndarray, scorer: "Scorer"
    ) -> Iterator[Judged]:
        """What a scorer says of each image, computed as it will be when the model is used."""
        for judged in self.seen(network, positions, scorer):
            yield from one_by_one(judged)

    def seen(
        self, network: Autoencoder, positions: np.ndarray, look: Callable[[Tensor], Result]
    ) -> Iterator[Result]:
        """What is said of batches of images, in their order, as it will be when the model is used."""
        stored = (self.ready.images.batch(positions[i : i + 1])[0] for i in range(len(positions)))
        pixels = (np.moveaxis(image, 0, 2) for image in stored)
        for _, result in Inference(network, self.ready.unit).batches(pixels, look):
            yield result

    def defective(self, network: Autoencoder, look: Callable[[Tensor], Result]) -> Iterator[Result]:
        """The same of the images with real defects."""
        pixels = (one.pixels for one in self.defects)
        for _, result in Inference(network, self.ready.unit).batches(pixels, look):
            yield result


class Scorer(Protocol):
    """How anomalous images are, for a trained network.

    Attributes:
        extras: all that was learnt beside the network, for the model file.
        facts: plain values that tell what was chosen and how well it did.
        fraction: the part of a map that decides the score.
    """

    extras: Extras
    facts: dict[str, Any]
    fraction: float

    @property
    def told(self) -> str:
        """What was chosen, in a sentence for people."""
        ...

    def __call__(self, batch: Tensor) -> Judged:
        """Judge images (B, C, H, W) in about [0, 1], each by itself."""
        ...


@runtime_checkable
class KnowsDefects(Protocol):
    """A scorer that was fitted by real defects, too."""

    def judging(self, normals: Normals, positions: np.ndarray) -> Any:
        """The score with the normal images at these positions, by which nothing was chosen; None: no defects.

        See :class:`convae.estimators.anomaly.known_defects.Judge`.
        """
        ...


class Method(Protocol):
    """How normal images are learnt.

    Attributes:
        learns_defects: whether it can learn from images with real defects.
        kept: how many normal images a model keeps, to find the nearest among; of large ones fewer.
        further: what a network that has learnt nothing says in channels that are no image's.
    """

    learns_defects: bool
    kept: int
    further: float

    def usual(self, count: int, shape: tuple[int, int, int]) -> dict[str, Any]:
        """Parameters of the training for so many images of a shape (C, H, W), where none are given."""
        ...

    def crops(self, count: int) -> int:
        """How often each of so many training images is shown in an epoch."""
        ...

    def candidates(self) -> list[dict[str, Any]]:
        """Changes of the architecture to choose among when tuning; the first is what there is without."""
        ...

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """The network for images of a shape; ``scaling`` is None while it is not known."""
        ...

    def task(self) -> tuple[Task, dict[str, Any]]:
        """What the network learns, and plain values that describe it."""
        ...

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> Scorer:
        """Learn how normal images score. The facts hold ``auroc``, on synthetic anomalies, to tune by."""
        ...

    def load_scorer(self, network: Autoencoder, extras: Extras, facts: dict[str, Any]) -> Scorer:
        """The scorer that a model file holds."""
        ...


MakeMethod = Callable[[Parameters], Method]


def one_by_one(judged: Judged) -> Iterator[Judged]:
    """What was said of each image of a batch, on the CPU."""
    yield from map(Judged._make, zip(*(part.cpu() for part in judged), strict=True))
