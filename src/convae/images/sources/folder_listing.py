"""List the image files of a folder: in natural order, once each, whatever the folder holds."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from convae.filesystem.result_folders import marked, recorded
from convae.images.files.file_kinds import SNIFF_BYTES, kind_of
from convae.images.sources.base import Skipped

IMAGE_SUFFIXES = frozenset(
    """
    .apng .avif .bmp .cur .dcx .dds .dib .dng .fli .flc .gif .icns .ico .im .j2c .j2k .jfif .jp2 .jpc
    .jpe .jpeg .jpf .jpg .jpx .lsm .mpo .msp .pbm .pcx .pfm .pgm .png .pnm .ppm .psd .qoi .ras .sgi
    .svs .tga .tif .tiff .webp .xbm .xpm
    """.split()  # noqa: SIM905  (the list would be 46 lines)
)
TIFF_SUFFIXES = (".tif", ".tiff", ".lsm", ".svs", ".dng")
# Files that accompany images: skipped without a note for each.
_OTHER_SUFFIXES = frozenset(
    """
    .txt .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .md .rst .html .htm .css .js .py .ipynb
    .m .r .log .db .sqlite .lnk .url .pdf .doc .docx .xls .xlsx .ppt .pptx .zip .tar .gz .tgz .bz2 .xz
    .7z .rar .mp4 .avi .mov .mkv .wav .mp3 .pt .pth .ckpt .onnx .safetensors .convae .pkl .parquet
    .arrow .h5 .hdf5 .bak .tmp .part .lock .sha256 .md5 .svg
    """.split()  # noqa: SIM905
)
_OTHER_NAMES = frozenset({"thumbs.db", "desktop.ini", "readme", "license", "licence", "makefile"})
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"\xff\x4f\xff\x51")
_SKIPPED_FOLDERS = frozenset({"__MACOSX", "__pycache__"})
SHOWN = 3  # names in a note
_ARRAY_SUFFIXES = frozenset({".npy", ".npz"})


@dataclass(slots=True)
class Listing:
    """The result of listing a folder.

    Attributes:
        names: image files, relative to the folder, in natural order.
        skipped: what could not be used, with the reason.
        others: suffixes of other files, with their number.
        repeated: number of links to images that are already listed.
        own: folders, and single files in others, that hold results of convae.
    """

    names: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    own: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return one sentence for each kind of file that was skipped."""
        notes = []
        if total := self.others.total():
            kinds = ", ".join(f"{kind} {count}" for kind, count in self.others.most_common(5))
            what = "files that are not images" if total > 1 else "file that is not an image"
            notes.append(f"skipped {total} {what}: {kinds}")
        if self.own:
            shown = ", ".join(self.own[:SHOWN]) + (", ..." if len(self.own) > SHOWN else "")
            notes.append(
                f"{len(self.own)} of convae's own results are left out: {shown} (to read a folder of them, "
                "name that folder)"
            )
        if self.repeated:
            notes.append(
                f"{self.repeated} images that are listed already (by links, or twice) were left out"
            )
        return notes


def list_images(folder: Path, pattern: Sequence[str] | None = None) -> Listing:
    """List every image file under ``folder``; only files without a known suffix are opened.

    Each folder is visited once, however many links lead to it. Hidden files and folders are skipped,
    and so are sub-folders that convae filled with results. Anything that is neither a file nor a folder is
    reported. In each folder, files come before sub-folders.

    Args:
        folder: the folder to list; may be hidden.
        pattern: the parts of a glob pattern (``["**", "*.png"]``) that names must match; None: all.
    """
    listing, real, links = Listing(), set[tuple[int, int]](), dict[int, tuple[int, int]]()
    for name, device, entry in _walk(folder, listing, _depth(pattern)):
        if pattern is not None and not glob_match(name.split("/"), pattern):
            continue
        reason = _classify(entry, listing.others)
        if reason:
            listing.skipped.append(Skipped(name, reason))
        elif reason is None:
            if entry.is_symlink():
                status = entry.stat()
                links[len(listing.names)] = (status.st_dev, status.st_ino)
            else:
                real.add((device, entry.inode()))
            listing.names.append(name)
    _drop_repeated(listing, real, links)
    return listing


def natural_key(name: str) -> tuple[str, str]:
    """Return a key that sorts ``img2`` before ``img10``, and letters case-insensitively.

    >>> sorted(["b1", "a10", "A9", "a9"], key=natural_key)
    ['A9', 'a9', 'a10', 'b1']
    """
    # A number becomes its length and its digits: strings compare correctly and take little memory.
    key = re.sub(r"[0-9]+", _number_key, name.casefold())
    return key, name


def glob_match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether path parts match pattern parts, where ``**`` stands for any number of folders.

    >>> glob_match(("a", "b", "x.png"), ("**", "*.png")), glob_match(("a", "x.png"), ("*.png",))
    (True, False)
    """

    @cache
    def match(part: int, piece: int) -> bool:
        if piece == len(pattern):
            return part == len(parts)
        if pattern[piece] == "**":
            if piece == len(pattern) - 1:
                return part < len(parts)
            return match(part, piece + 1) or (part < len(parts) - 1 and match(part + 1, piece))
        fits = part < len(parts) and fnmatchcase(parts[part], pattern[piece])
        return fits and match(part + 1, piece + 1)

    return match(0, 0)


def file_fault(path: str, status: os.stat_result) -> str | None:
    """Return why something is not a readable file, or None when it is one."""
    kinds = {
        stat.S_IFIFO: "a named pipe, not a file",
        stat.S_IFSOCK: "a socket, not a file",
        stat.S_IFCHR: "a device, not a file",
        stat.S_IFBLK: "a device, not a file",
        stat.S_IFDIR: "a folder, not a file",
    }
    if (kind := kinds.get(stat.S_IFMT(status.st_mode))) is not None:
        return kind
    return None if os.access(path, os.R_OK) else "no permission to read it"


def _number_key(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0") or "0"
    return f"{len(digits):04d}{digits}"


def _depth(pattern: Sequence[str] | None) -> int | None:
    return None if pattern is None or "**" in pattern else len(pattern) - 1


def _walk(
    folder: Path, listing: Listing, depth: int | None
) -> Iterator[tuple[str, int, "os.DirEntry[str]"]]:
    """Yield every entry that is not a folder: its name relative to ``folder``, device, entry.

    Linked folders come last, so that a folder is listed by its own name and not by a link's.
    """
    visited: set[tuple[int, int]] = set()
    waiting, linked = [""], list[str]()
    while waiting or linked:
        prefix = waiting.pop() if waiting else linked.pop(0)
        try:
            path = os.path.join(folder, prefix)
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            entries = _without_results(prefix, path, listing.own)
        except OSError as error:
            listing.skipped.append(
                Skipped(prefix or f"{folder}/", f"cannot be listed: {error.strerror}")
            )
            continue
        below = [entry for entry in entries if _is_folder(entry)]
        if depth is None or prefix.count("/") < depth:
            waiting += [f"{prefix}{e.name}/" for e in reversed(below) if not e.is_symlink()]
            linked += [f"{prefix}{e.name}/" for e in below if e.is_symlink()]
        for entry in entries:
            if not _is_folder(entry):
                yield prefix + entry.name, status.st_dev, entry


def _without_results(prefix: str, path: str, own: list[str]) -> list["os.DirEntry[str]"]:
    """Return the entries of a folder without results of convae; all of them for the folder that was named."""
    mark = marked(path) if prefix else None
    if mark is None:
        return _entries(path)
    if mark.whole:
        own.append(prefix)
        return []
    results = frozenset(recorded(path))
    tops = {name.partition("/")[0] for name in results if "/" in name}
    kept = [e for e in _entries(path) if e.name not in results and e.name not in tops]
    own += [f"{prefix}{name}" for name in sorted(results)]
    return kept


def _entries(path: str) -> list["os.DirEntry[str]"]:
    with os.scandir(path) as found:
        entries = [entry for entry in found if not _hidden(entry.name)]
    return sorted(entries, key=lambda entry: natural_key(entry.name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED_FOLDERS


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _classify(entry: "os.DirEntry[str]", others: Counter[str]) -> str | None:
    """Return None for an image, a reason for a file to report, "" for a file skipped."""
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        status = entry.stat() if entry.is_symlink() or not entry.is_file() else None
    except OSError as error:
        return f"a link that leads nowhere ({error.strerror})"
    if status is not None and (fault := file_fault(entry.path, status)):
        return fault
    if suffix in IMAGE_SUFFIXES:
        return None
    if suffix in _OTHER_SUFFIXES or entry.name.lower() in _OTHER_NAMES:
        others[suffix or entry.name] += 1
        return ""
    if suffix in _ARRAY_SUFFIXES:
        return "an array file in a folder is not read; give it by itself"
    return _sniff(entry.path)


def _sniff(path: str) -> str | None:
    """Check whether a file without an informative suffix is an image: return None, or the reason why not."""
    try:
        with open(path, "rb") as file:
            head = file.read(SNIFF_BYTES)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not head:
        return "empty file"
    kind = kind_of(head)
    if kind.reason:
        return kind.reason
    known = kind.reader != "pillow" or head.startswith(_MAGIC) or head[4:8] in (b"ftyp", b"jP  ")
    return None if known else "not an image of a known kind"


def _drop_repeated(
    listing: Listing, real: set[tuple[int, int]], links: dict[int, tuple[int, int]]
) -> None:
    """Leave out links to files that are listed themselves, and all but the first link to any other."""
    seen, drop = set[tuple[int, int]](), set[int]()
    for index, target in links.items():
        if target in seen or target in real:
            drop.add(index)
        seen.add(target)
    listing.repeated = len(drop)
    if drop:
        listing.names = [name for i, name in enumerate(listing.names) if i not in drop]
