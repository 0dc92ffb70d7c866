"""Sources of files: a folder, a glob, a list of paths, one file; each picture in a file is an image."""

import hashlib
import os
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from convae.errors import ImageError, InputError
from convae.filesystem.run_files import reading_all
from convae.images.files.image import Header, Image, ReadLimits, Request, Size
from convae.images.files.picture_counts import may_hold_several
from convae.images.files.reading import probe_image, probe_or_read_image, read_image
from convae.images.sources.base import ImageSource, LazyNames, Skipped
from convae.images.sources.folder_listing import Listing, file_fault, list_images

_WILD = frozenset("*?[")


class FileSource(ImageSource):
    """Image files under one folder, named relative to it.

    Only the names are kept (about 100 bytes a file); sizes and depths are read on request. Each picture of a
    file with several (pages of a TIFF, frames of an animation, concatenated PNM) is an image, named
    ``stack.tif[3]``.

    Args:
        root: the folder that names are relative to.
        names: relative paths with ``/``, in the order of the source.
        description: what was opened, for people.
        limits: the limits for one image.
    """

    def __init__(
        self, root: Path, names: list[str], *, description: str, limits: ReadLimits | None = None
    ) -> None:
        self.root, self._files, self._limits = root, names, limits or ReadLimits()
        self.description, self.notes = description, []
        pages, self.skipped = page_counts(root, names, self._limits)
        self._names: Sequence[str] = names
        self._starts: np.ndarray | None = None
        self._summed: tuple[Path | None, str] = None, ""  # the last file and its checksum
        reading_all(lambda: (root / name for name in names))
        if pages is not None:
            self._starts = np.concatenate([[0], np.cumsum(pages)])
            self._names = PageNames(names, self._starts)
            stacks = int((pages > 1).sum())
            self.notes.append(
                f"{stacks} file(s) with several pictures (pages, frames): each is an image"
            )

    def __len__(self) -> int:
        return len(self._names)

    def label_by_folder(self) -> None:
        """Use the first-level folders as classes, if every image lies in one and there are at least two."""
        self.label_by([name.partition("/")[0] if "/" in name else "" for name in self._files])

    def label_by(self, tops: Sequence[str]) -> None:
        """Use these as the classes of the files, if every file has one and there are at least two."""
        classes = list(dict.fromkeys(tops))  # in the natural order of the listing
        if len(classes) < 2 or "" in classes:
            return
        number = {name: index for index, name in enumerate(classes)}
        self.set_labels(np.array([number[top] for top in tops], dtype=np.int64), tuple(classes))

    def set_labels(self, labels: np.ndarray, names: tuple[str, ...]) -> None:
        """Set the labels (n,) of the n files, which all their pages have, and the name of each label."""
        if self._starts is not None:
            labels = np.repeat(labels, np.diff(self._starts))
        self.label_names, self._labels = names, labels

    def locate(self, index: int) -> tuple[Path, int]:
        """Return the file and the page that hold image ``index``.

        Raises:
            IndexError: there is no such image.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"no image {index}: there are {len(self)}")
        if self._starts is None:
            return self.root / self._files[index], 0
        file = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.root / self._files[file], index - int(self._starts[file])

    def pages_of_file(self, index: int) -> int:
        """Return the number of images in the file of image ``index``."""
        if self._starts is None:
            return 1
        file = int(np.searchsorted(self._starts, index, side="right")) - 1
        return int(self._starts[file + 1] - self._starts[file])

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        """Decode image ``index``; a JPEG file only with as many pixels as ``for_size`` needs."""
        path, page = self.locate(index)
        return read_image(
            path, name=self._names[index], page=page, limits=self._limits, for_size=for_size
        )

    def header_or_image(
        self, index: int, *, for_size: Size | None = None, most_bytes: int = 0
    ) -> tuple[Header, Image | None]:
        """Return the header, and a small image as well: opening a file costs as much as decoding it."""
        path, page = self.locate(index)
        return probe_or_read_image(
            path,
            most_bytes,
            name=self._names[index],
            page=page,
            limits=self._limits,
            for_size=for_size,
        )

    def request(self, index: int, for_size: Size | None, most_bytes: int | None) -> Request:
        """Return the request to read image ``index`` elsewhere."""
        path, page = self.locate(index)
        return Request(
            path=os.path.abspath(path),
            name=self._names[index],
            page=page,
            limits=self._limits,
            for_size=for_size,
            most_bytes=most_bytes,
        )

    def header(self, index: int) -> Header:
        """Return the shape and depth of image ``index``."""
        path, page = self.locate(index)
        return probe_image(path, name=self._names[index], page=page, limits=self._limits)

    def checksum(self, index: int) -> str:
        """Return the SHA-256 of the file that holds image ``index``; the pages of one file share it.

        Raises:
            ImageError: the file can no longer be read.
        """
        path, _ = self.locate(index)
        summed = self._summed
        if summed[0] != path:
            try:
                with open(path, "rb") as file:
                    summed = path, hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise ImageError(self._names[index], f"cannot be read: {error.strerror}") from error
            self._summed = summed
        return summed[1]

    def fingerprint(self) -> str:
        """Return the SHA-256 over relative names, sizes and modification times; contents are not read."""
        digest = hashlib.sha256(f"files {len(self._files)}".encode())
        for name in self._files:
            try:
                status = os.stat(self.root / name)
                facts = f"{status.st_size} {status.st_mtime_ns}"
            except OSError:
                facts = "gone"
            digest.update(os.fsencode(name) + b"\0" + facts.encode() + b"\n")
        return digest.hexdigest()


class PageNames(LazyNames):
    """Names of images if some files hold several: ``one.tif``, ``stack.tif[0]``, ``stack.tif[1]``."""

    def __init__(self, files: list[str], starts: np.ndarray) -> None:
        super().__init__(int(starts[-1]))
        self._files, self._starts = files, starts

    def name(self, index: int) -> str:
        """Return name ``index``."""
        file = int(np.searchsorted(self._starts, index, side="right")) - 1
        first, end = self._starts[file], self._starts[file + 1]
        return self._files[file] if end - first == 1 else f"{self._files[file]}[{index - first}]"


def folder_source(folder: Path, limits: ReadLimits) -> FileSource:
    """Open all images under a folder; a sub-folder for each class gives labels."""
    listing = list_images(folder)
    source = _listed(folder, listing, f"folder {folder}/", limits)
    source.label_by_folder()
    return source


def glob_source(pattern: str, limits: ReadLimits) -> FileSource:
    """Open all images whose path matches a glob pattern, ``**`` for any number of folders.

    Raises:
        InputError: the folder before the first wildcard does not exist, or no image matches.
    """
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if _WILD & set(part))
    root = Path(*parts[:fixed])
    if not root.is_dir():
        raise InputError(f"{pattern}: there is no folder {root}")
    return _listed(root, list_images(root, parts[fixed:]), f"files {pattern}", limits)


def paths_source(paths: Iterable[str | os.PathLike[str]], limits: ReadLimits) -> FileSource:
    """Open image files in the given order; skip those that are missing or not files.

    A folder among them stands for its images, see :func:`folders_source`.

    Raises:
        InputError: none of the paths is an image file; gives the reasons.
    """
    found, skipped = list[str](), list[Skipped]()
    given = [os.path.expanduser(os.fspath(path)) for path in paths]
    if any(map(os.path.isdir, given)):
        return folders_source(given, limits)
    for path in given:
        if fault := path_fault(path):
            skipped.append(Skipped(path, fault))
        else:
            found.append(path)
    if not found:
        raise InputError(f"none of the paths is an image file: {_reasons(skipped)}")
    source = files_source(found, limits)
    source.skipped = [*skipped, *source.skipped]
    return source


def files_source(paths: Sequence[str], limits: ReadLimits) -> FileSource:
    """Open files that are there, in the given order; their names are relative to their common folder."""
    found = [os.path.abspath(path) for path in paths]
    root = Path(os.path.commonpath([os.path.dirname(path) for path in found]))
    names = [os.path.relpath(path, root) for path in found]
    return FileSource(root, names, description=f"{len(names)} files", limits=limits)


def folders_source(given: Sequence[str], limits: ReadLimits) -> FileSource:
    """Open the images of several folders (and files), each image once, in the given order.

    Names are relative to the common parent folder, so images of different folders have different names, and
    their results go to different places. Classes are the sub-folders of the folders if all images lie in one;
    otherwise they are the folders themselves.
    """
    listing, files, roots = Listing(), dict[str, tuple[str, str]](), list[str]()
    for path in map(os.path.abspath, given):
        if os.path.isdir(path):
            inner, root = list_images(Path(path)), path
            listing.skipped += [
                Skipped(os.path.join(path, s.name), s.reason) for s in inner.skipped
            ]
            listing.others += inner.others
            listing.repeated += inner.repeated
            names = inner.names
        elif fault := path_fault(path):
            listing.skipped.append(Skipped(path, fault))
            continue
        else:
            root, names = os.path.split(path)[0], [os.path.basename(path)]
        roots.append(root)
        new = {os.path.join(root, name): (root, name) for name in names}
        listing.repeated += len(files.keys() & new.keys())
        files |= {path: place for path, place in new.items() if path not in files}
    top = Path(os.path.commonpath(roots or [os.getcwd()]))
    listing.names = [os.path.relpath(path, top) for path in files]
    source = _listed(
        top, listing, f"{len(given)} folders and files under {top.name or top}/", limits
    )
    if all(map(os.path.isdir, given)):
        source.label_by(_classes(files.values()))
    return source


def _classes(files: Iterable[tuple[str, str]]) -> list[str]:
    """Return the class of each of these (folder, name in it)."""
    pairs = list(files)
    if all("/" in name for _, name in pairs):
        return [name.partition("/")[0] for _, name in pairs]
    return [os.path.basename(root) for root, _ in pairs]


def file_source(path: Path, limits: ReadLimits) -> FileSource:
    """Open one image file, or the pages of one TIFF. Raise ImageError when it cannot be read at all."""
    probe_image(path, name=str(path), limits=limits)
    return FileSource(path.parent, [path.name], description=f"file {path}", limits=limits)


def path_fault(path: str) -> str | None:
    """Return why ``path`` is not a readable file, or None when it is one."""
    try:
        return file_fault(path, os.stat(path))
    except FileNotFoundError:
        if ".npz:" in path:
            return "an array of a .npz file; give it as a source of its own"
        return "a link that leads nowhere" if os.path.islink(path) else "no such file"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)


def page_counts(
    root: Path, names: list[str], limits: ReadLimits
) -> tuple[np.ndarray | None, list[Skipped]]:
    """Return pictures in each file (n,), or None when every file is one image.

    Pages that a file promises but does not hold are listed as skipped.
    """
    several, skipped, folder = dict[int, int](), list[Skipped](), os.fspath(root)
    for index, name in enumerate(names):
        if not may_hold_several(f"{folder}/{name}"):
            continue
        try:
            header = probe_image(root / name, limits=limits)
        except ImageError:
            continue  # reading reports the reason
        if header.pages > 1:
            several[index] = header.pages
        if header.shortfall:
            skipped.append(Skipped(name, header.shortfall))
    if not several:
        return None, skipped
    counts = array("q", [1]) * len(names)
    for index, pages in several.items():
        counts[index] = pages
    return np.frombuffer(counts, dtype=np.int64), skipped


def _listed(root: Path, listing: Listing, description: str, limits: ReadLimits) -> FileSource:
    if not listing.names:
        found = "; ".join([*listing.notes(), _reasons(listing.skipped)]).strip("; ")
        raise InputError(f"{description}: no image found" + (f" ({found})" if found else ""))
    source = FileSource(root, listing.names, description=description, limits=limits)
    source.skipped = [*listing.skipped, *source.skipped]
    source.notes = listing.notes() + source.notes
    return source


def _reasons(skipped: list[Skipped]) -> str:
    shown = "; ".join(f"{item.name}: {item.reason}" for item in skipped[:3])
    return shown + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
