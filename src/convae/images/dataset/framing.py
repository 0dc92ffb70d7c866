"""Bring images of any size to one size, and bring reconstructions back.

Arrays are channels last, ``(H, W, C)``, uint8, uint16 or float32, and keep their dtype.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as PillowImage

from convae.errors import InputError, raise_faults, unknown_name

Array = np.ndarray[Any, np.dtype[Any]]

MODES = ("resize", "crop", "pad", "random-crop")
LARGEST_SIDE = 65_536


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How an image is brought to the size that the network works on.

    Args:
        size: (height, width) in pixels, 1 to 65,536 each; None (default) leaves images as they are.
        mode: ``resize`` (default) scales each side by its own factor, with antialiasing: the whole image is
            kept, proportions may change. ``crop`` takes the centre. ``pad`` repeats the edge around the
            image, half of it on each side, and refuses a larger image. ``random-crop`` takes another part
            in every epoch, or the centre without a key. A side that is too short to crop is padded first.

    Raises:
        InputError: with all faults together.

    >>> pixels = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    >>> Framing(size=(2, 2), mode="crop").apply(pixels)[..., 0]
    array([[ 5,  6],
           [ 9, 10]], dtype=uint8)
    """

    size: tuple[int, int] | None = None
    mode: str = "resize"

    def __post_init__(self) -> None:
        if isinstance(self.size, list):  # TOML and JSON give a list
            object.__setattr__(self, "size", tuple(self.size))
        faults = []
        if self.mode not in MODES:
            faults.append(str(unknown_name("mode", self.mode, MODES)))
        if self.size is not None and not _is_size(self.size):
            faults.append(
                f"size must be (height, width), whole numbers from 1 to {LARGEST_SIDE}, "
                f"got {self.size!r}"
            )
        if self.size is None and self.mode in MODES[1:]:
            faults.append(f"mode {self.mode} needs a size (height, width)")
        raise_faults("framing", faults)

    def apply(self, pixels: Array, key: tuple[int, int, int] | None = None) -> Array:
        """Return the image in the size of :attr:`size`, C-contiguous, in its own dtype; itself if it fits.

        Args:
            pixels: (H, W, C).
            key: (seed, epoch, index of the image), integers from 0, which alone determine the place of a
                random crop. None (for evaluation) takes the centre. Other modes ignore it.

        Raises:
            InputError: the image is larger than the size it should be padded to.
        """
        if self.size is None or pixels.shape[:2] == self.size:
            return np.ascontiguousarray(pixels)
        if self.mode == "resize":
            return resize(pixels, self.size)
        fault = self.fault(*pixels.shape[:2])
        if fault:
            raise InputError(fault)
        # Cropped first: the other order would build a huge image of one that is long and thin.
        return _pad(_crop(pixels, self.size, self._offsets(pixels.shape, key)), self.size)

    def fault(self, height: int, width: int) -> str | None:
        """Return why an image of this size, known from its header, cannot be framed; None if it can."""
        if self.size is None or self.mode != "pad":
            return None
        if height <= self.size[0] and width <= self.size[1]:
            return None
        return (
            f"its {height} x {width} pixels cannot be padded to {self.size[0]} x {self.size[1]}: "
            "choose a larger size, or the framing resize or crop"
        )

    def undo(self, pixels: Array, original_hw: tuple[int, int]) -> Array:
        """Return a framed image (or its reconstruction) in the original size, where that is possible.

        ``resize`` resizes back; ``pad`` cuts the padding off. The pixels that a crop removed are lost: the
        part comes back as it is, with the smaller height and width of the crop's and the original's.

        Args:
            pixels: (H, W, C), of :attr:`size`.
            original_hw: (height, width) that the image had before :meth:`apply`.
        """
        if self.size is None or pixels.shape[:2] == original_hw:
            return np.ascontiguousarray(pixels)
        if self.mode == "resize":
            return resize(pixels, original_hw)
        height, width = (min(a, b) for a, b in zip(self.size, original_hw, strict=True))
        return _crop(pixels, (height, width), _centre(pixels.shape, (height, width)))

    def _offsets(self, shape: tuple[int, ...], key: tuple[int, int, int] | None) -> tuple[int, int]:
        """Return where in the (padded) image the part begins: (top, left)."""
        assert self.size is not None
        padded = tuple(max(a, b) for a, b in zip(shape, self.size, strict=False))
        if self.mode != "random-crop" or key is None:
            return _centre(padded, self.size)
        # SeedSequence's words never change between NumPy versions; a Generator's integers may.
        words = np.random.SeedSequence(key).generate_state(2, np.uint64)
        room = (have - want + 1 for have, want in zip(padded, self.size, strict=True))
        top, left = (int(word) % places for word, places in zip(words, room, strict=True))
        return top, left


def resize(pixels: Array, size: tuple[int, int]) -> Array:
    """Resize an image: bilinear, and antialiased where it shrinks.

    16-bit and float images are computed in float32 and rounded once, so 16 bits stay 16 bits. 8-bit images
    are computed in integers, which is several times as fast and at most one grey value off. Any number of
    channels is allowed; alpha is treated like the others. No value leaves the range that its channel had. A
    missing (NaN) pixel makes all pixels missing that depend on it.

    Args:
        pixels: (H, W, C), uint8, uint16 or float32.
        size: (height, width).
    """
    if pixels.shape[:2] == size:
        return np.ascontiguousarray(pixels)
    if pixels.dtype == np.uint8:
        return _resized_bytes(pixels, size)
    resized = np.empty((*size, pixels.shape[2]), dtype=pixels.dtype)
    for channel in range(pixels.shape[2]):
        plane = np.ascontiguousarray(pixels[..., channel], dtype=np.float32)
        picture = PillowImage.fromarray(plane).resize(size[::-1], PillowImage.Resampling.BILINEAR)
        resized[..., channel] = _within(plane, np.asarray(picture), pixels.dtype)
    return resized


def _resized_bytes(pixels: Array, size: tuple[int, int]) -> Array:
    """Resize 8-bit images: Pillow's arithmetic in torch, which has vector instructions for it."""
    ours = np.require(pixels, requirements=("C", "W"))  # torch warns of read-only arrays
    channels_first = torch.from_numpy(ours).permute(2, 0, 1)
    resized = F.interpolate(channels_first[None], size=size, mode="bilinear", antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def _within(plane: Array, values: Array, dtype: np.dtype[Any]) -> Array:
    """Return resized float32 values without the overshoot caused by rounded weights."""
    if dtype.kind != "f":
        rounded: Array = np.rint(values)  # the overshoot is far below one half
        return rounded
    # fmin and fmax ignore NaN.
    return values.clip(np.fmin.reduce(plane, axis=None), np.fmax.reduce(plane, axis=None))


def _pad(pixels: Array, size: tuple[int, int]) -> Array:
    """Pad the image by repeating its edges until no side is shorter than in ``size``."""
    missing = [max(want - have, 0) for have, want in zip(pixels.shape, size, strict=False)]
    if not any(missing):
        return pixels
    around = [(count // 2, count - count // 2) for count in missing]
    return np.pad(pixels, [*around, (0, 0)], mode="edge")


def _crop(pixels: Array, size: tuple[int, int], offsets: tuple[int, int]) -> Array:
    (height, width), (top, left) = size, offsets
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _centre(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    """Return the offsets of a centred part; an odd remainder goes to the end, as in :func:`_pad`."""
    return (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2


def _is_size(size: object) -> bool:
    return (
        isinstance(size, tuple)
        and len(size) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) for side in size)
        and all(1 <= side <= LARGEST_SIDE for side in size)
    )
