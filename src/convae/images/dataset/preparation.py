"""From images as their files hold them to images of one shape and depth.

:class:`Preparation` is what the user asked for; :class:`Plan` what all images become, and :meth:`Plan.apply`
does it to one. Fitting and using a model share it, so that a model sees tomorrow's images as it saw those
it was fitted on.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convae.errors import ImageError, InputError, raise_faults, unknown_name
from convae.images.dataset.framing import MODES, Framing
from convae.images.files.facts import opacity_of
from convae.images.files.image import Image, ImageInfo, Pixels, Size, dtype_name
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT, UNUSED, Opacity
from convae.images.sources.base import ImageSource

DEPTHS = ("uint8", "uint16", "float32")
STORAGES = ("auto", "resident", "cached", "streamed")
Key = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What the user asks of the images before a network sees them.

    Attributes:
        size: (height, width) that every image is brought to; None asks that all have one size already.
        framing: how: ``resize``, ``crop``, ``pad`` or ``random-crop`` (another place each epoch).
        channels: 1 (grey) or 3 (RGB) converts all images; None asks that all have as many already.
        coarse: whether of files no more pixels need be decoded than resizing to ``size`` wants (see
            :func:`convae.images.files.reading.read_image`): for networks that see nothing else.
        strict: whether an unreadable image is an error instead of being reported and skipped.
        storage: where images are while training: ``resident`` in memory, ``cached`` in a memory-mapped
            temporary file, ``streamed`` from their files each time, or ``auto`` by the memory there is.
    """

    size: tuple[int, int] | None = None
    framing: str = "resize"
    channels: int | None = None
    coarse: bool = False
    strict: bool = False
    storage: str = "auto"

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise unknown_name("storage", self.storage, STORAGES)
        faults = []
        if self.channels is not None and (
            type(self.channels) is not int or self.channels not in (1, 3)
        ):
            faults.append(f"channels must be 1 (grey), 3 (RGB) or None; got {self.channels!r}")
        if self.size is None and self.framing in MODES[1:]:
            faults.append(f"framing {self.framing!r} needs size=(height, width)")
        raise_faults("images", faults)
        Framing(size=self.size, mode=self.framing)  # refuses what it cannot be

    @property
    def framed(self) -> Framing:
        """What ``size`` and ``framing`` say."""
        return Framing(size=self.size, mode=self.framing)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every image becomes: ``channels`` and ``depth`` are the same for all, and so is the size if
    ``framing`` names one; ``coarse`` as in :class:`Preparation`. ``values`` (black, white) is for float
    images given to a model of integer ones, and no part of a model."""

    channels: int
    depth: str
    framing: Framing
    coarse: bool = False
    values: tuple[float, float] | None = field(default=None, repr=False)

    def takes_time(self, source: ImageSource) -> bool:
        """Whether to read and prepare an image of a source is more than to look at it."""
        return not source.quick or self.framing.size is not None

    @property
    def for_size(self) -> Size | None:
        """The size that images may be read for: as many pixels as :meth:`apply` needs."""
        return read_for(self.framing, self.coarse)

    def read(self, source: ImageSource, index: int) -> Image:
        """Image ``index`` of a source, with as many pixels as :meth:`apply` needs."""
        return source.read(index, for_size=self.for_size)

    def apply(self, image: Image, key: Key | None = None) -> Pixels:
        """(H, W, C) pixels of the planned channels, depth and size.

        Args:
            image: as it was read.
            key: (seed, epoch, index) for ``random-crop``; None gives the centre crop.

        Raises:
            ImageError: if the image cannot become that.
        """
        pixels = to_depth(_filled(image), self.depth, self.values)
        if pixels.shape[2] != self.channels:
            pixels = image_to_channels(image, pixels, self.channels)
        try:
            return np.ascontiguousarray(self.framing.apply(pixels, key))
        except InputError as error:
            raise ImageError(image.info.name, str(error)) from error

    def whole(self) -> "Plan":
        """The same without framing: the whole image."""
        return replace(self, framing=Framing(size=None, mode="resize"), coarse=False)


def read_for(framing: Framing, coarse: bool) -> Size | None:
    """The size that images are resized to if there is one and nothing else is made of them."""
    return framing.size if coarse and framing.mode == "resize" else None


class Finished(NamedTuple):
    """An image as training sees it: where it came from, (H, W, C) pixels and their hash."""

    info: ImageInfo
    pixels: Pixels
    digest: int


def finished(plan: Plan, image: Image) -> Finished:
    """An image as training sees it.

    Raises:
        ImageError: if there is nothing in it, or it cannot become what is planned.
    """
    pixels = plan.apply(image)
    if pixels.dtype.kind == "f" and np.isnan(pixels).all():
        raise ImageError(image.info.name, "every pixel is NaN or nodata")
    return Finished(image.info, pixels, image_hash(pixels))


def to_depth(image: Image, depth: str, values: tuple[float, float] | None = None) -> Pixels:
    """The pixels in ``depth``; 8-bit becomes 16-bit exactly (x 257).

    Args:
        values: what stands for black and white in float images, where integers are wanted; None refuses
            such images.
    """
    pixels, have = image.pixels, dtype_name(image.pixels.dtype)
    if have == depth:
        return pixels
    if (have, depth) == ("uint8", "uint16"):
        return pixels.astype(np.uint16) * np.uint16(257)
    if have == "float32" and depth != "float32" and values is not None:
        return _to_integers(pixels, depth, values)
    stored = image.info.depth if have == "float32" else have
    raise ImageError(image.info.name, depth_fault(have, depth, stored or have))


def depth_fault(have: str, wanted: str, stored: str | None = None) -> str:
    """Why images of one depth are none where another is wanted.

    Args:
        have: what their pixels are read as.
        stored: what they are in their file; None where that is not known.
    """
    if (have, wanted) == ("uint16", "uint8"):
        return "a 16-bit image for a model of 8-bit images: convert it first"
    if have == "float32":
        return (
            f"its pixels are {stored or have} and the model is for {wanted} images: convert it to {wanted}, "
            "or say on the command line which values are black and white: --values 0..1 or --values 0..255"
        )
    return f"its pixels are {have} and the model is for {wanted} images: convert it to {wanted}"


def _to_integers(pixels: Pixels, depth: str, values: tuple[float, float]) -> Pixels:
    """Float pixels as integers; missing ones as the mean of their channel."""
    low, high = values
    unit = (pixels.astype(np.float64) - low) / (high - low)
    for channel in range(unit.shape[2]):
        holes = ~np.isfinite(unit[..., channel])
        if holes.any():
            known = unit[..., channel][~holes]
            unit[..., channel][holes] = known.mean() if len(known) else 0.0
    top = np.iinfo(depth).max
    return np.rint(np.clip(unit, 0, 1) * top).astype(depth)


def from_integers(pixels: Pixels, values: tuple[float, float]) -> Pixels:
    """Undo what :func:`to_depth` does to float images, but for rounding."""
    low, high = values
    unit = pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    return (low + unit * (high - low)).astype(np.float32)


def _filled(image: Image) -> Image:
    """An image of integers with the mean of its channel where its file declares a pixel missing.

    Float pixels are NaN there, which the network fills in the same way.
    """
    holes, pixels = image.holes, image.pixels
    if holes is None or pixels.dtype.kind == "f":
        return image
    if holes.all():
        raise ImageError(image.info.name, "every pixel is missing (nodata or masked)")
    known = ~holes
    filled = pixels.copy()
    for channel in range(pixels.shape[2]):
        filled[holes, channel] = np.rint(pixels[known, channel].mean(dtype=np.float64))
    return replace(image, pixels=filled)


def image_to_channels(image: Image, pixels: Pixels, channels: int) -> Pixels:
    """:func:`to_channels` of the prepared pixels of an image, by what its file says of opacity.

    Raises:
        ImageError: the image has two or four channels, none of which its file calls opacity.
    """
    opacity, have = image.info.opacity, pixels.shape[2]
    if opacity is None and have in (2, 4):
        what = "an array does" if image.info.format == "array" else "its file does"
        raise ImageError(
            image.info.name,
            f"it has {have} channels and {channels} {'is' if channels == 1 else 'are'} needed; {what} not "
            "say that the last one is opacity: select the channels that you want",
        )
    if opacity is None:
        return to_channels(pixels, channels, image.info.name)
    scale = 257 if image.pixels.dtype == np.uint8 and pixels.dtype == np.uint16 else 1
    return to_channels(
        pixels, channels, image.info.name, replace(opacity, opaque=opacity.opaque * scale)
    )


def to_channels(pixels: Pixels, channels: int, name: str, opacity: Opacity | None = None) -> Pixels:
    """(H, W, C) to 1 or 3 channels: luma of RGB (ITU-R BT.601), grey repeated, opacity over white.

    Args:
        pixels: two or four channels are grey or RGB with opacity.
        channels: 1 or 3.
        name: of the image, for the error.
        opacity: what the last of two or four channels is; None finds it in the pixels.

    Raises:
        ImageError: where no such conversion is meant (5 bands to RGB).
    """
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have not in (1, 2, 3, 4) or channels not in (1, 3):
        raise ImageError(name, f"it has {have} channels and {channels} are needed")
    work = pixels.astype(np.float64)
    if have in (2, 4):
        work = _over_white(work, opacity or opacity_of(pixels, STRAIGHT))
    if work.shape[2] == 3 and channels == 1:
        work = work @ np.array([[0.299], [0.587], [0.114]])
    work = np.broadcast_to(work, (*work.shape[:2], channels))
    return (
        work.astype(pixels.dtype)
        if pixels.dtype.kind == "f"
        else np.rint(work).astype(pixels.dtype)
    )


def _over_white(work: NDArray[np.float64], opacity: Opacity | None) -> NDArray[np.float64]:
    """Colours (H, W, C) composed over white by the opacity behind them, (H, W, C + 1)."""
    colours = work[..., :-1]
    if opacity is None or opacity.kind == UNUSED:
        return colours
    alpha = work[..., -1:] / opacity.opaque
    shown = colours if opacity.kind == PREMULTIPLIED else colours * alpha
    return shown + opacity.opaque * (1 - alpha)


def conversion_notes(conversions: Iterable[tuple[str, int]]) -> list[str]:
    """One sentence for each kind of conversion and the number of images it happened to."""
    return [f"{count} image{'s' * (count > 1)}: {what}" for what, count in sorted(conversions)]


def image_hash(pixels: Pixels) -> int:
    """A 64-bit hash of shape, dtype and values, the same wherever the image comes from."""
    digest = hashlib.blake2b(repr((pixels.shape, dtype_name(pixels.dtype))).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(digest.digest(), "little")
