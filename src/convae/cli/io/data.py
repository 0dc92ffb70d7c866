"""Open the argument DATA as a source of images."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from convae.cli.gc_tuning import loaded
from convae.errors import InputError
from convae.filesystem.run_files import reading

if TYPE_CHECKING:
    import numpy as np

    from convae.estimators.base import ImageEstimator
    from convae.images.sources.base import ImageSource


# Every verb that applies a model has the option; what fits one has not.
VALUES_ADVICE = (
    "say on the command line which values are black and white: --values 0..1 or --values 0..255"
)


@dataclass(frozen=True, kw_only=True)
class Data:
    """The argument DATA and the options for reading it.

    Attributes:
        given: a folder, a file, a glob or a name; or several folders and files.
        data_dir, download, split: as in :func:`convae.images.sources.open_source.open_source`.
        max_pixels: the number of pixels of the largest image that is read; None for the default limit.
        channels: the number of channels to convert images to; None refuses images with other channels than
            the model takes.
        values: the values of black and white in float images, for a model of integer images; None refuses
            such images.
        channels_first: whether arrays have their channels first; None decides by the shape.
    """

    given: tuple[str, ...]
    data_dir: Path | None = None
    download: bool = False
    split: str = "train"
    max_pixels: int | None = None
    channels: int | None = None
    values: tuple[float, float] | None = None
    channels_first: bool | None = None

    @classmethod
    def taken(cls, options: dict[str, Any]) -> Self:
        """Take the options for reading images out of all options of a verb that fits models."""
        names = ("data_dir", "download", "split", "channels_first", "max_pixels")
        return cls(given=options.pop("data"), **{name: options.pop(name) for name in names})

    def open(self, shape: Sequence[int] | None = None, *, of_model: bool = False) -> "ImageSource":
        """Open the source; several files are one list of paths.

        Args:
            shape: (channels, height, width) or (height, width) of the images in a ``.npy`` file of
                flattened rows.
            of_model: whether ``shape`` is the shape that a model takes.

        Raises:
            AmbiguousAxesError: the shape of an array does not tell which axis holds the channels.
        """
        from convae.images.files.axes import AmbiguousAxesError
        from convae.images.files.image import ReadLimits
        from convae.images.sources.open_source import open_source

        loaded()
        given, twice = _once(self.given)
        what: Any = given[0] if len(given) == 1 else given
        rows = None
        if isinstance(what, str) and what.endswith(".npy"):
            rows = rows_of(Path(what), shape, of_model=of_model)
            what = what if rows is None else rows
        try:
            source = open_source(
                what,
                data_dir=self.data_dir,
                split="test" if self.split == "test" else "train",
                download=self.download,
                limits=None if self.max_pixels is None else ReadLimits.for_pixels(self.max_pixels),
                channels_first=False if what is rows else self.channels_first,
            )
        except AmbiguousAxesError as error:
            raise AmbiguousAxesError(error.reason, "--channels-first or --channels-last") from error
        if twice:
            source.notes = [
                f"given twice and taken once: {', '.join(twice[:3])}{', ...' * (len(twice) > 3)}",
                *source.notes,
            ]
        return source


def _once(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return each file or folder once, even if several links lead to it, and the names that are left out."""
    seen, kept, twice = set[tuple[int, int] | str](), list[str](), list[str]()
    for name in given:
        try:
            status = os.stat(name)
            key: tuple[int, int] | str = (status.st_dev, status.st_ino)
        except (
            OSError,
            ValueError,
        ):  # a glob, the name of a set, or an error that opening it will report
            key = name
        (twice if key in seen else kept).append(name)
        seen.add(key)
    return kept, twice


def rows_of(
    path: Path, shape: Sequence[int] | None, *, of_model: bool = False
) -> "np.ndarray | None":
    """Return the images in a ``.npy`` file of flattened rows; None for any other file.

    Args:
        path: the file.
        shape: (channels, height, width) or (height, width); None for no flattened rows.
        of_model: whether the shape is that of a model; rows of another length then give None.
    """
    import numpy as np

    from convae.estimators.pixel_rows import row_shape, rows_to_images

    if shape is None:
        return None
    reading(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception:  # see convae.errors.damage
        return None  # opening it as a source reports the reason
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "buif":
        return None
    if of_model and array.shape[1] != math.prod(shape):
        return None
    return rows_to_images(array, row_shape(array.shape[1], tuple(shape)))


def open_for(model: "ImageEstimator", data: Data) -> "ImageSource":
    """Open a source for a model.

    Rows of pixels get the shape of the images that the model was fitted on. If the shape of an array is
    ambiguous, its axes are read in the order of the array that the model was fitted on.

    Raises:
        InputError: ``--channels`` or ``--values`` does not suit the model.
        AmbiguousAxesError: the axes are ambiguous and the model was fitted on no array.
    """
    from convae.images.files.axes import AmbiguousAxesError

    model.plan_ = replace(model.plan_, advice=VALUES_ADVICE)
    if data.values is not None:
        if model.plan_.depth == "float32":
            raise InputError(
                "--values is for models of 8-bit or 16-bit images, and this one was fitted on float images: "
                "leave it out"
            )
        model.plan_ = replace(model.plan_, values=data.values)
    if data.channels is not None:
        if data.channels != model.plan_.channels:
            raise InputError(
                f"--channels {data.channels}: this model takes {model.plan_.channels}; give that number, "
                "or leave the option out"
            )
        model.set_params(channels=data.channels)
    try:
        return data.open(shape=model.image_shape_, of_model=True)
    except AmbiguousAxesError:
        if not model.channel_axis_:
            raise
        return replace(data, channels_first=model.channels_first_).open(
            shape=model.image_shape_, of_model=True
        )
