"""Write the results of a model, each with the name and in the kind of file of its original.

Image files, multi-page TIFFs, or one array, in constant memory.
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from convae.errors import InputError, unknown_name
from convae.filesystem.atomic import probe_folder
from convae.filesystem.folders import make_folder, remove_empty
from convae.filesystem.result_folders import ResultFolder, check_result_folder
from convae.filesystem.run_files import reading_all, run_files
from convae.images.dataset.threads import cores, in_threads
from convae.images.files.facts import Missing
from convae.images.files.image import Image, Page, Pixels
from convae.images.files.kept_facts import what_is_lost
from convae.images.files.npy_rows import ArrayFile, array_file
from convae.images.files.writing import (
    SUFFIXES,
    canonical,
    kind_of_suffix,
    restore_depth,
    target_of,
    write_image,
    write_stack,
)
from convae.images.sources.array_sources import ArraySource
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.file_sources import FileSource
from convae.images.sources.naming import below, with_added_suffix
from convae.images.sources.open_source import open_source

WRITERS = 4  # threads at most: each holds an image, and images can be large
ARRAY = "images.npy"  # the file that an array of images becomes
_SHORT = {"JPG": "JPEG", "TIF": "TIFF"}


class Result(Protocol):
    """The result of one image."""

    @property
    def index(self) -> int:
        """The position of the image in the source."""

    @property
    def image(self) -> Image:
        """The image as it was read."""

    @property
    def pixels(self) -> Pixels:
        """(H, W, C) the pixels to write."""

    @property
    def holes(self) -> Missing | None:
        """(H, W) True where a pixel still has no value; None if each has one."""


@dataclass(kw_only=True)
class Tally:
    """Counts of what was written.

    Attributes:
        images: results so far.
        files: files written.
        empty_pages: pages of stacks and arrays that stand for images that could not be used.
        lost: for each fact that files state and their results cannot, the number of files.
        elsewhere: for each sentence on files of another kind than was asked for, the number of files.
        skipped: images that could not be used, with the reasons.
    """

    images: int = 0
    files: int = 0
    empty_pages: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)


def write_images(
    source: Any,
    results: Iterable[Result],
    out: str | os.PathLike[str],
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> Tally:
    """Write results of a model for images, each with its original's name, kind of file, depth and size.

    Args:
        source: the images that the results were made from: any source, see
            :func:`convae.open_source`. Results of an array become one array, ``images.npy``.
        results: one for each image, in order, as ``iter_denoise``, ``iter_inpaint`` and ``iter_reconstruct``
            yield them; images may be missing. They are consumed one by one, so that memory does not grow with
            their number.
        out: the folder; created if it is missing.
        format: another kind of file: ``png``, ``tiff``, ``jpeg``, ...; None keeps each original's own.
        overwrite: whether the results of an earlier run in that folder are replaced, as a whole. Other files
            are never replaced.

    Returns:
        Counts of what was written (``files``, ``images``) and of what the files of the results cannot hold
        (``lost``).

    Raises:
        InputError: ``out`` holds the images that are read, results of an earlier run (without ``overwrite``),
            or a file in the place of a result; or the format is not known.

    >>> import tempfile
    >>> import numpy as np
    >>> import convae
    >>> images = np.zeros((20, 8, 8), np.uint8)
    >>> model = convae.ConvAutoencoder(latent_dim=2, epochs=0).fit(images)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_images(images, model.iter_reconstruct(images), folder, format="png").files
    20
    """
    source, folder = open_source(source), Path(out)
    check_format(format)
    refuse_own_folder(source, folder)
    with run_files(["write_images"]) as run:
        run.overwrite = overwrite
        if isinstance(source, FileSource):
            files = source
            reading_all(lambda: (files.locate(i)[0] for i in range(len(files))))
        check_result_folder(folder, run, what="out")
        made = list[Path]()
        tally, done = Tally(skipped=list(source.skipped)), False
        try:
            made = _writable(folder)
            ResultFolder(folder, run, what="out")
            if isinstance(source, FileSource) or format is not None:
                write_files(source, _counted(results, tally), folder, tally, format)
            else:
                write_array(source, _counted(results, tally), folder / ARRAY, tally)
            done = True
        finally:
            run.close(failed=not done)
            if not done:
                remove_empty(made)
    return tally


def _writable(folder: Path) -> list[Path]:
    """Make a folder that files can be written in; return what was missing of it."""
    try:
        made = make_folder(folder)
        probe_folder(folder)
    except OSError as error:
        raise InputError(f"out {folder}: cannot be written to: {error.strerror}") from error
    return made


def _counted(results: Iterable[Result], tally: Tally) -> Iterator[Result]:
    for result in results:
        tally.images += 1
        yield result


def _kind_named(format: str) -> str:
    """Return the kind of file that a value of ``--format`` names."""
    kind = format.upper().lstrip(".")
    return _SHORT.get(kind, kind)


def check_format(format: str | None, *, what: str = "format") -> None:
    """Refuse an unknown kind of file before any work is done.

    Args:
        format: such as ``png``, in any case, with or without a dot; None is the kind of each image's own
            file.
        what: the name of the option or argument in the error.

    Raises:
        InputError: the kind is unknown; it states the known ones.
    """
    if format is not None and _kind_named(format) not in SUFFIXES:
        raise unknown_name(what, format, [kind.lower() for kind in SUFFIXES])


def refuse_own_folder(source: ImageSource, out: Path, *, what: str = "out") -> None:
    """Refuse to write over the images that are read.

    Args:
        source: the images.
        out: the folder for the results.
        what: the name of ``out`` in the error.

    Raises:
        InputError: ``out`` is the folder of the images.
    """
    if isinstance(source, FileSource) and out.exists() and os.path.samefile(out, source.root):
        raise InputError(f"{what} {out}: is where the images are; choose another folder")


def write_files(
    source: ImageSource,
    results: Iterator[Result],
    out: Path,
    tally: Tally,
    format: str | None,
) -> None:
    """Write each image to a file with its name, and the pages of one file to one multi-page TIFF.

    Files are encoded and written in threads, a few at a time, while the next images are made.

    Args:
        source: the images.
        results: their results, in order; some may be missing.
        out: the folder; it exists.
        tally: counts what was written and lost.
        format: another kind of file; None keeps each original's own.

    Raises:
        InputError: a file to write is one of the images that are read, or it cannot be written.
    """
    workers = min(WRITERS, cores())
    for written in in_threads(
        lambda write: write(),
        _writes(source, results, out, format, tally),
        workers=workers,
        ahead=1,
    ):
        tally.files += written


def _writes(
    source: ImageSource, results: Iterator[Result], out: Path, format: str | None, tally: Tally
) -> Iterator[Callable[[], int]]:
    """Yield functions that write one file each and return the number of files that they wrote.

    A TIFF of many pages is written here, between them, page by page.
    """
    places = Places(source, out)
    for file, group in itertools.groupby(results, key=lambda done: _file_of(source, done.index)):
        first, pages = _peeked(group)
        inside = source.pages_of_file(first.index) if isinstance(source, FileSource) else 1
        if isinstance(source, FileSource) and file is not None and inside > 1 and format is None:
            path = places.free(file, out / _with_tiff_suffix(file))
            _refuse_input(source, first.index, path)
            tally.lost.update(what_is_lost(first.image.info, "TIFF", first.pixels.shape))
            _note_kind(first.image.info.format, "TIFF", tally)
            write_stack(path, _in_place(source, pages, inside, tally), at_most=inside)
            yield lambda: 1
            continue
        kind = format or (None if file is not None else "PNG")
        for done in pages:
            yield _writing(source, done, places, out, kind, tally)


def _in_place(
    source: FileSource, pages: Iterator[Result], inside: int, tally: Tally
) -> Iterator[Page]:
    """Yield the pages of a stack at their own numbers; an empty page replaces one that cannot be used.

    Args:
        pages: the results of one file, in order, some of them missing.
        inside: how many pages the file has.
    """
    place = 0
    for done in pages:
        _, number = source.locate(done.index)
        page = Page(done.pixels, done.image.info, done.holes)
        yield from _empty(page, number - place, tally)
        yield page
        place = number + 1
    yield from _empty(page, inside - place, tally)


def _empty(page: Page, count: int, tally: Tally) -> Iterator[Page]:
    """Yield ``count`` pages like another one, without values: the missing value, or else 0."""
    tally.empty_pages += count
    nodata = None if page.like is None else page.like.nodata
    dtype = page.pixels.dtype
    value = 0 if nodata is None or (dtype.kind in "bui" and np.isnan(nodata)) else nodata
    for _ in range(count):
        yield Page(np.full(page.pixels.shape, value, dtype), page.like)


def _peeked(items: Iterator[Result]) -> tuple[Result, Iterator[Result]]:
    """Return the first of some items, and an iterator over all of them."""
    first = next(items)
    return first, itertools.chain((first,), items)


def _writing(
    source: ImageSource, done: Result, places: "Places", out: Path, kind: str | None, tally: Tally
) -> Callable[[], int]:
    """Choose the path of one image now, and return a function that writes it."""
    name, info = below(done.image.info.name), done.image.info
    path = places.free(name, target_of(out / name, done.pixels, like=info, format=kind))
    other = kind_of_suffix(path.suffix)
    if kind is not None and other != _kind_named(kind):
        tally.elsewhere[f"{_kind_named(kind)} cannot hold these pixels: written as {other}"] += 1
    elif kind is None:
        _note_kind(info.format, other, tally)
    _refuse_input(source, done.index, path)
    _note_size(done, tally)
    pixels, holes = done.pixels, done.holes
    tally.lost.update(what_is_lost(info, kind_of_suffix(path.suffix), pixels.shape))

    def write() -> int:
        write_image(path, pixels, like=info, format=kind, holes=holes)
        return 1

    return write


def _note_size(done: Result, tally: Tally) -> None:
    """Note that a result has another size than its image, as models that take a part of it produce."""
    height, width = done.pixels.shape[:2]
    if (height, width) != done.image.pixels.shape[:2]:
        tally.elsewhere[
            f"only the part of {height}x{width} pixels that the model takes is in the result"
        ] += 1


def _note_kind(own: str, written: str, tally: Tally) -> None:
    """Note that the file of an image is of another kind than the image's own."""
    if own and canonical(own) != written:
        tally.elsewhere[f"{own} cannot be written with these pixels: written as {written}"] += 1


def _with_tiff_suffix(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    return path if path.suffix.lower() in SUFFIXES["TIFF"] else path.with_suffix(".tif")


class Places:
    """Unused names for the results: images whose names differ only in their suffix must not share a file."""

    def __init__(self, source: ImageSource, out: Path) -> None:
        self._source, self._out = source, out
        self._names: frozenset[str] | None = None
        self._given: set[str] = set()

    def free(self, name: str, target: Path) -> Path:
        """Return ``target``, or a longer name if another image has that one.

        Args:
            name: of the image, relative.
            target: where its file would go.
        """
        if target == self._out / name:
            return target
        if self._names is None:
            self._names = frozenset(self._source.names)
        suffix, kept = target.suffix, name
        while str(target.relative_to(self._out)) in self._names | self._given:
            kept = with_added_suffix(kept, suffix)
            target = self._out / kept
        self._given.add(str(target.relative_to(self._out)))
        return target


def write_array(source: ImageSource, results: Iterator[Result], path: Path, tally: Tally) -> None:
    """Write all images to one ``.npy`` file, in the order, shape and depth of the original array.

    Args:
        source: the images; an array, or a list of them.
        results: their results, in order; a missing one becomes an image of NaN, or of 0 for integers.
        path: of the file.
        tally: counts what was written.
    """
    first = next(results, None)
    if first is None:
        return
    flat = isinstance(source, ArraySource) and source.array.ndim == 3
    first_axis = getattr(source, "channels_first", False)
    depth = first.image.info.depth

    def stored(done: Result) -> np.ndarray:
        pixels = restore_depth(done.pixels, depth)
        if first_axis:
            return np.moveaxis(pixels, 2, 0)
        return pixels[..., 0] if flat and pixels.shape[2] == 1 else pixels

    shape = stored(first).shape
    empty = np.full(shape, np.nan if np.dtype(depth).kind == "f" else 0, depth)
    with array_file(path, shape, depth) as rows:
        for done in itertools.chain([first], results):
            _fill(rows, empty, done.index, tally)
            rows.append(stored(done))
        _fill(rows, empty, len(source), tally)
    tally.files += 1


def _fill(rows: ArrayFile, empty: np.ndarray, until: int, tally: Tally) -> None:
    """Append empty images in the place of those that could not be used."""
    for _ in range(rows.rows, until):
        rows.append(empty)
        tally.empty_pages += 1


def _file_of(source: ImageSource, index: int) -> str | None:
    """Return the name of the file that holds image ``index``; None for an array."""
    if not isinstance(source, FileSource):
        return None
    path, _ = source.locate(index)
    return os.path.relpath(path, source.root)


def _refuse_input(source: ImageSource, index: int, target: Path) -> None:
    if isinstance(source, FileSource):
        path, _ = source.locate(index)
        if target.exists() and os.path.samefile(path, target):
            raise InputError(f"{target}: is one of the images that are read; choose another folder")
