"""Convert colour models to grey or RGB, and rotate pixels upright: plain numpy, at full depth."""

import numpy as np

from convae.images.files.image import Pixels

ORIENTED = "EXIF orientation applied"
CLEAR_COLOUR = "transparent colour kept as stored, without an alpha channel"


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Rotate or flip ``(H, W, ...)`` pixels upright.

    Args:
        pixels: as stored.
        orientation: EXIF tag 274, 1 to 8; anything else leaves them as they are.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def upright_shape(shape: tuple[int, int, int], orientation: int) -> tuple[int, int, int]:
    """Return the shape that :func:`upright` gives."""
    height, width, channels = shape
    return (width, height, channels) if orientation in (5, 6, 7, 8) else shape


def cmyk_to_rgb(pixels: Pixels) -> Pixels:
    """Convert CMYK to RGB at the same depth: ``(max - ink) * (max - black) / max``.

    Args:
        pixels: ``(H, W, 4)`` uint8 or uint16, 0 = no ink; channels after the fourth are kept.
    """
    top = int(np.iinfo(pixels.dtype).max)
    light = top - pixels[..., 3:4].astype(np.uint64)
    dark = (pixels[..., :3].astype(np.uint64) * light + top // 2) // top
    rgb = (light - dark).astype(pixels.dtype)
    return np.concatenate([rgb, pixels[..., 4:]], axis=-1)


def ycbcr_to_rgb(pixels: Pixels) -> Pixels:
    """Convert full-range YCbCr (ITU-R BT.601, as JPEG has it) to RGB; ``(H, W, 3)`` uint8."""
    y, cb, cr = (pixels[..., i].astype(np.float32) for i in range(3))
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), dtype=np.uint8)


def lab_to_rgb(pixels: Pixels) -> Pixels:
    """Convert CIE L*a*b* (D50, 8 bit, a and b two's complement) to sRGB; ``(H, W, 3)`` uint8."""
    lightness = pixels[..., 0].astype(np.float64) / 2.55
    a, b = (pixels[..., i].view(np.int8).astype(np.float64) for i in (1, 2))
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    white = np.array([0.96422, 1.0, 0.82521])  # D50
    xyz = white * np.where(f > 6 / 29, f**3, (f - 16 / 116) * 3 * (6 / 29) ** 2)
    # D50 to linear sRGB, Bradford-adapted (Lindbloom's matrix).
    matrix = np.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    linear = np.clip(xyz @ matrix.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(srgb * 255), dtype=np.uint8)


def is_grey(palette: Pixels) -> bool:
    """Return whether every colour of an ``(n, 3)`` palette is grey."""
    return bool(np.all(palette == palette[:, :1]))


def inverted(pixels: Pixels, top: int) -> Pixels:
    """Invert the first channel of ``(H, W, C)``, white-is-zero to black-is-zero or back; others stay.

    Args:
        pixels: bool or unsigned.
        top: the largest value in use; ignored for bool.
    """
    grey = pixels[..., :1]
    grey = ~grey if pixels.dtype == np.bool_ else pixels.dtype.type(top) - grey
    return np.asarray(np.concatenate([grey, pixels[..., 1:]], axis=-1))


def widened(pixels: Pixels, bits: int) -> Pixels:
    """Scale grey of 2 or 4 bits to 0..255, as every PNG reader does.

    Args:
        pixels: (H, W, C) values from 0 to 2^bits - 1.
        bits: 2 or 4.

    Returns:
        (H, W, C) uint8.
    """
    return np.asarray(pixels * (255 // (2**bits - 1)), dtype=np.uint8)
