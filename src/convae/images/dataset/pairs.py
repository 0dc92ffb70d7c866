"""Two sources as one: images and their targets, matched by name."""

import hashlib
from dataclasses import replace

import numpy as np

from convae.errors import ImageError, InputError
from convae.images.dataset.preparation import DEPTHS, image_to_channels, to_depth
from convae.images.files.image import Header, Image, Size
from convae.images.sources.base import ImageSource, PickedNames
from convae.images.sources.matching import NONE, match

SHOWN = 3  # names in an error


class PairSource(ImageSource):
    """Pairs of an image and its target as one image: (H, W, C + C'), the target in the last channels.

    So a pair is cropped, hashed, cached and shuffled as one image.

    Attributes:
        channels: C of the images and C' of the targets.
    """

    def __init__(
        self, images: ImageSource, targets: ImageSource, *, channels: int | None = None
    ) -> None:
        """Match two sources.

        Args:
            images: the inputs.
            targets: the desired outputs. Files are matched by their exact path, then by their path without
                suffix; arrays and other numbered images by their number.
            channels: 1 or 3 converts the images (not the targets); None leaves them.

        Raises:
            InputError: nothing matches, an image could have either of two targets or a target either of two
                images, or no pair can be read.
        """
        self._images, self._targets, self._convert = images, targets, channels
        self._pairs = _matched(images, targets)
        self.skipped = [*images.skipped, *targets.skipped]
        self.notes = [*images.notes, *targets.notes, *_unmatched(images, targets, self._pairs)]
        self.description = f"{images.description} with targets of {targets.description}"
        self._names = PickedNames(images.names, self._pairs[:, 0])
        self.in_order = images.in_order or targets.in_order
        self.channels = self._channels()

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Return the image with its target in the last channels.

        Raises:
            ImageError: the two differ in size, their values have no common scale, or one cannot be read.
        """
        i, j = self._pairs[index]
        image, target = self._images.read(int(i)), self._targets.read(int(j))
        if image.pixels.shape[:2] != target.pixels.shape[:2]:
            raise ImageError(image.info.name, _sizes(image.pixels.shape, target.pixels.shape))
        depth = _common(image.info.name, str(image.pixels.dtype), str(target.pixels.dtype))
        pixels = to_depth(image, depth)
        if self._convert is not None and pixels.shape[2] != self._convert:
            pixels = image_to_channels(image, pixels, self._convert)
        both = np.concatenate([pixels, to_depth(target, depth)], axis=2)
        return Image(np.ascontiguousarray(both), image.info, holes=image.holes)

    def header(self, index: int) -> Header:
        """Return shape and depth of the pair.

        Raises:
            ImageError: the two differ in size, their values have no common scale, or one cannot be read.
        """
        i, j = self._pairs[index]
        image, target = self._images.header(int(i)), self._targets.header(int(j))
        name = self.names[index]
        if image.shape[:2] != target.shape[:2]:
            raise ImageError(name, _sizes(image.shape, target.shape))
        channels = (self._convert or image.shape[2]) + target.shape[2]
        depth = _common(name, image.depth, target.depth)
        return replace(image, shape=(*image.shape[:2], channels), depth=depth)

    def fingerprint(self) -> str:
        """Return the SHA-256 over those of both sources."""
        return _digest(self._images.fingerprint(), self._targets.fingerprint())

    def _channels(self) -> tuple[int, int]:
        """Return the channels of the first pair whose headers can be read; the survey refuses others."""
        reasons = []
        for index, (i, j) in enumerate(self._pairs):
            try:
                self.header(index)
                have = self._images.header(int(i)).shape[2]
                return self._convert or have, self._targets.header(int(j)).shape[2]
            except ImageError as error:
                reasons.append(f"{error.name}: {error.reason}")
        shown = "; ".join(reasons[:SHOWN])
        raise InputError(f"{self.description}: no pair can be used: {shown}")


def _common(name: str, first: str, second: str) -> str:
    """Return the deeper of two depths."""
    if (first == "float32") != (second == "float32"):
        raise ImageError(
            name, f"it is {first} and its target {second}: their values have no common scale"
        )
    return max(first, second, key=DEPTHS.index)


def _matched(images: ImageSource, targets: ImageSource) -> np.ndarray:
    """Return (n, 2) positions in both sources."""
    positions = match(images, targets, what="target").positions
    found = np.flatnonzero(positions != NONE)
    return np.stack([found, positions[found]], axis=1)


def _unmatched(images: ImageSource, targets: ImageSource, pairs: np.ndarray) -> list[str]:
    """Return a sentence for each side that has images without a partner."""
    notes = []
    for source, column, what in (
        (images, 0, "images have no target"),
        (targets, 1, "targets have no image"),
    ):
        rest = np.setdiff1d(np.arange(len(source)), pairs[:, column])
        if len(rest):
            shown = ", ".join(source.names[int(i)] for i in rest[:SHOWN])
            more = ", ..." if len(rest) > SHOWN else ""
            notes.append(f"{len(rest)} of {len(source)} {what} and are left out: {shown}{more}")
    return notes


def _sizes(image: tuple[int, ...], target: tuple[int, ...]) -> str:
    return f"it is {image[0]}x{image[1]} and its target {target[0]}x{target[1]}: both must have one size"


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()
