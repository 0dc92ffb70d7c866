"""Match names: an image and its mask, an image and its target.

The exact name comes first (``a.png`` to ``a.png``), then the name without suffix (``a.tif`` to ``a.png``).
An ambiguous match is refused, naming both candidates.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from convae.errors import InputError
from convae.images.sources.base import ImageSource
from convae.images.sources.naming import mask_name

SHOWN = 3  # names in an error
NONE = -1
_MARK = re.compile(r"[ ._-]?mask(?=\[|\.[^./]*(\[|$)|$)", re.IGNORECASE)

Forms = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Matched:
    """The partner of each image.

    Attributes:
        positions: (n,) position of the partner of each image, -1 if it has none.
        passed_over: (partner, the partner used instead, whose name is closer to the image's).
    """

    positions: NDArray[np.int64]
    passed_over: list[tuple[str, str]]


def match(
    images: ImageSource, partners: ImageSource, *, what: str, unmarked: bool = False
) -> Matched:
    """Find the partner of each image by name, or by number in an array.

    Args:
        images: the images that need partners.
        partners: masks or targets; nothing is read.
        what: the word for a partner in errors: ``mask``, ``target``.
        unmarked: whether ``a_mask.png`` also belongs to ``a.png``, and ``a.jpg.png`` to ``a.jpg``, as the
            names of the masks that ``convae inpaint`` writes.

    Raises:
        InputError: nothing matches, an image could have either of two partners, or a partner could belong to
            either of two images.
    """
    matching = _Matching(images, partners, what)
    key = _number if _numbered(images.names) and _numbered(partners.names) else name_key
    matching.by(lambda name: [name])
    if unmarked:
        matching.by(lambda name: [name], mask_name)
        matching.by(lambda name: [unmasked_name(name)])
        matching.by(lambda name: {key(name), key(unmasked_name(name))}, key)
    else:
        matching.by(lambda name: [key(name)], key)
    if not (matching.positions != NONE).any():
        raise InputError(
            f"{what} {partners.description}: none of its names is that of an image in "
            f"{images.description}: images are {some_names(images)}, {what}s {some_names(partners)}; give "
            "both the same names" + (", or one mask file for all" if what == "mask" else "")
        )
    return Matched(matching.positions, _passed_over(matching, key))


class _Matching:
    """The partners found so far, by one form of names after another."""

    def __init__(self, images: ImageSource, partners: ImageSource, what: str) -> None:
        self.images, self.partners, self.what = images, partners, what
        self.positions = np.full(len(images), NONE, np.int64)

    def by(self, forms: Forms, of_image: Callable[[str], str] = str) -> None:
        """Match images without a partner to partners without an image.

        Args:
            forms: the names that a partner may have.
            of_image: the name of an image.
        """
        taken = set(self.positions[self.positions != NONE].tolist())
        known = dict[str, int]()
        several = dict[str, list[int]]()  # few, so that a million names take no million lists
        for position, name in enumerate(self.partners.names):
            if position not in taken:
                for form in forms(name):
                    if known.setdefault(form, position) != position:
                        several.setdefault(form, [known[form]]).append(position)
        owner = dict[int, str]()
        for index in np.flatnonzero(self.positions == NONE).tolist():
            name = self.images.names[index]
            form = of_image(name)
            if form in several:
                self._refuse_partners(name, several[form])
            if form in known:
                first = owner.setdefault(known[form], name)
                if first != name:
                    self._refuse_images(self.partners.names[known[form]], first, name)
                self.positions[index] = known[form]

    def _refuse_partners(self, image: str, positions: Sequence[int]) -> None:
        names = list(dict.fromkeys(self.partners.names[i] for i in positions))
        if len(names) > 1:  # a file that is listed twice is one file
            raise InputError(
                f"{self.what} {self.partners.description}: {_both(names)} may each belong to the image "
                f"{image}: keep one of them, or give it the exact name of the image"
            )

    def _refuse_images(self, partner: str, first: str, second: str) -> None:
        raise InputError(
            f"{self.what} {self.partners.description}: {partner} may belong to the image {first} or to the "
            f"image {second}: give each image a {self.what} of its exact name"
        )


def _passed_over(matching: _Matching, key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return partners that were not used because another has a closer name."""
    names, positions = matching.partners.names, matching.positions
    used = np.unique(positions[positions != NONE])
    if len(used) == len(names):
        return []
    by_key = {key(unmasked_name(names[i])): names[i] for i in used.tolist()}
    rest = [names[i] for i in np.setdiff1d(np.arange(len(names)), used).tolist()]
    found = [(name, by_key.get(key(unmasked_name(name)))) for name in rest]
    return [(name, other) for name, other in found if other is not None and other != name]


def unmasked_name(name: str) -> str:
    """Return the name of the image that a mask belongs to, by the ends that masks have; others as they are.

    >>> [unmasked_name(name) for name in ("a/3_mask.png", "3-Mask.tif", "stack mask.tif[2]", "3.png")]
    ['a/3.png', '3.tif', 'stack.tif[2]', '3.png']
    """
    return _MARK.sub("", name)


def name_key(name: str) -> str:
    """Return what the names of two matching files share: the path without suffix, and the page.

    >>> name_key("a/b.png"), name_key("stack.tif[3]")
    ('a/b', 'stack[3]')
    """
    stem, bracket, number = name.rpartition("[")
    page = f"[{number}" if bracket and number[:-1].isdigit() and number.endswith("]") else ""
    return str(PurePosixPath(stem if page else name).with_suffix("")) + page


def some_names(source: ImageSource) -> str:
    """Return the first names of a source, for people."""
    return ", ".join(source.names[i] for i in range(min(SHOWN, len(source)))) or "none"


def _number(name: str) -> str:
    """Return what the names of two matching array images share: ``noisy.npy[7]``, ``clean.npy[7]``."""
    return name.rpartition("[")[2]


def _numbered(names: Sequence[str]) -> bool:
    """Return whether these are names of images in an array."""
    return bool(getattr(names, "numbered", False))


def _both(names: Sequence[str]) -> str:
    shown = ", ".join(names[: SHOWN - 1]) if len(names) > 2 else names[0]
    return f"{shown} and {names[-1] if len(names) <= SHOWN else f'{len(names) - SHOWN + 1} more'}"
