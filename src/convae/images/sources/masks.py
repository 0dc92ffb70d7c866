"""Masks of missing pixels: from files, arrays, alpha channels, NaN and nodata.

White (255, 65535, 1 or True) is missing, black (0) is known.
"""

import os
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convae.errors import ImageError, InputError
from convae.filesystem.run_files import reading
from convae.images.files.image import Image, Pixels
from convae.images.files.metadata import PREMULTIPLIED
from convae.images.sources.base import ImageSource
from convae.images.sources.matching import NONE, match
from convae.images.sources.open_source import open_source

ALPHA = "alpha"
WHITES = {"uint8": (1, 255), "uint16": (1, 255, 65535), "float32": (1, 255, 65535)}
MIDDLE = (0.25, 0.75)  # fractions of white: neither black nor white
MOST_BETWEEN = (
    0.1  # of the pixels may lie there; letters and thin lines saved as JPEG reach a few percent
)
COLOURED = 0.25  # fraction of white by which the channels of a grey picture may differ
SHOWN = 3

Missing = NDArray[np.bool_]


class Masks(ABC):
    """The missing pixels of the images of one source.

    Attributes:
        inverted: whether black is missing instead.
    """

    inverted: bool = False

    def __init__(self) -> None:
        self._softened: Counter[str] = Counter()

    @abstractmethod
    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image, without alpha if that is the mask, and (H, W), True where it is missing.

        Args:
            index: position of the image in the source.
            image: as it was read.

        Raises:
            ImageError: it has no mask, or the mask is invalid, or of another size.
        """

    @property
    def notes(self) -> list[str]:
        """Return notes for the user on the masks used so far."""
        return [
            f"{count} mask{'s' * (count > 1)} with values between black and white (as JPEG makes them): "
            "those from the middle up count as white"
            for count in [len(self._softened)]
            if count
        ]

    def _binary(self, pixels: Pixels, name: str) -> Missing:
        white, softened = binary_mask(pixels, name)
        if softened:
            self._softened[name] += 1
        return ~white if self.inverted else white

    def _of_file(self, mask: Image) -> Missing:
        missing = self._binary(mask.pixels, mask.info.name)
        # Signed and float pixels of a file that stores white as 0 are not inverted.
        as_stored = mask.info.white_is_zero and np.dtype(mask.info.depth).kind not in "ub"
        return ~missing if as_stored else missing


class NoMasks(Masks):
    """No masks: only NaN and nodata are missing."""

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image as it is, and no missing pixels."""
        return image, np.zeros(image.pixels.shape[:2], np.bool_)


class AlphaMasks(Masks):
    """Masks from alpha channels: transparent pixels are missing; the alpha channel is removed."""

    def __init__(self, *, invert: bool = False) -> None:
        super().__init__()
        self.inverted = not invert  # an alpha of white is opaque, so known

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the colours, and where they are transparent.

        Raises:
            ImageError: the image has no alpha channel.
        """
        colours = image.pixels.shape[2] - 1
        # An array does not state what its channels are, so the user's choice is trusted.
        is_opacity = image.info.opacity is not None or image.info.format == "array"
        if colours not in (1, 3) or not is_opacity:
            raise ImageError(
                image.info.name,
                "it has no alpha channel to take as its mask: it has "
                f"{colours + 1} channel{'s' * (colours != 0)}",
            )
        missing = self._binary(self._opacity(image), f"{image.info.name} (alpha)")
        return _unmultiplied(image).first_channels(colours), missing

    def _opacity(self, image: Image) -> Pixels:
        """Return (H, W, 1), rescaled so that opaque is the dtype's largest value."""
        alpha, opacity = image.pixels[..., -1:], image.info.opacity
        if opacity is None or alpha.dtype.kind != "u":
            return alpha if opacity is None else alpha / np.float32(opacity.opaque)
        scale = np.iinfo(alpha.dtype).max / opacity.opaque
        return alpha if scale == 1 else np.rint(alpha * scale).astype(alpha.dtype)


def _unmultiplied(image: Image) -> Image:
    """Return the image with straight colours: premultiplied ones are divided by the opacity."""
    opacity = image.info.opacity
    if opacity is None or opacity.kind != PREMULTIPLIED or image.stored is not None:
        return image
    share = image.pixels[..., -1:].astype(np.float64) / opacity.opaque
    colours = image.pixels[..., :-1] / np.where(share > 0, share, 1)
    pixels = image.pixels.copy()
    pixels[..., :-1] = (
        colours if pixels.dtype.kind == "f" else np.rint(np.minimum(colours, opacity.opaque))
    )
    return replace(image, pixels=pixels)


class OneMask(Masks):
    """The same mask for all images."""

    def __init__(self, masks: ImageSource, *, invert: bool = False) -> None:
        super().__init__()
        self.inverted, self._masks = invert, masks
        try:  # now, because an invalid mask is not the fault of any image
            mask = masks.read(0)
            self._missing = self._of_file(mask)
        except ImageError as error:
            raise InputError(f"{error.name}: {error.reason}") from error

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image as it is, and the mask."""
        return image, _of_size(self._missing, self._masks.names[0], image)


class ManyMasks(Masks):
    """A mask for each image, by name or number."""

    def __init__(self, masks: ImageSource, images: ImageSource, *, invert: bool = False) -> None:
        super().__init__()
        self.inverted, self._masks, self._images = invert, masks, images
        self._matched = match(images, masks, what="mask", unmarked=True)

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image as it is, and its mask.

        Raises:
            ImageError: there is no mask for it, or the mask has another size.
        """
        position = int(self._matched.positions[index])
        if position == NONE:
            raise ImageError(
                image.info.name, f"there is no mask for it in {self._masks.description}"
            )
        mask = self._masks.read(position)
        return image, _of_size(self._of_file(mask), mask.info.name, image)

    @property
    def notes(self) -> list[str]:
        """Return notes for the user on the masks used so far, and on unused ones."""
        unused = [
            f"mask {name} is not used: {other} is taken for the same image"
            for name, other in self._matched.passed_over
        ]
        more = len(unused) - SHOWN
        return super().notes + unused[:SHOWN] + ([f"and {more} more"] if more > 0 else [])


class SelectedMasks(Masks):
    """The masks of some images of a source, in the order of a selection of these images.

    Args:
        masks: of all images.
        positions: (m,) of the images in the source.
    """

    def __init__(self, masks: Masks, positions: np.ndarray) -> None:
        super().__init__()
        self._all, self._positions = masks, positions

    def of(self, index: int, image: Image) -> tuple[Image, Missing]:
        """Return the image, and where it is missing, from the mask of its position in the source."""
        return self._all.of(int(self._positions[index]), image)


def open_masks(given: Any, images: ImageSource, *, invert: bool = False) -> Masks:
    """Open the masks of a source of images.

    Args:
        given: None for what is missing in the images themselves; ``"alpha"`` for what is transparent in
            them; a mask file or an array ``(h, w)`` for all images; or as many masks, matched by their
            exact path, then by the path without suffix (``a/b.png`` to ``a/b.jpg`` or ``a/b_mask.png``),
            those of arrays by number:
            anything that :func:`convae.images.sources.open_source.open_source` takes.
        images: the images that need masks; none of them is read yet.
        invert: whether black is missing and white is known.

    Raises:
        InputError: there are no masks, the only one cannot be used, none belongs to an image, or two may
            belong to the same image.
    """
    if given is None:
        if invert:
            raise InputError("invert is for masks, and there are none")
        return NoMasks()
    if isinstance(given, str) and given == ALPHA and not os.path.exists(given):
        return AlphaMasks(invert=invert)
    given = _flat_file(given)
    flat = hasattr(given, "ndim") and given.ndim == 2
    stack = getattr(given, "ndim", 0) == 3  # a stack of masks, however narrow
    masks = open_source(given[None] if flat else given[..., None] if stack else given)
    single = isinstance(given, str | os.PathLike) and os.path.isfile(given)
    if len(masks) == 1 and (single or flat):
        return OneMask(masks, invert=invert)
    return ManyMasks(masks, images, invert=invert)


def binary_mask(pixels: Pixels, name: str) -> tuple[Missing, bool]:
    """Return where a mask is white, and whether values between black and white were rounded.

    Args:
        pixels: (H, W, C): grey, or colours that are grey; an opaque alpha channel may follow.
        name: of the mask, for errors.

    Raises:
        ImageError: it holds values that a mask does not have.
    """
    grey = _grey(pixels, name)
    values = _few_values(grey)
    for white in WHITES[str(grey.dtype)]:
        if values is not None and set(values) <= {0, white}:
            return grey == white, False
    top = np.iinfo(grey.dtype).max if grey.dtype.kind == "u" else 1
    part = grey.astype(np.float32) / np.float32(top)
    low, high = MIDDLE
    between = float(((part > low) & (part < high)).mean())
    # NaN fails every comparison, so such a mask is refused too.
    if -low <= part.min() < low and high < part.max() <= 1 + low and between <= MOST_BETWEEN:
        return part >= 0.5, True
    raise ImageError(
        name, f"is no mask: it must be black (known) and white (missing), {_held(grey, values)}"
    )


def missing_values(image: Image) -> NDArray[np.bool_]:
    """Return (H, W, C), True where the file has no value: NaN, or a pixel declared missing."""
    pixels, holes = image.pixels, image.holes
    found = np.isnan(pixels) if pixels.dtype.kind == "f" else np.zeros(pixels.shape, np.bool_)
    if holes is not None:
        found |= holes[..., None]
    return found


def _grey(pixels: Pixels, name: str) -> Pixels:
    """Return (H, W) of a mask that may have been saved as a colour picture."""
    channels = pixels.shape[2]
    colours = channels - (channels in (2, 4))
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    if colours != channels and not (pixels[..., -1] == top).all():
        raise ImageError(
            name,
            "is a mask with transparent parts, which may mean either: save it without an alpha channel",
        )
    if colours == 1:
        return pixels[..., 0]
    plain = pixels[..., :colours].astype(np.float32)
    spread = plain.max(axis=2) - plain.min(axis=2)
    if not (spread <= COLOURED * top).all():
        raise ImageError(name, "is no mask: it must be black and white, and it has colours")
    if not spread.any():
        return pixels[..., 0]
    mean: Pixels = plain.mean(axis=2)
    mean = mean if pixels.dtype.kind == "f" else np.rint(mean)
    return mean.astype(pixels.dtype)


def _few_values(grey: Pixels) -> list[float] | None:
    """Return the distinct values, if they are few."""
    values = np.unique(grey)
    return values.tolist() if len(values) <= 8 else None


def _held(grey: Pixels, values: list[float] | None) -> str:
    if values is not None:
        return f"and its values are {', '.join(f'{value:g}' for value in values)}"
    return f"and it has many values from {float(grey.min()):g} to {float(grey.max()):g}"


def _of_size(missing: Missing, name: str, image: Image) -> Missing:
    have, want = missing.shape, image.pixels.shape[:2]
    if have != want:
        raise ImageError(
            image.info.name,
            f"it is {want[0]}x{want[1]} and its mask {name} is {have[0]}x{have[1]}: both must have one "
            "size (height x width)",
        )
    return missing


__all__ = ["ALPHA", "Masks", "binary_mask", "missing_values", "open_masks"]


def _flat_file(given: Any) -> Any:
    """Return the array (h, w) in a ``.npy`` file that holds one; anything else as it is."""
    if not isinstance(given, str | os.PathLike) or not os.fspath(given).lower().endswith(".npy"):
        return given
    try:
        array = np.load(os.fspath(given), mmap_mode="r", allow_pickle=False)
    except Exception:  # opening it as a source reports the reason
        return given
    if getattr(array, "ndim", 0) != 2:
        return given
    reading(given)
    return np.asarray(array)
