"""Which images of a test folder are normal, and the kind of defect of the others.

The kind is the name of the sub-folder; folders called ``good``, ``normal``, ``ok`` or ``free`` hold normal
images. The layout of MVTec AD (``test/KIND/NAME.png``, ``ground_truth/KIND/NAME_mask.png``) is recognised.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from convae.images.sources.base import ImageSource
from convae.images.sources.matching import name_key, unmasked_name

NORMAL = ""  # the kind of a normal image
NORMAL_WORDS = frozenset(["good", "normal", "ok", "free"])
NORMAL_LABELS = NORMAL_WORDS | {"0"}  # in a table
SPLITS = frozenset(["test", "train"])
TEST, GROUND_TRUTH = "test", "ground_truth"


@dataclass(frozen=True)
class TestLayout:
    """The folders of a test set's images and masks.

    Attributes:
        images: the folder of images.
        masks: the folder of masks; None where none was found.
    """

    images: Path
    masks: Path | None

    __test__ = False  # not a test class


def layout_of(folder: Path) -> TestLayout:
    """Return the layout of a test folder: ``set`` or ``set/test`` of MVTec AD, or any other as it is."""
    if (folder / TEST).is_dir() and (folder / GROUND_TRUTH).is_dir():
        return TestLayout(folder / TEST, _filled(folder / GROUND_TRUTH))
    resolved = Path(os.path.abspath(folder))
    masks = resolved.parent / GROUND_TRUTH
    if resolved.name == TEST and masks.is_dir():
        return TestLayout(folder, _filled(masks))
    return TestLayout(folder, None)


def _filled(masks: Path) -> Path | None:
    """Return the folder, unless it holds no file."""
    return masks if any(path.is_file() for path in masks.rglob("*")) else None


def kind_by_folder(name: str) -> str | None:
    """Return the kind of defect by an image's folders; :data:`NORMAL` if normal, None without folders.

    Folders called ``test`` or ``train`` around them are ignored. An image in nested folders is normal if
    one of them has such a name; otherwise their path is the kind.

    >>> kind_by_folder("broken/3.png"), kind_by_folder("train/good/3.png"), kind_by_folder("3.png")
    ('broken', '', None)
    """
    folders = [part for part in PurePosixPath(name).parts[:-1] if part.casefold() not in SPLITS]
    if not folders:
        return None
    if any(is_normal_word(part) for part in folders):
        return NORMAL
    return "/".join(folders)


def without_normal(source: ImageSource) -> tuple[ImageSource, list[str]]:
    """Select the images with defects: leave out normal images, and masks next to images, by their names.

    Args:
        source: images of a test set, by their names as :func:`kind_by_folder` reads them.

    Returns:
        The others, in order, and a sentence on each kind of image that was left out.
    """
    names = source.names
    bare = [unmasked_name(name) for name in names]
    keys = {name_key(name) for name, own in zip(names, bare, strict=True) if name == own}
    masks = [name != own and name_key(own) in keys for name, own in zip(names, bare, strict=True)]
    normal = [kind_by_folder(name) == NORMAL for name in names]
    notes = []
    for what, left in (("masks by their name", masks), ("normal images by their folder", normal)):
        some = [name for name, hit in zip(names, left, strict=True) if hit]
        if some:
            notes.append(f"{len(some):,} left out: {what}, such as {some[0]}")
    kept = [i for i, hits in enumerate(zip(masks, normal, strict=True)) if not any(hits)]
    return (source.select(kept) if notes else source), notes


def is_normal_word(folder: str) -> bool:
    """Return whether a folder name means normal images: also ``MT_Free``, ``defect-free``, ``Good 2``.

    >>> [is_normal_word(name) for name in ("Good", "MT_Free", "ok_2", "not_good", "goods")]
    [True, True, True, False, False]
    """
    words = folder.casefold().replace("-", " ").replace("_", " ").split()
    words = [word for word in words if not word.isdigit()]
    if not words or {"not", "no", "non", "un"} & set(words):
        return False
    return words[-1] in NORMAL_WORDS and (len(words) == 1 or words[-1] == "free")


def kind_of_label(label: str) -> str:
    """Return the kind of defect by a label of a table; :data:`NORMAL` for one of :data:`NORMAL_LABELS`."""
    text = label.strip()
    return NORMAL if text.casefold() in NORMAL_LABELS or is_zero(text) else text


def is_zero(text: str) -> bool:
    """Return whether a cell is the number 0, such as ``0.0`` in a spreadsheet."""
    try:
        return float(text) == 0
    except ValueError:
        return False


def kinds_in_order(kinds: Sequence[str]) -> list[str]:
    """Return the kinds of defects among those of images, by name."""
    return sorted({kind for kind in kinds if kind != NORMAL})
