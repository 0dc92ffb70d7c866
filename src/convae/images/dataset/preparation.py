"""Convert images as files hold them to images of one shape and depth.

:class:`Preparation` is the user's request. :class:`Plan` is the resulting format of all images, and
:meth:`Plan.apply` converts one image. Fitting and using a model share the plan, so that later images are
prepared as the training images were.
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
    """The user's request on the preparation of images.

    Attributes:
        size: (height, width) that every image is brought to; None requires images of one size.
        framing: how: ``resize``, ``crop``, ``pad`` or ``random-crop`` (another place each epoch).
        channels: 1 (grey) or 3 (RGB) converts all images; None requires that all have the same number.
        coarse: whether files may be decoded with no more pixels than resizing to ``size`` needs (see
            :func:`convae.images.files.reading.read_image`): for networks that see only resized images.
        strict: whether an unreadable image is an error instead of being reported and skipped.
        storage: where images are kept during training: ``resident`` in memory, ``cached`` in a memory-mapped
            temporary file, ``streamed`` from their files each time, or ``auto`` by the available memory.
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
        Framing(size=self.size, mode=self.framing)  # raises on invalid values

    @property
    def framed(self) -> Framing:
        """The framing by ``size`` and ``framing``."""
        return Framing(size=self.size, mode=self.framing)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The format of prepared images: ``channels`` and ``depth`` are the same for all, and so is the size if
    ``framing`` has one; ``coarse`` as in :class:`Preparation`. ``values`` (black, white) is for float images
    given to a model of integer images, and is not stored in a model; nor is ``advice``: how to tell these
    values, which is added to the error that refuses float images."""

    channels: int
    depth: str
    framing: Framing
    coarse: bool = False
    values: tuple[float, float] | None = field(default=None, repr=False)
    advice: str = field(default="", repr=False)

    def takes_time(self, source: ImageSource) -> bool:
        """Return whether reading and preparing an image of a source takes noticeable time."""
        return not source.in_order and (not source.quick or self.framing.size is not None)

    @property
    def for_size(self) -> Size | None:
        """The size that images may be read for: with as many pixels as :meth:`apply` needs."""
        return read_for(self.framing, self.coarse)

    def read(self, source: ImageSource, index: int) -> Image:
        """Read image ``index`` of a source, with as many pixels as :meth:`apply` needs."""
        return source.read(index, for_size=self.for_size)

    def apply(self, image: Image, key: Key | None = None) -> Pixels:
        """Return (H, W, C) pixels of the planned channels, depth and size.

        Args:
            image: as it was read.
            key: (seed, epoch, index) for ``random-crop``; None gives the centre crop.

        Raises:
            ImageError: the image cannot be converted.
        """
        pixels = to_depth(_filled(image), self.depth, self.values, self.advice)
        if pixels.shape[2] != self.channels:
            pixels = image_to_channels(image, pixels, self.channels)
        try:
            return np.ascontiguousarray(self.framing.apply(pixels, key))
        except InputError as error:
            raise ImageError(image.info.name, str(error)) from error

    def whole(self) -> "Plan":
        """Return the same plan without framing, for whole images."""
        return replace(self, framing=Framing(size=None, mode="resize"), coarse=False)


def read_for(framing: Framing, coarse: bool) -> Size | None:
    """Return the size that images are resized to, if there is one and no other framing."""
    return framing.size if coarse and framing.mode == "resize" else None


class Finished(NamedTuple):
    """A prepared image: its origin, (H, W, C) pixels and their hash."""

    info: ImageInfo
    pixels: Pixels
    digest: int


def finished(plan: Plan, image: Image) -> Finished:
    """Prepare an image.

    Raises:
        ImageError: the image has no values, or cannot be converted as planned.
    """
    pixels = plan.apply(image)
    if pixels.dtype.kind == "f" and np.isnan(pixels).all():
        raise ImageError(image.info.name, "every pixel is NaN or nodata")
    return Finished(image.info, pixels, image_hash(pixels))


def to_depth(
    image: Image, depth: str, values: tuple[float, float] | None = None, advice: str = ""
) -> Pixels:
    """Convert the pixels to ``depth``; 8-bit becomes 16-bit exactly (x 257).

    Args:
        image: with (H, W, C) pixels.
        depth: ``uint8``, ``uint16`` or ``float32``.
        values: black and white of float images, where integers are wanted; None refuses float images.
        advice: as in :class:`Plan`.

    Returns:
        (H, W, C) pixels of the depth.

    Raises:
        ImageError: 16 bits would have to become 8, or ``values`` is None for a float image.
    """
    pixels, have = image.pixels, dtype_name(image.pixels.dtype)
    if have == depth:
        return pixels
    if (have, depth) == ("uint8", "uint16"):
        return pixels.astype(np.uint16) * np.uint16(257)
    if have == "float32" and depth != "float32" and values is not None:
        return _to_integers(pixels, depth, values)
    stored = image.info.depth if have == "float32" else have
    raise ImageError(image.info.name, depth_fault(have, depth, stored or have, advice))


def depth_fault(have: str, wanted: str, stored: str | None = None, advice: str = "") -> str:
    """Return why images of one depth cannot be used where another is required.

    Args:
        have: the dtype that their pixels are read as.
        stored: the dtype in their file; None if unknown.
        advice: what else helps against float pixels, as in :class:`Plan`.
    """
    if (have, wanted) == ("uint16", "uint8"):
        return "a 16-bit image for a model of 8-bit images: convert it first"
    reason = f"its pixels are {stored or have} and the model is for {wanted} images: convert it to {wanted}"
    return f"{reason}, or {advice}" if have == "float32" and advice else reason


def _to_integers(pixels: Pixels, depth: str, values: tuple[float, float]) -> Pixels:
    """Convert float pixels to integers; missing ones become the mean of their channel."""
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
    """Invert :func:`to_depth` for float images, up to rounding.

    Args:
        pixels: (..., H, W, C) or any other shape, uint8 or uint16.
        values: the values that 0 and the largest integer stand for.

    Returns:
        Float32 of the same shape.
    """
    low, high = values
    unit = pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    return (low + unit * (high - low)).astype(np.float32)


def _filled(image: Image) -> Image:
    """Fill the pixels of an integer image that its file declares missing, with the mean of the channel.

    Float pixels are NaN there, and the network fills them in the same way.
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
    """Apply :func:`to_channels` to the prepared pixels of an image, using the opacity that its file states.

    Args:
        image: as it was read; states which channel is opacity.
        pixels: (H, W, C) of this image, perhaps of a greater depth.
        channels: 1 or 3.

    Returns:
        (H, W, channels) pixels of the same dtype.

    Raises:
        ImageError: the image has two or four channels, none of which is opacity by its file.
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
    """Convert (H, W, C) to 1 or 3 channels: luma of RGB (ITU-R BT.601), grey repeated, opacity over white.

    Args:
        pixels: two or four channels are grey or RGB with opacity.
        channels: 1 or 3.
        name: of the image, for the error.
        opacity: the meaning of the last of two or four channels; None infers it from the pixels.

    Raises:
        ImageError: no such conversion is defined (5 bands to RGB).
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
    """Compose colours (H, W, C) over white by their opacity, the last channel of (H, W, C + 1)."""
    colours = work[..., :-1]
    if opacity is None or opacity.kind == UNUSED:
        return colours
    alpha = work[..., -1:] / opacity.opaque
    shown = colours if opacity.kind == PREMULTIPLIED else colours * alpha
    return shown + opacity.opaque * (1 - alpha)


def conversion_notes(conversions: Iterable[tuple[str, int]]) -> list[str]:
    """Return one sentence for each kind of conversion, with the number of images."""
    return [f"{count} image{'s' * (count > 1)}: {what}" for what, count in sorted(conversions)]


def image_hash(pixels: Pixels) -> int:
    """Return a 64-bit hash of shape, dtype and values, the same wherever the image comes from."""
    digest = hashlib.blake2b(repr((pixels.shape, dtype_name(pixels.dtype))).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(digest.digest(), "little")
