"""Write pixels to PBM, PGM, PPM and PFM."""

from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from convae.images.files.image import Pixels


def _write_pbm(handle: BinaryIO, plane: Pixels, top: float | None) -> None:
    height, width = plane.shape[:2]
    handle.write(f"P4\n{width} {height}\n".encode())
    handle.write(np.packbits(~plane[..., 0], axis=1).tobytes())  # in PBM 1 is ink


def _write_pnm(handle: BinaryIO, plane: Pixels, top: float | None) -> None:
    height, width, channels = plane.shape
    magic, most = ("P6" if channels == 3 else "P5"), _maximum(plane, top)
    handle.write(f"{magic}\n{width} {height}\n{most}\n".encode())
    handle.write(np.minimum(plane, most).astype(plane.dtype.newbyteorder(">")).tobytes())


def _maximum(plane: Pixels, top: float | None) -> int:
    """Return the maximum for the header: the known one, if it is possible for values of this depth."""
    bound = int(np.iinfo(plane.dtype).max)
    fits = top is not None and top == int(top) and (1 if bound < 256 else 256) <= top <= bound
    return int(top) if fits and top is not None else bound


def _write_pfm(handle: BinaryIO, plane: Pixels, top: float | None) -> None:
    height, width, channels = plane.shape
    handle.write(f"{'PF' if channels == 3 else 'Pf'}\n{width} {height}\n-1.0\n".encode())
    handle.write(plane[::-1].astype("<f4").tobytes())


# Each function writes (H, W, C) pixels of a depth and channels that the kind holds; ``top`` is the largest
# possible value, if the file states it.
NETPBM: dict[str, Callable[[BinaryIO, Pixels, float | None], None]] = {
    "PBM": _write_pbm,
    "PGM": _write_pnm,
    "PPM": _write_pnm,
    "PFM": _write_pfm,
}
