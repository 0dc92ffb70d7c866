"""The interface of a source of images: a fixed order, names, labels, and one image at a time."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convae.errors import ImageError, InputError
from convae.images.files.image import Answer, Header, Image, Request, Size


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that looked like an image and is not in the source.

    Attributes:
        name: the file or folder as the user knows it, relative to what was opened.
        reason: why it was left out, in a few words.
    """

    name: str
    reason: str


class ImageSource(ABC):
    """Images in a fixed order, read one at a time on request.

    ``read`` and ``header`` may be called from several threads at once.

    Attributes:
        description: what was opened, for people: ``folder tiles/``, ``array (1797, 8, 8)``.
        skipped: what was left out while listing. Images that turn out to be unreadable later are
            not in it: ``read`` raises for them.
        notes: sentences to show the user once (how an array was interpreted, files skipped).
        label_names: the name of each label, empty when there are no labels.
        quick: whether reading an image is faster than passing it to a thread and back.
        in_order: whether images can only be made one after the other, so that reading them in another order
            is slow.
    """

    quick = False
    in_order = False
    description: str
    skipped: list[Skipped]
    notes: list[str]
    label_names: tuple[str, ...] = ()
    _names: Sequence[str]
    _labels: np.ndarray | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def names(self) -> Sequence[str]:
        """Names, one for each image: a relative path, ``stack.tif[3]``, ``array[7]``. Never absolute."""
        return self._names

    @property
    def labels(self) -> np.ndarray | None:
        """Int64 array (n,), or None. Only evaluation may use it."""
        return self._labels

    def set_labels(self, labels: np.ndarray, names: tuple[str, ...]) -> None:
        """Set the labels (n,) of the images, and the name of each label."""
        self._labels, self.label_names = labels, names

    @abstractmethod
    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``.

        Args:
            for_size: (height, width) that the image is to be resized to. A source may then decode fewer
                pixels than there are, though at least twice as many a side; None asks for all.

        Raises:
            ImageError: the image is bad; nothing else is raised.
        """

    @abstractmethod
    def header(self, index: int) -> Header:
        """Return shape and depth of image ``index`` as ``read`` will give it, as cheaply as possible."""

    def header_or_image(
        self, index: int, *, for_size: Size | None = None, most_bytes: int = 0
    ) -> tuple[Header, Image | None]:
        """Return the header, and also the image as :meth:`read` gives it if reading it now is cheaper.

        Args:
            for_size: as in :meth:`read`.
            most_bytes: maximum size of the image in memory.
        """
        return self.header(index), None

    def answer(self, index: int, for_size: Size | None, most_bytes: int | None) -> Answer:
        """Return :meth:`read`, :meth:`header_or_image` if given ``most_bytes``, or the error they raise."""
        try:
            if most_bytes is None:
                return None, self.read(index, for_size=for_size)
            return self.header_or_image(index, for_size=for_size, most_bytes=most_bytes)
        except ImageError as error:
            return error

    def request(self, index: int, for_size: Size | None, most_bytes: int | None) -> Request | None:
        """Return a request that another process can :meth:`answer`; None if only this one can."""
        return None

    def stack(self) -> np.ndarray | None:
        """Return (n, H, W, C) of all images as :meth:`read` gives them, if memory has that layout.

        Nothing is copied: do not write to it. None if images have to be read one by one.
        """
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a SHA-256 (hex) that changes when the data change.

        For files it covers relative names, sizes and modification times; contents are not read. For arrays
        it covers the shape, the dtype and all bytes. For a torch dataset it covers the length and up to 64
        images spread over it, because reading all may take hours.
        """

    def checksum(self, index: int) -> str:
        """Return the SHA-256 (hex) of the file that holds image ``index``, as ``sha256sum`` gives it.

        For an image without a file of its own (an array, a dataset), it covers the bytes (H, W, C).
        """
        pixels = self.read(index).pixels
        return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()

    def select(self, indices: Sequence[int] | np.ndarray) -> "ImageSource":
        """Return a view of some of the images, in the given order; the images are not read.

        Args:
            indices: (m,) positions, which may repeat, or (n,) bool.

        Raises:
            InputError: a position lies outside 0..n-1.
        """
        return Selection(self, indices)


class Selection(ImageSource):
    """Some images of another source."""

    def __init__(self, source: ImageSource, indices: Sequence[int] | np.ndarray) -> None:
        positions = np.asarray(indices)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        positions = positions.astype(np.int64).reshape(-1)
        if len(positions) and (positions.min() < 0 or positions.max() >= len(source)):
            raise InputError(
                f"indices must lie in 0..{len(source) - 1}, got {positions.min()}..{positions.max()}"
            )
        self._source, self._indices = source, positions
        self.label_names = source.label_names
        self.skipped, self.notes = source.skipped, source.notes
        self.description = f"{len(positions)} of {source.description}"
        self.quick, self.in_order = source.quick, source.in_order
        self._names = PickedNames(source.names, positions)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def labels(self) -> np.ndarray | None:
        """Return the labels (m,) of the selected images; None if the source has none."""
        labels = self._source.labels
        self.label_names = self._source.label_names
        return None if labels is None else labels[self._indices]

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index`` of the selection."""
        return self._source.read(int(self._indices[index]), for_size=for_size)

    def header_or_image(
        self, index: int, *, for_size: Size | None = None, most_bytes: int = 0
    ) -> tuple[Header, Image | None]:
        """Return the header of image ``index`` of the selection, and the image if cheaper now."""
        i = int(self._indices[index])
        return self._source.header_or_image(i, for_size=for_size, most_bytes=most_bytes)

    def request(self, index: int, for_size: Size | None, most_bytes: int | None) -> Request | None:
        """Return a request that another process can answer, for image ``index`` of the selection."""
        return self._source.request(int(self._indices[index]), for_size, most_bytes)

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index`` of the selection."""
        return self._source.header(int(self._indices[index]))

    def checksum(self, index: int) -> str:
        """Return the SHA-256 of the file or the bytes of image ``index`` of the selection."""
        return self._source.checksum(int(self._indices[index]))

    def fingerprint(self) -> str:
        """Return the SHA-256 over the source's fingerprint and the indices."""
        digest = hashlib.sha256(self._source.fingerprint().encode())
        digest.update(self._indices.astype("<i8").tobytes())
        return digest.hexdigest()


class LazyNames(Sequence[str]):
    """A sequence of names that are computed on request, so that a million of them take no memory.

    Attributes:
        numbered: whether each name is only a position in an array.
    """

    numbered = False

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def name(self, index: int) -> str:
        """Return name ``index``, 0 <= index < len."""
        raise NotImplementedError

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self.name(i) for i in range(*index.indices(self._count))]
        position = int(index)
        if not -self._count <= position < self._count:
            raise IndexError(f"no name {position}: there are {self._count}")
        return self.name(position % self._count)


class NumberedNames(LazyNames):
    """``array[0]``, ``array[1]``, ..."""

    numbered = True

    def __init__(self, stem: str, count: int) -> None:
        super().__init__(count)
        self._stem = stem

    def name(self, index: int) -> str:
        """Return name ``index``."""
        return f"{self._stem}[{index}]"


class PickedNames(LazyNames):
    """Some names of another sequence."""

    def __init__(self, names: Sequence[str], indices: np.ndarray) -> None:
        super().__init__(len(indices))
        self._names, self._indices = names, indices
        self.numbered = getattr(names, "numbered", False)

    def name(self, index: int) -> str:
        """Return name ``index``."""
        return self._names[int(self._indices[index])]
