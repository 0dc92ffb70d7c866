"""Sources of items that a program gives: a torch or Hugging Face data set, or something to iterate over."""

import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from convae.errors import ImageError, InputError, brief
from convae.images.files.axes import channels_last, settle_all
from convae.images.files.image import Header, Image, Size
from convae.images.sources.array_image import array_header, array_image, check_array, with_opacity
from convae.images.sources.array_sources import (
    digest_arrays,
    first_axis,
    is_tensor,
    numbered_labels,
    pillow_opacity,
    plain_array,
)
from convae.images.sources.base import ImageSource, NumberedNames

IMAGE_KEYS = ("image", "img", "pixel_values", "x")
LABEL_KEYS = ("label", "labels")
PASSED_OVER = (
    2**26
)  # bytes of images that an iteration passed and keeps, for threads that ask out of order
FINGERPRINT = 64  # images in a fingerprint


class Columns(NamedTuple):
    """The keys of items that are tables.

    Attributes:
        image: of the image; empty for the first of :data:`IMAGE_KEYS` that an item has.
        label: of the label; empty for ``label`` or ``labels``.
        label_names: the names of the labels; empty where they are not known.
    """

    image: str = ""
    label: str = ""
    label_names: tuple[str, ...] = ()

    def split(self, item: Any) -> tuple[Any, Any]:
        """Return image and label of an item; the label is None when there is none.

        Raises:
            InputError: the item is a table without an image.
        """
        if isinstance(item, tuple | list) and len(item) >= 1:
            return item[0], item[1] if len(item) > 1 else None
        if not isinstance(item, Mapping):
            return item, None
        key = self.image or next((key for key in IMAGE_KEYS if key in item), "")
        if key not in item:
            wanted = repr(key or "image")
            raise InputError(f"dataset items are dicts without the key {wanted}: {sorted(item)}")
        if isinstance(item[key], Mapping) and "bytes" in item[key]:
            raise InputError(
                f"the images of column {key!r} are not decoded: give "
                f"dataset.cast_column({key!r}, datasets.Image())"
            )
        label = self.label or next((key for key in LABEL_KEYS if key in item), "")
        return item[key], item.get(label)


class ItemSource(ImageSource):
    """Items that are an array, a tensor, a Pillow image, a tuple ``(image, label, ...)``, or a table.

    Items are requested one at a time, because the code that makes them need not be thread-safe.
    """

    def __init__(
        self, count: int, *, stem: str, channels_first: bool | None, columns: Columns
    ) -> None:
        self._count, self._columns, self._lock = count, columns, threading.Lock()
        self._names, self.label_names = NumberedNames(stem, count), columns.label_names
        self.skipped, self.notes = [], []
        image, label = self._first()
        self._has_labels = as_label(label) is not None
        array = plain_array(image)
        check_array(array, self._names[0])
        self.channels_first = settle_all([array.shape], channels_first, self._names[0])
        if self.channels_first and channels_first is None and array.ndim == 3:
            self.notes.append(first_axis(f"{stem}: an image", array.shape, plural=False))

    def _first(self) -> tuple[Any, Any]:
        """Return image and label of the first item.

        Raises:
            InputError: the user's own code fails.
        """
        try:
            return self._columns.split(self.item(0))
        except (InputError, NotImplementedError):
            raise
        except Exception as error:  # the user's own code may raise anything
            raise InputError(
                f"{self.description}: the first item cannot be read: {type(error).__name__}: "
                f"{brief(error)}"
            ) from error

    @abstractmethod
    def _item(self, index: int) -> Any:
        """Return item ``index``; called by one thread at a time."""

    def _known_labels(self) -> Sequence[Any] | None:
        """Return the label of each item, if they are known without reading the images."""
        return None

    def item(self, index: int) -> Any:
        """Return item ``index`` as it is given."""
        with self._lock:
            return self._item(index)

    def __len__(self) -> int:
        return self._count

    @property
    def labels(self) -> np.ndarray | None:
        """Return labels (n,): those that are known, else those of one pass over all items."""
        if self._labels is None and self._has_labels:
            known = self._known_labels()
            if known is None or len(known) != self._count:
                known = [self._columns.split(self.item(i))[1] for i in range(self._count)]
            values = [as_label(label) for label in known]
            if any(label is None for label in values):
                self._has_labels = False
                return None
            self._labels = np.asarray(values, dtype=np.int64)
            self.label_names = self.label_names or numbered_labels(self._labels)
        return self._labels

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``.

        Raises:
            ImageError: the user's own code raised an error, or its item is not an image.
        """
        name = self._names[index]
        try:
            given = self._columns.split(self.item(index))[0]
            array = plain_array(given)
        except ImageError:
            raise
        except InputError as error:
            raise ImageError(name, str(error)) from error
        except Exception as error:  # the user's own code may raise anything
            raise ImageError(name, f"{type(error).__name__}: {error}") from error
        check_array(array, name)
        image = array_image(channels_last(array, self.channels_first), name)
        return with_opacity(image, pillow_opacity(given))

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index``."""
        return _header(self.read(index))

    def header_or_image(
        self, index: int, *, for_size: Size | None = None, most_bytes: int = 0
    ) -> tuple[Header, Image | None]:
        """Return the header, which requires the image, and the image if it is small."""
        image = self.read(index)
        return _header(image), image if image.pixels.nbytes <= most_bytes else None

    def _digest(self, indices: Sequence[int]) -> str:
        """Return the SHA-256 over the length and some images: reading all may take hours."""
        arrays = _LazyArrays(lambda i: self.read(i).pixels)
        return digest_arrays(arrays, indices, head=f"dataset {self._count}")


class DatasetSource(ItemSource):
    """Any object with ``__len__`` and ``__getitem__``, such as a torch ``Dataset``; torch is not imported.

    Args:
        dataset: the object. If it has ``features`` as data sets of Hugging Face do, they name the columns.
        column: the key of the images, for items that are tables.
    """

    def __init__(
        self, dataset: Any, *, channels_first: bool | None = None, column: str | None = None
    ) -> None:
        self._dataset, count = dataset, len(dataset)
        if not count:
            raise InputError(f"the {type(dataset).__name__} is empty: there is no image in it")
        self.description = f"{type(dataset).__name__} of {count}"
        columns = _columns_of(dataset, column)
        super().__init__(count, stem="dataset", channels_first=channels_first, columns=columns)

    def _item(self, index: int) -> Any:
        return self._dataset[index]

    def _known_labels(self) -> Sequence[Any] | None:
        """Return the dataset's ``targets``, or its column of labels, without decoding images."""
        if _features_of(self._dataset) is not None:
            key = self._columns.label
            return list(self._dataset[key]) if key else None
        targets: Sequence[Any] | None = getattr(self._dataset, "targets", None)
        return targets

    def fingerprint(self) -> str:
        """Return the SHA-256 over the length and up to 64 images, spread over the dataset."""
        picked = np.linspace(0, self._count - 1, min(FINGERPRINT, self._count))
        return self._digest(np.unique(picked.astype(int)).tolist())


class IterableSource(ItemSource):
    """Items that can only be iterated over, from the first on; see :func:`images_from`."""

    quick, in_order = True, True

    def __init__(
        self,
        start: Callable[[], Iterator[Any]],
        count: int,
        *,
        description: str,
        channels_first: bool | None = None,
        column: str | None = None,
    ) -> None:
        self._start, self.description = start, description
        self._iterator: Iterator[Any] | None = None
        self._next = 0  # the position of the iterator
        self._passed: OrderedDict[int, Any] = OrderedDict()
        self._passed_bytes = 0
        self._seen: dict[int, Any] = {}  # labels
        self._failed: tuple[int, Exception] | None = None
        columns = Columns(image=column or "")
        super().__init__(count, stem="images", channels_first=channels_first, columns=columns)

    def _item(self, index: int) -> Any:
        if index in self._passed:
            return self._passed[index]
        if self._failed is not None and index >= self._failed[0]:
            raise self._failed[1]
        if self._iterator is None or index < self._next:
            self._restart()
        while self._next <= index:
            item = self._following()
            self._keep(self._next, item)
            self._next += 1
        return item

    def _restart(self) -> None:
        iterator = iter(self._start())
        if iterator is self._iterator:
            raise InputError(
                f"{self.description}: the function gave the same iterator twice, which is used up: it must "
                "make a new one each time"
            )
        self._iterator, self._next = iterator, 0

    def _following(self) -> Any:
        """Return the next item; after an error the iteration is over, and all later items have it, too."""
        assert self._iterator is not None
        try:
            return next(self._iterator)
        except StopIteration:
            error: Exception = InputError(
                f"it ended after {self._next} of {self._count} images: length must be their number, in each "
                "iteration"
            )
        except Exception as fault:
            error = fault
        self._failed, self._iterator = (self._next, error), None
        raise error

    def _keep(self, index: int, item: Any) -> None:
        """Keep an item for a while: a header is read before its image, and threads ask out of order."""
        image, label = self._columns.split(item)
        if as_label(label) is not None:
            self._seen[index] = label
        self._passed[index] = item
        self._passed_bytes += _bytes_of(image)
        while self._passed_bytes > PASSED_OVER and len(self._passed) > 1:
            _, oldest = self._passed.popitem(last=False)
            self._passed_bytes -= _bytes_of(self._columns.split(oldest)[0])

    def _known_labels(self) -> Sequence[Any] | None:
        """Return the labels of all items, once all were passed."""
        if len(self._seen) < self._count:
            return None
        return [self._seen[i] for i in range(self._count)]

    def fingerprint(self) -> str:
        """Return the SHA-256 over the length and the first 64 images."""
        return self._digest(range(min(FINGERPRINT, self._count)))


def images_from(
    images: Callable[[], Iterable[Any]] | Iterable[Any],
    *,
    length: int | None = None,
    channels_first: bool | None = None,
) -> ImageSource:
    """Open images that a program makes one after the other, as a source that every method takes as X.

    A fit goes through its images several times (for their sizes, their values, its results), so the images
    must come anew, and the same, each time. They are kept in memory or in a temporary file while a model is
    trained.

    Args:
        images: a function without arguments that starts an iteration, such as a generator function, or an
            object that can be iterated over again and again. An item is an image (an array, a tensor, a
            Pillow image), a tuple ``(image, label)``, or a dict with the key ``image``.
        length: number of images; None takes ``len(images)``. Further images are not read.
        channels_first: as for :func:`convae.open_source`.

    Raises:
        InputError: the images can be iterated over only once, there is no length, or the first item is no
            image.

    >>> import numpy as np
    >>> def squares():
    ...     for side in range(2, 6):
    ...         image = np.zeros((8, 8), np.uint8)
    ...         image[:side, :side] = 255
    ...         yield image
    >>> source = images_from(squares, length=4)
    >>> len(source), source.read(3).pixels.mean()
    (4, np.float64(99.609375))
    """
    kind = getattr(images, "__name__", type(images).__name__)
    if hasattr(images, "__next__"):
        raise InputError(one_pass(images))
    if not callable(images) and not hasattr(images, "__iter__"):
        raise InputError(
            f"images_from takes a generator function or an iterable; got a {type(images).__name__}"
        )
    if length is None and not hasattr(images, "__len__"):
        raise InputError(f"{kind}: the number of images is not known: give length=N")
    count = len(images) if length is None else length  # type: ignore[arg-type]
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"length must be a whole number of at least 1; got {count!r:.40}")

    def start() -> Iterator[Any]:
        made = images() if callable(images) else images
        if not hasattr(made, "__iter__"):
            raise InputError(
                f"{kind} must give something to iterate over; it gave a {type(made).__name__}"
            )
        return iter(made)

    return IterableSource(
        start, count, description=f"{count} images of {kind}", channels_first=channels_first
    )


def one_pass(images: Any) -> str:
    """Return the message on an iterator, which gives its images only once."""
    return (
        f"a {type(images).__name__} gives its images only once, and they are read several times: give "
        "convae.images_from(function, length=N), where function() starts a new iteration, or a list"
    )


def as_label(label: Any) -> int | None:
    """Return a class label as int, or None when it is something else (a text, a mask, a float target)."""
    if label is None or isinstance(label, str | bytes | float):
        return None
    try:
        array = np.asarray(label.detach().cpu()) if is_tensor(label) else np.asarray(label)
    except (TypeError, ValueError):
        return None
    return int(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "bui" else None


def _features_of(dataset: Any) -> Mapping[str, Any] | None:
    """Return the columns of a data set of Hugging Face with their kinds; None for other data sets."""
    features = getattr(dataset, "features", None)
    known = isinstance(features, Mapping) and hasattr(dataset, "column_names")
    return features if known else None


def _columns_of(dataset: Any, column: str | None) -> Columns:
    """Return the columns of a data set, by its features if it has any.

    Raises:
        InputError: it has no such column, or there are several of images.
    """
    features = _features_of(dataset)
    if features is None:
        return Columns(image=column or "")
    kinds = {name: type(feature).__name__ for name, feature in features.items()}
    found = [name for name, kind in kinds.items() if kind == "Image"]
    known = [name for name in IMAGE_KEYS if name in features]
    if column is not None and column not in features:
        raise InputError(f"there is no column {column!r:.80}; there are {', '.join(features)}")
    if column is None and not known and len(found) != 1:
        raise InputError(
            f"which column holds the images? Give column=..., one of {', '.join(found or features)}"
        )
    classes = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    labels = [name for name in LABEL_KEYS if name in features] or classes
    label = labels[0] if len(labels) == 1 else ""
    names = getattr(features[label], "names", None) if label else None
    return Columns(column or (known or found)[0], label, tuple(map(str, names or ())))


def _bytes_of(image: Any) -> int:
    """Return about the bytes of an array, a tensor or a Pillow image."""
    if hasattr(image, "nbytes"):
        return int(image.nbytes)
    width, height = getattr(image, "size", (1024, 1024)) or (1, 1)
    return int(width) * int(height) * 4


class _LazyArrays:
    """A sequence of arrays that a function computes by index."""

    def __init__(self, make: Callable[[int], np.ndarray]) -> None:
        self._make = make

    def __getitem__(self, index: int) -> np.ndarray:
        return self._make(index)


def _header(image: Image) -> Header:
    return array_header(image.pixels.shape, np.dtype(image.info.depth))
