"""Sources that are arrays: one stack, a list of images of any sizes, a torch dataset."""

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convae.errors import ImageError, InputError
from convae.images.array_image import array_header, array_image, check_array, check_dtype
from convae.images.image import Header, Image, Size
from convae.images.image_source import ImageSource, NumberedNames

_ROWS_HELP = (
    "give (n, h, w) or (n, h, w, c); one image is array[None]; rows of flattened pixels need "
    "image_shape"
)

QUICK_VALUES = 2**16  # of an image: to look at fewer takes no thread


class ArraySource(ImageSource):
    """A stack ``(n, h, w)`` or ``(n, h, w, c)`` of any real dtype, in memory or memory-mapped."""

    def __init__(
        self,
        array: np.ndarray,
        *,
        stem: str = "array",
        labels: np.ndarray | None = None,
        label_names: Sequence[str] = (),
        description: str | None = None,
    ) -> None:
        self.notes, self.skipped = check_stack(array, stem), []
        self.array, self._labels = array, check_labels(labels, len(array), stem)
        self.label_names = tuple(label_names) or numbered_labels(self._labels)
        self.description = description or f"{stem} {tuple(array.shape)}"
        self._names = NumberedNames(stem, len(array))
        self.quick = math.prod(array.shape[1:]) <= QUICK_VALUES

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``."""
        return array_image(np.asarray(self.array[index]), self._names[index], limit_shape=False)

    def header(self, index: int) -> Header:
        """The shape and depth of image ``index``."""
        return array_header(self.array.shape[1:], self.array.dtype)

    def stack(self) -> np.ndarray | None:
        """All images, if they are whole numbers that stay what they are."""
        if self.array.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
            return None  # converted, or looked through for missing pixels
        array = np.asarray(self.array)
        return array if array.ndim == 4 else array[..., None]

    def fingerprint(self) -> str:
        """SHA-256 over shape, dtype and all bytes."""
        digest = hashlib.sha256(f"{self.array.dtype.str} {self.array.shape}".encode())
        for image in self.array:
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


class ListSource(ImageSource):
    """A list of arrays (or Pillow images), each with its own size."""

    def __init__(self, images: Sequence[Any], *, stem: str = "array") -> None:
        self._arrays = [plain_array(image) for image in images]
        for index, array in enumerate(self._arrays):
            check_array(array, f"{stem}[{index}]")
        self.notes, self.skipped = [], []
        self.description = f"list of {len(images)} arrays"
        self._names = NumberedNames(stem, len(images))
        self.quick = all(array.size <= QUICK_VALUES for array in self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``."""
        return array_image(self._arrays[index], self._names[index])

    def header(self, index: int) -> Header:
        """The shape and depth of image ``index``."""
        array = self._arrays[index]
        return array_header(array.shape, array.dtype)

    def fingerprint(self) -> str:
        """SHA-256 over the shapes, dtypes and bytes of all images."""
        return digest_arrays(self._arrays, range(len(self._arrays)))


class DatasetSource(ImageSource):
    """Anything with ``__len__`` and ``__getitem__``, such as a torch ``Dataset``; torch is not imported.

    An item is an array, a tensor, a Pillow image, a tuple ``(image, label, ...)``, or a dict with the
    key ``image``. Items are asked for one at a time, because datasets need not be thread-safe.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset, self._lock = dataset, threading.Lock()
        self._count = len(dataset)
        if not self._count:
            raise InputError(f"the {type(dataset).__name__} is empty: there is no image in it")
        self.description = f"{type(dataset).__name__} of {self._count}"
        self._names = NumberedNames("dataset", self._count)
        self.skipped, self.notes = [], []
        image, label = split_item(self._item(0))
        self._has_labels = as_label(label) is not None
        array = plain_array(image)
        check_array(array, self._names[0])
        self._first_axis = array.ndim == 3 and channels_first(array.shape, is_tensor(image))
        if self._first_axis:
            self.notes.append(f"items of shape {array.shape} are read as channels first")

    def __len__(self) -> int:
        return self._count

    @property
    def labels(self) -> np.ndarray | None:
        """Labels (n,): the dataset's ``targets`` or, without them, one pass over all items."""
        if self._labels is None and self._has_labels:
            known = getattr(self._dataset, "targets", None)
            if known is None or len(known) != self._count:
                known = [as_label(split_item(self._item(i))[1]) for i in range(self._count)]
            if any(label is None for label in known):
                self._has_labels = False
                return None
            self._labels = np.asarray(known, dtype=np.int64)
            self.label_names = numbered_labels(self._labels)
        return self._labels

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``."""
        name = self._names[index]
        try:
            array = plain_array(split_item(self._item(index))[0])
        except ImageError:
            raise
        except Exception as error:  # the user's own code may raise anything
            raise ImageError(name, f"{type(error).__name__}: {error}") from error
        check_array(array, name)
        return array_image(np.moveaxis(array, 0, 2) if self._channel_axis(array) else array, name)

    def header(self, index: int) -> Header:
        """The shape and depth of image ``index``."""
        return _header(self.read(index))

    def first_look(
        self, index: int, *, for_size: Size | None = None, most_bytes: int = 0
    ) -> tuple[Header, Image | None]:
        """The header, for which the image had to be made, and the image if it is small."""
        image = self.read(index)
        return _header(image), image if image.pixels.nbytes <= most_bytes else None

    def fingerprint(self) -> str:
        """SHA-256 over the length and up to 64 images: reading all may take hours."""
        picked = np.unique(np.linspace(0, self._count - 1, min(64, self._count)).astype(int))
        arrays = LazyArrays(lambda i: self.read(i).pixels)
        return digest_arrays(arrays, picked.tolist(), head=f"dataset {self._count}")

    def _item(self, index: int) -> Any:
        with self._lock:
            return self._dataset[index]

    def _channel_axis(self, array: np.ndarray) -> bool:
        return self._first_axis and array.ndim == 3


class LazyArrays:
    """Arrays by index, made by a function."""

    def __init__(self, make: Callable[[int], np.ndarray]) -> None:
        self._make = make

    def __getitem__(self, index: int) -> np.ndarray:
        return self._make(index)


def check_stack(array: np.ndarray, name: str) -> list[str]:
    """Raise an error unless ``array`` is a stack of images; return what the user should know of it."""
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{name}: masked arrays are not read; give array.astype('f4').filled(nan)")
    check_dtype(array.dtype, name)
    if array.ndim not in (3, 4):
        raise InputError(f"{name} has {array.ndim} axes, shape {array.shape}: {_ROWS_HELP}")
    if 0 in array.shape:
        raise InputError(f"{name} is empty: its shape is {array.shape}")
    shape = array.shape
    if array.ndim == 4 and shape[3] > 64 and shape[1] <= 4:
        raise InputError(
            f"{name} of shape {shape} looks as if its channels came first: give "
            f"array.transpose(0, 2, 3, 1), or list(array) if it really has {shape[3]} channels"
        )
    if array.ndim == 3 and shape[2] in (3, 4) and shape[1] > 8:
        return [
            f"{name} of shape {shape} is read as {shape[0]} grey images of {shape[1]}x{shape[2]}; "
            "if it is one colour image give array[None]"
        ]
    return []


def check_labels(labels: Any, count: int, name: str) -> np.ndarray | None:
    """Labels as int64 (n,), or an InputError when they are not one integer an image."""
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
    """Names ``0``, ``1``, ... up to the largest label; none for negative or wild labels."""
    if labels is None or not len(labels) or labels.min() < 0 or labels.max() > 10_000:
        return ()
    return tuple(str(value) for value in range(int(labels.max()) + 1))


def is_tensor(image: Any) -> bool:
    """Whether ``image`` is a torch tensor, found without importing torch."""
    return hasattr(image, "detach") and hasattr(image, "cpu")


def plain_array(image: Any) -> np.ndarray:
    """A numpy array from an array, a tensor on any device, a Pillow image, or nested lists."""
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


def channels_first(shape: tuple[int, ...], tensor: bool) -> bool:
    """Whether a three-axis item is ``(c, h, w)``: by the axis that can only be channels.

    When neither or both outer axes are 1 to 4, a tensor is taken by torch's habit (channels first)
    and an array by numpy's (channels last).
    """
    first, last = shape[0] in range(1, 5), shape[2] in range(1, 5)
    return first if first != last else tensor


def split_item(item: Any) -> tuple[Any, Any]:
    """Image and label of a dataset's item; the label is None when there is none."""
    if isinstance(item, tuple | list) and len(item) >= 1:
        return item[0], item[1] if len(item) > 1 else None
    if isinstance(item, dict):
        for key in ("image", "img", "pixel_values", "x"):
            if key in item:
                return item[key], item.get("label", item.get("labels"))
        raise InputError(f"dataset items are dicts without the key 'image': {sorted(item)}")
    return item, None


def as_label(label: Any) -> int | None:
    """A class label as int, or None when it is something else (a text, a mask, a float target)."""
    if label is None or isinstance(label, str | bytes | float):
        return None
    try:
        array = np.asarray(label.detach().cpu()) if is_tensor(label) else np.asarray(label)
    except (TypeError, ValueError):
        return None
    return int(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "bui" else None


def digest_arrays(arrays: Any, indices: Sequence[int], head: str = "list") -> str:
    """SHA-256 over shapes, dtypes and bytes of some arrays."""
    digest = hashlib.sha256(f"{head} {len(indices)}".encode())
    for index in indices:
        array = arrays[index]
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _pillow_array(image: Any) -> np.ndarray:
    """Pixels of a Pillow image in its own depth; colour models without their own array become RGB."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    return np.asarray(image)


def _header(image: Image) -> Header:
    return array_header(image.pixels.shape, np.dtype(image.info.depth))
