"""The arithmetic of the lessons, written as the definitions read: plain loops over numpy arrays, one channel.

It is slow on purpose: every product can be followed by hand. ``tests/learn/`` checks it against torch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Layer = tuple[int, int, int]  # kernel size, stride, dilation


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return the side of the output of a convolution or a pooling of ``n`` pixels."""
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def transposed_size(
    n: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Return the side of the output of a transposed convolution of ``n`` pixels."""
    return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


@dataclass(frozen=True)
class Step:
    """One position of a sliding window.

    Attributes:
        row, column: the place in the output.
        top, left: the place of the window's first pixel in the padded input.
        window: (k, k), the pixels that the window covers.
    """

    row: int
    column: int
    top: int
    left: int
    window: np.ndarray


def windows(
    image: np.ndarray, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Iterator[Step]:
    """Move a window of ``kernel`` x ``kernel`` pixels over an image (H, W), row by row."""
    padded = np.pad(image, padding)
    rows, columns = (output_size(n, kernel, stride, padding, dilation) for n in image.shape)
    reach = dilation * (kernel - 1) + 1
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            seen = padded[top : top + reach : dilation, left : left + reach : dilation]
            yield Step(row, column, top, left, seen)


def convolve(
    image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> np.ndarray:
    """Return the convolution of an image (H, W) with a kernel (k, k), as torch computes it (no flip)."""
    side = len(kernel)
    size = [output_size(n, side, stride, padding, dilation) for n in image.shape]
    output = np.zeros(size, np.result_type(image, kernel))
    for step in windows(image, side, stride, padding, dilation):
        output[step.row, step.column] = (step.window * kernel).sum()
    return output


def max_pool(image: np.ndarray, side: int) -> np.ndarray:
    """Return the largest pixel of each ``side`` x ``side`` block of an image (H, W)."""
    output = np.zeros([n // side for n in image.shape], image.dtype)
    for step in windows(image, side, stride=side):
        output[step.row, step.column] = step.window.max()
    return output


def average_pool(image: np.ndarray, side: int) -> np.ndarray:
    """Return the mean of each ``side`` x ``side`` block of an image (H, W)."""
    output = np.zeros([n // side for n in image.shape])
    for step in windows(image, side, stride=side):
        output[step.row, step.column] = step.window.mean()
    return output


def insert_zeros(image: np.ndarray, stride: int) -> np.ndarray:
    """Return an image (H, W) with ``stride - 1`` zeros between each two neighbouring pixels."""
    spread = np.zeros([(n - 1) * stride + 1 for n in image.shape], image.dtype)
    spread[::stride, ::stride] = image
    return spread


def transposed_by_zeros(
    image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Return the transposed convolution of an image (H, W), by an ordinary convolution.

    Zeros are inserted between the pixels, a border of ``k - 1 - padding`` zeros is put around them, and
    the flipped kernel slides over the result with stride 1.
    """
    border = len(kernel) - 1 - padding
    if border < 0:
        raise ValueError(
            f"padding must be at most {len(kernel) - 1} for this kernel; got {padding}"
        )
    return convolve(np.pad(insert_zeros(image, stride), border), kernel[::-1, ::-1])


def stamps(
    image: np.ndarray, kernel: np.ndarray, stride: int = 1, dilation: int = 1
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Give for each pixel of an image (H, W) its stamp: top, left, and pixel times kernel (k, k)."""
    side = dilation * (len(kernel) - 1) + 1
    spread = np.zeros((side, side), kernel.dtype)
    spread[::dilation, ::dilation] = kernel
    for (row, column), pixel in np.ndenumerate(image):
        yield row * stride, column * stride, pixel * spread


def transposed_by_stamps(
    image: np.ndarray,
    kernel: np.ndarray,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """Return the transposed convolution of an image (H, W), by adding up stamps.

    ``padding`` cuts that many rows and columns off at every side. ``output_padding`` adds rows and columns at
    the bottom and on the right before the cut.
    """
    side = len(kernel)
    size = [transposed_size(n, side, stride, 0, output_padding, dilation) for n in image.shape]
    sheet = np.zeros(size, np.result_type(image, kernel))
    for top, left, stamp in stamps(image, kernel, stride, dilation):
        sheet[top : top + len(stamp), left : left + len(stamp)] += stamp
    return sheet[padding : size[0] - padding, padding : size[1] - padding]


def overlaps(n: int, kernel: int, stride: int) -> np.ndarray:
    """Return how many stamps cover each pixel of the output of a transposed convolution of n x n pixels."""
    ones = np.ones((kernel, kernel), np.int64)
    return transposed_by_stamps(np.ones((n, n), np.int64), ones, stride)


def receptive_fields(layers: Sequence[Layer]) -> list[int]:
    """Return the side of the receptive field after each layer, in pixels of the image.

    A layer adds ``dilation * (kernel - 1)`` of the pixels that it reads. Two neighbours of those are as far
    apart in the image as the product of all strides before.
    """
    field, apart, found = 1, 1, []
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * apart
        apart *= stride
        found.append(field)
    return found


def nearest(image: np.ndarray, factor: int) -> np.ndarray:
    """Return an image (H, W) enlarged by repeating each pixel ``factor`` times in both directions."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def sources(n: int, factor: int) -> list[tuple[int, int, float]]:
    """Return for each pixel of an enlarged row the two pixels it lies between, and the weight of the second.

    Pixels are squares of side 1, and their values stand at their centres. The centre of output pixel i lies
    at (i + 0.5) / factor - 0.5. Beyond the first and the last centre the value stays as it is.
    """
    found = []
    for i in range(n * factor):
        at = min(max((i + 0.5) / factor - 0.5, 0), n - 1)
        first = min(math.floor(at), max(n - 2, 0))
        found.append((first, min(first + 1, n - 1), at - first))
    return found


def bilinear(image: np.ndarray, factor: int) -> np.ndarray:
    """Return an image (H, W) enlarged ``factor`` times by bilinear interpolation."""
    height, width = image.shape
    output = np.zeros((height * factor, width * factor))
    for row, (top, bottom, down) in enumerate(sources(height, factor)):
        for column, (left, right, across) in enumerate(sources(width, factor)):
            upper = (1 - across) * image[top, left] + across * image[top, right]
            lower = (1 - across) * image[bottom, left] + across * image[bottom, right]
            output[row, column] = (1 - down) * upper + down * lower
    return output


def cross_entropy(pixel: float, guess: float) -> float:
    """Return the cross-entropy of a pixel and its reconstruction ``guess``, both in [0, 1], in nats."""
    return -sum(p * math.log(q) for p, q in ((pixel, guess), (1 - pixel, 1 - guess)) if p)
