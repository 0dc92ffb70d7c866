"""The interface of a method: how an anomaly detector learns normal images, and how it scores others.

A method is made from the checked parameters of the estimator;
:data:`convae.estimators.anomaly.detector.METHODS` names all methods. It defines the network and its task
(:class:`Method`), and turns the trained network into a :class:`Scorer`, which scores images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from convae.estimators.fit import Ready
from convae.estimators.fit_config import FitConfig
from convae.images.dataset.preparation import Finished
from convae.images.dataset.scaling import Scaling
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import Inference
from convae.training.tasks.task import Task

Extras = dict[str, Tensor]
Result = TypeVar("Result")


class Defaults(NamedTuple):
    """Defaults of the training; None for those of all estimators."""

    epochs: int | None = None
    batch_size: int | None = None


class Judged(NamedTuple):
    """The result of a scorer for a batch.

    Attributes:
        score: (B,) higher for more anomalous.
        map: (B, 1, H, W) how anomalous each pixel is, in standard deviations above normal images.
        change: (B, 1, H, W) how far each pixel is from what the network makes of it, in the units of the
            image. Unlike the values of a map, whose parts have a highest value, these grow with the contrast
            of a defect, so that they separate the defect from what it disturbs around it.
        nearest: (B,) index of the most similar of the normal images that the model keeps.
    """

    score: Tensor
    map: Tensor
    change: Tensor
    nearest: Tensor


@dataclass(frozen=True, kw_only=True)
class Normals:
    """Normal images that a scorer is fitted to.

    Attributes:
        ready: the image set with its scaling.
        kept: positions of training images that the model keeps, to find the nearest among.
        choosing: positions of images that were not trained on.
        groups: (n,) the group of each image of the set.
        seed: of all random numbers.
        defects: images with real defects, as they are stored; empty if none are known.
    """

    ready: Ready
    kept: np.ndarray
    choosing: np.ndarray
    groups: np.ndarray
    seed: int
    defects: tuple[Finished, ...] = ()

    def batches(self, positions: np.ndarray, size: int) -> Iterator[Tensor]:
        """Yield images (B, C, H, W) in about [0, 1], in the order of the positions, ``size`` at a time."""
        parts = (positions[i : i + size] for i in range(0, len(positions), size))
        yield from map(self.ready.unit, self.ready.images.batches(parts))

    def judged(
        self, network: Autoencoder, positions: np.ndarray, scorer: "Scorer"
    ) -> Iterator[Judged]:
        """Yield the result of a scorer for each image, computed as when the model is used.

        Args:
            positions: (n,) of the images in the set.
        """
        for judged in self.seen(network, positions, scorer):
            yield from one_by_one(judged)

    def seen(
        self, network: Autoencoder, positions: np.ndarray, look: Callable[[Tensor], Result]
    ) -> Iterator[Result]:
        """Yield the results of ``look`` for batches of images, in order, as when the model is used.

        Args:
            positions: (n,) of the images in the set.
            look: takes images (B, C, H, W) in about [0, 1].
        """
        stored = (self.ready.images.batch(positions[i : i + 1])[0] for i in range(len(positions)))
        pixels = (np.moveaxis(image, 0, 2) for image in stored)
        for _, result in Inference(network, self.ready.unit).batches(pixels, look):
            yield result

    def defective(self, network: Autoencoder, look: Callable[[Tensor], Result]) -> Iterator[Result]:
        """Yield the results of ``look``, given images (B, C, H, W), for the images with real defects."""
        pixels = (one.pixels for one in self.defects)
        for _, result in Inference(network, self.ready.unit).batches(pixels, look):
            yield result


class Scorer(Protocol):
    """Scores how anomalous images are, with a trained network.

    Attributes:
        extras: everything learnt in addition to the network, for the model file.
        facts: plain values that describe what was chosen and how well it did.
        fraction: the fraction of a map that decides the score.
    """

    extras: Extras
    facts: dict[str, Any]
    fraction: float

    @property
    def summary(self) -> str:
        """A sentence that describes what was chosen."""
        ...

    def __call__(self, batch: Tensor) -> Judged:
        """Score images (B, C, H, W) in about [0, 1], each by itself."""
        ...


@runtime_checkable
class KnowsDefects(Protocol):
    """A scorer that was also fitted with real defects."""

    def judging(self, normals: Normals, positions: np.ndarray) -> Any:
        """Return the score with the normal images at these positions, which took no part in choosing.

        None if there are no defects. See :class:`convae.estimators.anomaly.known_defects.Judge`.
        """
        ...


class Method(Protocol):
    """A way to learn normal images.

    Attributes:
        learns_defects: whether it can learn from images with real defects.
        kept: number of normal images that a model keeps, to find the nearest among; fewer of large ones.
        further: initial output of the network in channels that are not part of the image.
    """

    learns_defects: bool
    kept: int
    further: float

    def defaults(self, count: int, shape: tuple[int, int, int]) -> Defaults:
        """Return the defaults of the training for ``count`` images of a shape (C, H, W)."""
        ...

    def crops(self, count: int) -> int:
        """Return how often each of ``count`` training images is shown in an epoch."""
        ...

    def candidates(self) -> list[dict[str, Any]]:
        """Return changes of the architecture to choose among when tuning; the first is the default."""
        ...

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """Return the network for images of a shape; ``scaling`` is None while it is not known."""
        ...

    def task(self) -> tuple[Task, dict[str, Any]]:
        """Return what the network learns, and plain values that describe it."""
        ...

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> Scorer:
        """Fit the scores to normal images. The facts hold ``auroc``, on synthetic anomalies, to tune by."""
        ...

    def load_scorer(self, network: Autoencoder, extras: Extras, facts: dict[str, Any]) -> Scorer:
        """Return the scorer of a model file."""
        ...


MakeMethod = Callable[[FitConfig[Any]], Method]


def one_by_one(judged: Judged) -> Iterator[Judged]:
    """Yield the result for each image of a batch, on the CPU."""
    yield from map(Judged._make, zip(*(part.cpu() for part in judged), strict=True))
