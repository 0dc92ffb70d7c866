"""Images that came as bytes, as a source of images; they are never written to a disk."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convae.errors import ImageError
from convae.images.files.image import Header, Image, ReadLimits, Size
from convae.images.files.reading import probe_image, probe_or_read_image
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import AlphaMasks, Masks, Missing


@dataclass(frozen=True, kw_only=True)
class Given:
    """One image of a request.

    Attributes:
        data: the bytes of an image file.
        name: its name in answers.
        page: which picture of the file, from 0; None if the file must hold a single one.
        mask: the bytes of an image file with the mask of missing pixels; None for no mask.
    """

    data: bytes
    name: str = "image"
    page: int | None = None
    mask: bytes | None = None


class GivenImages(ImageSource):
    """The images of one or more requests. Image i is called ``str(i)`` in errors, so that it can be found."""

    quick = True

    def __init__(self, given: Sequence[Given], limits: ReadLimits) -> None:
        self.given, self._limits = given, limits
        self.description = f"{len(given)} images"
        self.skipped, self.notes = [], []
        self._names = [str(i) for i in range(len(given))]

    def __len__(self) -> int:
        return len(self.given)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``.

        Raises:
            ImageError: it cannot be read, or its file holds several pictures and no page was named.
        """
        one = self.given[index]
        header, image = probe_or_read_image(
            one.data,
            None,
            name=str(index),
            page=one.page or 0,
            limits=self._limits,
            for_size=for_size,
        )
        if header.pages > 1 and one.page is None:
            raise ImageError(
                str(index),
                f"its file holds {header.pages} pictures: choose one with page=0 to page={header.pages - 1}",
            )
        assert image is not None
        return image

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index``."""
        one = self.given[index]
        return probe_image(one.data, name=str(index), page=one.page or 0, limits=self._limits)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the bytes of all images."""
        digest = hashlib.sha256()
        for one in self.given:
            digest.update(hashlib.sha256(one.data).digest())
        return digest.hexdigest()


class GivenMasks(Masks):
    """The masks that came with images.

    Args:
        images: the images.
        invert: whether black is missing.
        alpha: whether transparent pixels of images without a mask are missing.
    """

    def __init__(
        self,
        images: Sequence[Given],
        limits: ReadLimits,
        *,
        invert: bool = False,
        alpha: bool = False,
    ) -> None:
        super().__init__()
        self.inverted, self._images, self._limits = invert, images, limits
        self._alpha = AlphaMasks(invert=invert) if alpha else None

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image, and (H, W) where it is missing.

        Raises:
            ImageError: the mask cannot be read, is no mask, or has another size.
        """
        data = self._images[index].mask
        if data is None:
            if self._alpha is not None:
                return self._alpha.of(index, image)
            return image, np.zeros(image.pixels.shape[:2], np.bool_)
        try:
            _, mask = probe_or_read_image(data, None, name="mask", limits=self._limits)
            assert mask is not None
            missing = self._of_file(mask)
        except ImageError as error:
            raise ImageError(image.info.name, f"its mask: {error.reason}") from error
        if missing.shape != image.pixels.shape[:2]:
            (height, width), (h, w) = image.pixels.shape[:2], missing.shape
            raise ImageError(
                image.info.name,
                f"it is {height}x{width} and its mask is {h}x{w}: both must have one size (height x width)",
            )
        return image, missing
