"""Sources that are arrays: one stack, or a list of images of any sizes."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convae.errors import InputError
from convae.images.files.axes import COLOURS, channels_last, is_one_colour_image, settle, settle_all
from convae.images.files.image import Header, Image, Size
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT
from convae.images.sources.array_image import (
    array_header,
    array_image,
    check_array,
    check_dtype,
    with_opacity,
)
from convae.images.sources.base import ImageSource, NumberedNames

_ROWS_HELP = (
    "give (n, h, w), (n, h, w, c) or (n, c, h, w); one grey image is (1, h, w); rows of flattened pixels are "
    "read where a model is fitted, with image_shape"
)

QUICK_VALUES = 2**16  # values of an image, below which threads do not pay off


class ArraySource(ImageSource):
    """A stack of images of any real dtype, in memory or memory-mapped.

    Args:
        array: ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)``, or one colour image ``(h, w, c)``.
        channels_first: whether an array of four axes is ``(n, c, h, w)``; None infers it from the shape
            (:mod:`convae.images.files.axes`).

    Attributes:
        array: the images, channels last.
        channels_first: whether the array that was given has its channels first.
        reading: how its axes were interpreted, if that is ambiguous; else empty.
    """

    def __init__(
        self,
        array: np.ndarray,
        *,
        stem: str = "array",
        labels: np.ndarray | None = None,
        label_names: Sequence[str] = (),
        description: str | None = None,
        channels_first: bool | None = None,
    ) -> None:
        check_stack(array, stem)
        self.description = description or f"{stem} {tuple(array.shape)}"
        self.reading, self.channels_first = "", False
        if is_one_colour_image(array.shape) and (labels is None or len(labels) != len(array)):
            self.reading = _one_image(stem, array.shape)
            array = array[None]
        elif array.ndim == 4:
            self.channels_first = settle(array.shape[1:], channels_first, stem)
        if self.channels_first:
            self.reading = "" if channels_first else first_axis(stem, array.shape)
            array = np.moveaxis(array, 1, 3)
        self.notes, self.skipped = [self.reading] if self.reading else [], []
        if array.ndim == 3 and len(array) in COLOURS and min(array.shape[1:]) > max(COLOURS):
            self.notes.append(_grey_images(stem, array.shape))
        self.array, self._labels = array, check_labels(labels, len(array), stem)
        self.label_names = tuple(label_names) or numbered_labels(self._labels)
        self._names = NumberedNames(stem, len(array))
        self.quick = math.prod(array.shape[1:]) <= QUICK_VALUES

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``."""
        return array_image(np.asarray(self.array[index]), self._names[index], limit_shape=False)

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index``."""
        return array_header(self.array.shape[1:], self.array.dtype)

    def stack(self) -> np.ndarray | None:
        """Return all images (n, h, w, c), if they are integers that need no conversion; else None."""
        if self.array.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
            return None  # converted, or searched for missing pixels
        if self.channels_first:
            return None  # another layout in memory
        array = np.asarray(self.array)
        return array if array.ndim == 4 else array[..., None]

    def fingerprint(self) -> str:
        """Return the SHA-256 over shape, dtype and all bytes."""
        digest = hashlib.sha256(f"{self.array.dtype.str} {self.array.shape}".encode())
        for image in self.array:
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


class ListSource(ImageSource):
    """A list of arrays (or Pillow images) of any sizes; channels are first in all or in none.

    Attributes:
        channels_first: whether the images that were given have their channels first.
        reading: how their axes were interpreted, if that is ambiguous; else empty.
    """

    def __init__(
        self, images: Sequence[Any], *, stem: str = "array", channels_first: bool | None = None
    ) -> None:
        given = [plain_array(image) for image in images]
        for index, array in enumerate(given):
            check_array(array, f"{stem}[{index}]")
        shapes = [array.shape for array in given]
        self.channels_first, self.reading = settle_all(shapes, channels_first, stem), ""
        self._arrays = [channels_last(array, self.channels_first) for array in given]
        self._opacity = [pillow_opacity(image) for image in images]
        if self.channels_first and channels_first is None:
            first = next(shape for shape in shapes if len(shape) == 3)
            self.reading = first_axis(f"{stem}: an image", first, plural=False)
        self.notes, self.skipped = [self.reading] if self.reading else [], []
        self.description = f"list of {len(images)} arrays"
        self._names = NumberedNames(stem, len(images))
        self.quick = all(array.size <= QUICK_VALUES for array in self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``."""
        return with_opacity(
            array_image(self._arrays[index], self._names[index]), self._opacity[index]
        )

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index``."""
        array = self._arrays[index]
        return array_header(array.shape, array.dtype)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the shapes, dtypes and bytes of all images."""
        return digest_arrays(self._arrays, range(len(self._arrays)))


def check_stack(array: np.ndarray, name: str) -> None:
    """Check that ``array`` is a stack of images: ``(n, h, w)`` or ``(n, h, w, c)``, real, and not empty.

    Raises:
        InputError: its axes do not fit, it is empty, or it is a masked array.
        ImageError: it does not hold real numbers.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{name}: masked arrays are not read; give array.astype('f4').filled(nan)")
    check_dtype(array.dtype, name)
    if array.ndim not in (3, 4):
        raise InputError(f"{name} has {array.ndim} axes, shape {array.shape}: {_ROWS_HELP}")
    if 0 in array.shape:
        raise InputError(f"{name} is empty: its shape is {array.shape}")


def first_axis(name: str, shape: tuple[int, ...], *, plural: bool = True) -> str:
    """Return the note that an array, or an image, is read with its channels first."""
    channels, height, width = shape[-3:]
    count = f"{shape[0]} images of " if plural else ""
    return (
        f"{name} of shape {shape} is read with its channels first: {count}{height}x{width} pixels with "
        f"{channels} channel{'s' * (channels > 1)}"
    )


def _one_image(name: str, shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return (
        f"{name} of shape {shape} is read as one image of {height}x{width} pixels with {channels} channels; "
        f"if it is {height} grey images of {width}x{channels} pixels give array[..., None]"
    )


def _grey_images(name: str, shape: tuple[int, ...]) -> str:
    return (
        f"{name} of shape {shape} is read as {shape[0]} grey images; one image with its channels first would "
        f"be (1, {', '.join(map(str, shape))})"
    )


def check_labels(labels: Any, count: int, name: str) -> np.ndarray | None:
    """Return labels as int64 (n,); raise InputError unless there is one integer per image."""
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (count,) or array.dtype.kind not in "bui":
        raise InputError(
            f"{name}: labels must be {count} integers, one an image; "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64)


def numbered_labels(labels: np.ndarray | None) -> tuple[str, ...]:
    """Return the names ``0``, ``1``, ... up to the largest of the labels (n,).

    There are none for negative labels, and none for labels above 10,000.
    """
    if labels is None or not len(labels) or labels.min() < 0 or labels.max() > 10_000:
        return ()
    return tuple(str(value) for value in range(int(labels.max()) + 1))


def is_tensor(image: Any) -> bool:
    """Return whether ``image`` is a torch tensor, without importing torch."""
    return hasattr(image, "detach") and hasattr(image, "cpu")


def plain_array(image: Any) -> np.ndarray:
    """Convert an array, a tensor on any device, a Pillow image, or nested lists to a numpy array.

    Returns:
        The array with its own axes and dtype; (h, w) or (h, w, c) for a Pillow image, float32 for bfloat16.

    Raises:
        InputError: for a masked array, whose mask would be lost.
    """
    if is_tensor(image):
        image = image.detach().cpu()
        if str(image.dtype) == "torch.bfloat16":  # numpy has no such dtype
            image = image.float()
        return np.asarray(image.numpy())
    if hasattr(image, "getbands") and hasattr(image, "convert"):
        return _pillow_array(image)
    if isinstance(image, np.ma.MaskedArray):
        raise InputError("masked arrays are not read; give array.astype('f4').filled(nan)")
    return np.asarray(image)


def digest_arrays(arrays: Any, indices: Sequence[int], head: str = "list") -> str:
    """Return the SHA-256 over shapes, dtypes and bytes of some arrays."""
    digest = hashlib.sha256(f"{head} {len(indices)}".encode())
    for index in indices:
        array = arrays[index]
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def pillow_opacity(image: Any) -> str:
    """Return the kind of opacity of the last channel of :func:`plain_array`, by Pillow's mode; else empty."""
    if not hasattr(image, "getbands") or not hasattr(image, "convert"):
        return ""
    if image.mode in ("La", "RGBa"):
        return PREMULTIPLIED
    clear = image.mode in ("P", "PA") and "transparency" in image.info
    return STRAIGHT if clear or image.mode in ("LA", "RGBA") else ""


def _pillow_array(image: Any) -> np.ndarray:
    """Return pixels of a Pillow image in its own depth; colour models without an array become RGB."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    return np.asarray(image)
