"""Which images of a test folder are normal, and of what kind the defects of the others are.

The kind is the name of the sub-folder; folders called ``good``, ``normal``, ``ok`` or ``free`` hold normal
images. The layout of MVTec AD (``test/KIND/NAME.png``, ``ground_truth/KIND/NAME_mask.png``) is recognised.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NORMAL = ""  # the kind of a normal image
NORMAL_WORDS = frozenset(["good", "normal", "ok", "free"])
NORMAL_LABELS = NORMAL_WORDS | {"0"}  # in a table
SPLITS = frozenset(["test", "train"])
TEST, GROUND_TRUTH = "test", "ground_truth"


@dataclass(frozen=True)
class TestLayout:
    """Where the images of a test set lie, and their masks.

    Attributes:
        images: the folder of images.
        masks: the folder of masks; None where none was found.
    """

    images: Path
    masks: Path | None

    __test__ = False  # this is no test class


def layout_of(folder: Path) -> TestLayout:
    """The layout of a test folder: ``set`` or ``set/test`` of MVTec's, or any other as it is."""
    if (folder / TEST).is_dir() and (folder / GROUND_TRUTH).is_dir():
        return TestLayout(folder / TEST, _filled(folder / GROUND_TRUTH))
    resolved = Path(os.path.abspath(folder))
    masks = resolved.parent / GROUND_TRUTH
    if resolved.name == TEST and masks.is_dir():
        return TestLayout(folder, _filled(masks))
    return TestLayout(folder, None)


def _filled(masks: Path) -> Path | None:
    """The folder, unless no file is in it."""
    return masks if any(path.is_file() for path in masks.rglob("*")) else None


def kind_by_folder(name: str) -> str | None:
    """The kind of defect by the folders of an image; :data:`NORMAL` for a normal one, None without folders.

    Folders called ``test`` or ``train`` around them do not count. An image in several folders is normal if
    one of them says so, else their path is the kind.

    >>> kind_by_folder("broken/3.png"), kind_by_folder("train/good/3.png"), kind_by_folder("3.png")
    ('broken', '', None)
    """
    folders = [part for part in PurePosixPath(name).parts[:-1] if part.casefold() not in SPLITS]
    if not folders:
        return None
    if any(is_normal_word(part) for part in folders):
        return NORMAL
    return "/".join(folders)


def is_normal_word(folder: str) -> bool:
    """Whether a folder of this name holds normal images: also ``MT_Free``, ``defect-free``, ``Good 2``.

    >>> [is_normal_word(name) for name in ("Good", "MT_Free", "ok_2", "not_good", "goods")]
    [True, True, True, False, False]
    """
    words = folder.casefold().replace("-", " ").replace("_", " ").split()
    words = [word for word in words if not word.isdigit()]
    if not words or {"not", "no", "non", "un"} & set(words):
        return False
    return words[-1] in NORMAL_WORDS and (len(words) == 1 or words[-1] == "free")


def kind_of_label(label: str) -> str:
    """The kind of defect by a label of a table; :data:`NORMAL` for one of :data:`NORMAL_LABELS`."""
    text = label.strip()
    return NORMAL if text.casefold() in NORMAL_LABELS or is_zero(text) else text


def is_zero(text: str) -> bool:
    """Whether a cell is the number 0, as ``0.0`` of a spreadsheet is."""
    try:
        return float(text) == 0
    except ValueError:
        return False


def kinds_in_order(kinds: Sequence[str]) -> list[str]:
    """The kinds of defects among those of images, by name."""
    return sorted({kind for kind in kinds if kind != NORMAL})
