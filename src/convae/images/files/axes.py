"""Which axis of an array holds the channels: one rule by shape for arrays, lists, tensors and data sets.

>>> channels_first_by_shape((3, 32, 48)), channels_first_by_shape((32, 48, 3))
(True, False)
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from convae.errors import InputError

FEW = range(1, 5)  # channels that most images have
COLOURS = (3, 4)
_FAR = 4  # factor by which an axis must be longer to be taken for a side and not for channels

_HOW = "convae.open_source(X, channels_first=True) or channels_first=False"

Shape = tuple[int, ...]


class AmbiguousAxesError(InputError):
    """The channels of an array may be first or last, and its shape is ambiguous.

    Attributes:
        reason: what is ambiguous, without advice.
    """

    def __init__(self, reason: str, how: str = _HOW) -> None:
        super().__init__(f"{reason}: choose with {how}")
        self.reason, self._how = reason, how

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self._how)


def channels_first_by_shape(shape: Shape) -> bool | None:
    """Return whether an image of three axes is ``(c, h, w)`` and not ``(h, w, c)``; None if ambiguous.

    1. If only one end has length 1 to 4, the channels are there. Exception: patches of 3x3 pixels with
       200 bands look like 3 channels first, so that shape is ambiguous.
    2. Otherwise, the order in which the image is square.
    3. Otherwise, if no end has length 1 to 4, the shortest axis holds the channels: the last one if it is the
       shortest of all, the first one if both others are four times as long (NumPy's order is ``(h, w, c)``).
    """
    first, middle, last = shape
    if first == last:
        return False if first == middle == 1 else None
    last_is_few, first_is_few = last in FEW, first in FEW
    square_if_first, square_if_last = middle == last, first == middle
    if last_is_few != first_is_few:
        return None if first_is_few and square_if_last else first_is_few
    if square_if_first or square_if_last:
        return square_if_first
    if last_is_few:
        return None
    if last < min(first, middle):
        return False
    return True if first * _FAR <= min(middle, last) else None


def settle(shape: Shape, channels_first: bool | None, name: str) -> bool:
    """Return whether the channels of an image of two or three axes come first.

    Args:
        shape: of one image.
        channels_first: the user's choice; None: not given.
        name: the image's name in the error.

    Raises:
        AmbiguousAxesError: the user does not choose, and the shape is ambiguous.
    """
    return settle_all([shape], channels_first, name)


def settle_all(shapes: Iterable[Shape], channels_first: bool | None, name: str) -> bool:
    """Apply :func:`settle` to images of several shapes with the same axes: unambiguous shapes decide.

    Raises:
        AmbiguousAxesError: the user does not choose, and all shapes are ambiguous or two disagree.
    """
    if channels_first is not None:
        return channels_first
    found: dict[bool | None, Shape] = {}
    for shape in shapes:
        if len(shape) == 3:
            found.setdefault(channels_first_by_shape(shape), shape)
    if True in found and False in found:
        raise AmbiguousAxesError(
            f"{name}: an image of shape {found[True]} has its channels first and one of {found[False]} last"
        )
    if True in found or False in found:
        return True in found
    if None in found:
        a, b, c = found[None]
        raise AmbiguousAxesError(
            f"{name}: an image of shape {found[None]} may be {a}x{b} pixels with {c} channel{'s' * (c > 1)}, "
            f"or {b}x{c} pixels with {a} channel{'s' * (a > 1)}"
        )
    return False


def is_one_colour_image(shape: Shape) -> bool:
    """Return whether an array is one colour image rather than a stack of grey strips 3 or 4 pixels wide."""
    return len(shape) == 3 and shape[2] in COLOURS and min(shape[:2]) > max(COLOURS)


def channels_last(image: np.ndarray, channels_first: bool) -> np.ndarray:
    """Return one image ``(c, h, w)`` as ``(h, w, c)``; an image without a channel axis is unchanged."""
    return np.moveaxis(image, 0, 2) if channels_first and image.ndim == 3 else image
