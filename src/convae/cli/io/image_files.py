"""Write images that a model made: image files, multi-page TIFFs, or one array, in constant memory."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from convae.cli.io.output_files import SKIPPED, result_folder, write_skipped
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import ImageError, InputError, unknown_name
from convae.images.dataset.survey import refuse_skipped
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

WRITERS = 4  # maximum; each thread holds an image, and images can be large
_SHORT = {"JPG": "JPEG", "TIF": "TIFF"}


class Result(Protocol):
    """An image and the result for it."""

    @property
    def index(self) -> int:
        """Return the position of the image in the source."""

    @property
    def image(self) -> Image:
        """Return the image as it was read."""

    @property
    def pixels(self) -> Pixels:
        """Return the (H, W, C) pixels to write."""

    @property
    def holes(self) -> Missing | None:
        """Return (H, W), True where a pixel still has no value; None: each has one."""


@dataclass(kw_only=True)
class Tally:
    """A summary of the images so far.

    Attributes:
        empty_pages: number of empty pages written to stacks and arrays for images that could not be used.
        lost: fact that files hold and their results do not -> number of images.
        elsewhere: sentence on files of another kind than expected -> number of images.
    """

    images: int = 0
    files: int = 0
    empty_pages: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)


OnBad = Callable[[ImageError], None]


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How a verb writes images.

    Attributes:
        out: the folder.
        doing: the verb's action for the progress line, such as ``denoising``.
        array: the name of the file that an array of images becomes.
        format: another kind of file; None keeps each image's own.
        strict: whether an image that cannot be used is an error.
    """

    out: Path
    doing: str
    array: str
    format: str | None = None
    strict: bool = False


def write_results(
    source: ImageSource, results: Callable[[OnBad], Iterator[Result]], how: Writing, voice: Voice
) -> Tally:
    """Compute the results for a source of images, and write each under its original's name.

    Args:
        results: yields the results in order; calls its argument for each image that cannot be used.

    Raises:
        InputError: no image can be used, or ``out`` is where the images are.
    """
    check_format(how.format)
    if how.strict and source.skipped:
        refuse_skipped(source, source.skipped, strict=True, left=len(source))
    refuse_own_folder(source, how.out)
    result_folder(how.out)
    for note in source.notes:
        voice.note(note)
    tally = Tally(skipped=list(source.skipped))
    as_files = isinstance(source, FileSource) or how.format is not None

    def on_bad(error: ImageError) -> None:
        if how.strict:
            raise error
        tally.skipped.append(Skipped(error.name, error.reason))

    with counting(voice, how.doing) as progress:

        def counted() -> Iterator[Result]:
            for done in results(on_bad):
                tally.images += 1
                progress(done.index + 1, len(source))
                yield done

        if as_files:
            write_files(source, counted(), how.out, tally, how.format)
        else:
            write_array(source, counted(), how.out / how.array, tally)
    if not tally.images:
        refuse_skipped(source, tally.skipped, strict=False, left=0)
    return tally


def account(tally: Tally, source: ImageSource, out: Path, voice: Voice) -> dict[str, Any]:
    """Report what was written; return the same as plain values."""
    listed = write_skipped(out / SKIPPED, tally.skipped)
    voice.say(
        f"{tally.images:,} image{'s' * (tally.images != 1)} from {source.description} to {tally.files:,} "
        f"file{'s' * (tally.files != 1)} in {out}"
        + (f"; {len(tally.skipped):,} skipped, see {listed}" if listed else "")
    )
    for what, count in sorted(tally.lost.items()):
        voice.note(
            f"{count:,} file{'s' * (count != 1)}: the result cannot hold the {what} of the original"
        )
    for what, count in sorted(tally.elsewhere.items()):
        voice.note(f"{count:,} file{'s' * (count != 1)}: {what}")
    if tally.empty_pages:
        voice.note(
            f"{tally.empty_pages:,} image{'s' * (tally.empty_pages != 1)} of stacks could not be used: an "
            "empty image keeps the place of each"
        )
    return {
        "out": out,
        "images": tally.images,
        "files": tally.files,
        "lost": dict(tally.lost),
        "skipped": [[s.name, s.reason] for s in tally.skipped],
        "skipped_file": listed,
    }


def _kind_named(format: str) -> str:
    """Return the kind of file that the value of --format names."""
    kind = format.upper().lstrip(".")
    return _SHORT.get(kind, kind)


def check_format(format: str | None) -> None:
    """Refuse an unknown kind of file before any work is done."""
    if format is not None and _kind_named(format) not in SUFFIXES:
        raise unknown_name("--format", format, [kind.lower() for kind in SUFFIXES])


def refuse_own_folder(source: ImageSource, out: Path) -> None:
    """Refuse to overwrite the images that are read."""
    if isinstance(source, FileSource) and out.exists() and os.path.samefile(out, source.root):
        raise InputError(f"--out {out}: is where the images are; choose another folder")


def write_files(
    source: ImageSource,
    results: Iterator[Result],
    out: Path,
    tally: Tally,
    format: str | None,
) -> None:
    """Write each image to a file of its own name; the pages of one file go to one multi-page TIFF.

    Files are encoded and written in threads, a few at a time, while the next images are computed.
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
    """Yield functions that write one file and return the count; multi-page TIFFs are written at once."""
    places = Places(source, out)
    for file, group in itertools.groupby(results, key=lambda done: _file_of(source, done.index)):
        first, pages = _peeked(group)
        inside = source.pages_beside(first.index) if isinstance(source, FileSource) else 1
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
    """Yield the pages of a stack at their original positions; an unusable one becomes an empty page.

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
    """Yield empty pages like another one, filled with the missing value, or else with 0."""
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
    """Return a function that writes one image; its path is settled now."""
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
    """Note that a result differs in size from its image, because the model takes a part of it."""
    height, width = done.pixels.shape[:2]
    if (height, width) != done.image.pixels.shape[:2]:
        tally.elsewhere[
            f"only the part of {height}x{width} pixels that the model takes is in the result"
        ] += 1


def _note_kind(own: str, written: str, tally: Tally) -> None:
    """Note that a result's file kind differs from the image's own."""
    if own and canonical(own) != written:
        tally.elsewhere[f"{own} cannot be written with these pixels: written as {written}"] += 1


def _with_tiff_suffix(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    return path if path.suffix.lower() in SUFFIXES["TIFF"] else path.with_suffix(".tif")


class Places:
    """File names in use: two images that differ only in their suffix must not become one file."""

    def __init__(self, source: ImageSource, out: Path) -> None:
        self._source, self._out = source, out
        self._names: frozenset[str] | None = None
        self._given: set[str] = set()

    def free(self, name: str, target: Path) -> Path:
        """Return ``target``, or a longer name if another image has it.

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
    """Write all images to one ``.npy`` file, in the order, shape and depth of the original array."""
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
    """Insert empty images for those that could not be used."""
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
            raise InputError(f"{target}: is one of the images that are read; choose another --out")
