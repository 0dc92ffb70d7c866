"""Training and test images with nothing in common, for experiments that fit models of their own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convae.config.training import default_batch_size, default_epochs
from convae.errors import InputError
from convae.estimators.fit import fingerprint_of
from convae.images.dataset.image_set import ImageSet, prepare
from convae.images.dataset.preparation import Preparation
from convae.images.sources.base import ImageSource, Skipped
from convae.training.splits_and_batches import hold_out

TEST_FRACTION = 0.2
FEWEST = 20  # fewest images for which a result means anything
MOST = 10_000
SHORTER = 3  # divides the epochs of a single fit: an experiment fits many models


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Images to fit on and images to measure on.

    Attributes:
        training, test: no image is in both.
        places, test_places: their positions in the sources from which they were taken.
        groups: of each training image; None if there are none.
        shape: (C, H, W) of an image in the network.
        fingerprint: the SHA-256 of the contents of all images in the source that were looked at.
        left_out: test images that are not used because they are training images as well.
        skipped: images that cannot be used, with reasons.
    """

    training: ImageSource
    test: ImageSource
    places: np.ndarray
    test_places: np.ndarray
    groups: np.ndarray | None
    shape: tuple[int, int, int]
    fingerprint: str
    left_out: int
    skipped: list[Skipped]

    @property
    def values(self) -> int:
        """Values (C·H·W) of an image in the network."""
        return math.prod(self.shape)

    def epochs(self, batch_size: int | None, validation_fraction: float) -> int:
        """Return the default number of passes over the training images in an experiment."""
        count = max(1, round(len(self.training) * (1 - validation_fraction)))
        batch = batch_size or default_batch_size(count, self.values)
        return max(5, default_epochs(count, batch) // SHORTER)


def take_apart(
    source: ImageSource,
    test: ImageSource | None,
    wanted: Preparation,
    *,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    seed: int = 0,
) -> Parts:
    """Split into images to fit on and images to measure on; no image is in both, not even a duplicate.

    Args:
        source: all images, or with ``test`` those to fit on.
        test: images to measure on; None holds a fifth of the source out.
        wanted: the preparation of the images.
        groups: (n,) of the images of the source; images of one group are all in training or all in test.
        most: images to use of each source; from a larger source a random selection is taken.
        seed: of the random selections.

    Raises:
        InputError: with too few images, groups of another length, or test images of another kind.
    """
    wanted = replace(wanted, storage="streamed")  # read once, for their contents
    named = None if groups is None else np.asarray(groups)
    if named is not None and named.shape != (len(source),):
        raise InputError(
            f"groups must name the group of each of {len(source)} images; got shape {named.shape}"
        )
    images, places = _some(source, wanted, None, most, seed)
    kept, left_out, skipped = np.arange(len(places)), 0, list(images.skipped)
    if test is None:
        together = images.hashes if named is None else named[places]
        kept, out = hold_out(together, TEST_FRACTION, seed)
        test, test_places = source, places[out]
    else:
        others, test_places = _some(test, wanted, images, most, seed)
        new = ~np.isin(others.hashes, images.hashes)
        left_out, test_places = int((~new).sum()), test_places[new]
        skipped += others.skipped
    places = places[kept]
    _refuse_too_few(source, test, len(places), len(test_places), left_out)
    return Parts(
        training=source.select(places),
        test=test.select(test_places),
        places=places,
        test_places=test_places,
        groups=None if named is None else named[places],
        shape=images.shape,
        fingerprint=fingerprint_of(images),
        left_out=left_out,
        skipped=skipped,
    )


def _some(
    source: ImageSource, wanted: Preparation, like: ImageSet | None, most: int, seed: int
) -> tuple[ImageSet, np.ndarray]:
    """Return at most ``most`` readable images of a source, and their positions in it."""
    chosen = np.arange(len(source))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(source))[:most])
    some = source if len(chosen) == len(source) else source.select(chosen)
    images = prepare(some, wanted, like=None if like is None else like.plan)
    if like is not None and images.shape != like.shape:
        shapes = ["x".join(map(str, shape[1:])) for shape in (images.shape, like.shape)]
        raise InputError(
            f"{source.description}: its images are {shapes[0]} and those to train on {shapes[1]}: bring "
            "both to one size with size (height, width)"
        )
    return images, chosen[images.index]


def _refuse_too_few(
    source: ImageSource, test: ImageSource, training: int, tested: int, left_out: int
) -> None:
    if training + tested >= FEWEST and training and tested:
        return
    why = f" ({left_out} test images are training images as well)" if left_out else ""
    raise InputError(
        f"{source.description}: {training} images to train on and {tested} to measure on"
        f"{f' ({test.description})' if test is not source else ''} are too few{why}: {FEWEST} are the "
        "least in all, of two groups at least"
    )
