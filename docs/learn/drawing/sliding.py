"""Pictures of a window that slides over an image: convolution with its options."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from docs.learn.arithmetic import Step, convolve, windows
from docs.learn.drawing.canvas import CELL, WIDTH, Picture, Place, cells, number

EDGE, TOP = 20, 46
IMAGE = np.array(
    [
        [0, 0, 2, 2, 2],
        [0, 0, 2, 2, 2],
        [0, 0, 2, 2, 2],
        [0, 0, 0, 2, 2],
        [0, 0, 0, 2, 2],
    ]
)
KERNEL = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
SMALL = np.array([[1, 2, 0, 1], [0, 3, 1, 0], [2, 1, 0, 2], [1, 0, 1, 1]])
BLUR = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
COLOURS = (np.array([[1, 2], [0, 3]]), np.array([[2, 0], [1, 1]]))
COLOUR_KERNELS = (np.array([[1, 0], [0, 1]]), np.array([[0, 1], [2, 0]]))
BIAS = 1


@dataclass(frozen=True)
class Slide:
    """One picture of a sliding window.

    Attributes:
        image: (H, W); kernel: (k, k).
        kinds: of single cells of the padded image.
        names: over the image, the kernel and the output.
    """

    title: str
    words: str
    image: np.ndarray
    kernel: np.ndarray
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    seconds: float = 2.2
    kinds: Mapping[Place, str] | None = None
    names: tuple[str, str, str] = ("input", "kernel", "output")


def slide(what: Slide) -> str:
    """Return the SVG: the window over the input, its products with the kernel, the output as it fills."""
    padded = np.pad(what.image, what.padding)
    output = convolve(what.image, what.kernel, what.stride, what.padding, what.dilation)
    steps = list(windows(what.image, len(what.kernel), what.stride, what.padding, what.dilation))
    below = TOP + len(padded) * CELL + 54
    side = len(what.kernel) * CELL
    picture = Picture(what.title, what.words, below + side + 62, len(steps), what.seconds)
    right = WIDTH - EDGE - output.shape[1] * CELL
    _headings(picture, what, padded.shape[1] * CELL, right)
    picture.grid(EDGE, TOP, padded, "input", kinds=_border(what))
    left = (WIDTH - 3 * side - 60) / 2
    places = [left + i * (side + 30) for i in range(3)]
    for x, sign in zip(places, "×=", strict=False):
        picture.text(x + side + 15, below + side / 2 + 5, sign, "text strong")
    picture.grid(places[1], below, what.kernel, "kernel")
    for x, name in zip(places, ("window", what.names[1], "products"), strict=True):
        picture.text(x + side / 2, below - 9, name, "note")
    with picture.named("output"):
        picture.grid(right, TOP, np.full(output.shape, None), "faint")
        for number_, step in enumerate(steps):
            with picture.during(number_, len(steps)):
                value = [[output[step.row, step.column]]]
                at = (right + step.column * CELL, TOP + step.row * CELL)
                picture.grid(*at, value, "output")
    for number_, step in enumerate(steps):
        with picture.during(number_):
            _step(picture, what, step, (places[0], places[2], below), right)
            counted = f"step {number_ + 1} of {len(steps)}"
            picture.text(WIDTH - EDGE, below - 30, counted, "note end")
    return picture.svg()


def _headings(picture: Picture, what: Slide, width: float, right: float) -> None:
    name = f"{what.names[0]}, {what.image.shape[0]}×{what.image.shape[1]}"
    if what.padding:
        name += f" in a border of {what.padding}"
    picture.text(EDGE, TOP - 14, name, "text start")
    output = convolve(what.image, what.kernel, what.stride, what.padding, what.dilation)
    name = f"{what.names[2]}, {output.shape[0]}×{output.shape[1]}"
    picture.text(WIDTH - EDGE, TOP - 14, name, "text end")
    middle = TOP + (what.image.shape[0] + 2 * what.padding) * CELL / 2
    if right - EDGE - width > 40:
        picture.line([(EDGE + width + 10, middle), (right - 10, middle)], arrow=True)


def _border(what: Slide) -> dict[Place, str]:
    """The kinds of the cells of the padding, and of those that the picture names."""
    inside = np.pad(np.ones(what.image.shape, bool), what.padding)
    return {**cells(~inside, "zero"), **(what.kinds or {})}


def _step(
    picture: Picture,
    what: Slide,
    step: Step,
    places: tuple[float, float, float],
    right: float,
) -> None:
    """Draw what belongs to one position of the window."""
    first, third, below = places
    side, apart = len(what.kernel), what.dilation
    if apart == 1:
        picture.frame(EDGE, TOP, (step.top, step.left), (side, side), "window")
    else:
        for row, column in np.ndindex(side, side):
            at = (step.top + row * apart, step.left + column * apart)
            picture.frame(EDGE, TOP, at, (1, 1), "window")
    picture.frame(right, TOP, (step.row, step.column), (1, 1), "now")
    products = step.window * what.kernel
    picture.grid(first, below, step.window, "input")
    picture.grid(third, below, products, "cell")
    total = " + ".join(_bracketed(value) for value in products.ravel())
    line = below + side * CELL + 30
    picture.text(WIDTH / 2, line, f"{total} = {number(products.sum())}")


def _bracketed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def sliding_window() -> str:
    """A 3x3 kernel on a 5x5 image."""
    return slide(
        Slide(
            "A 3x3 kernel slides over a 5x5 image",
            "At each of nine positions the nine pixels in the window are multiplied by the kernel, and the "
            "products are added up. The output is 3x3, with large values where the image has an edge.",
            IMAGE,
            KERNEL,
        )
    )


def stride() -> str:
    """The same with stride 2."""
    return slide(
        Slide(
            "The same kernel with stride 2",
            "The window moves two pixels at a time, so it stands at four positions and the output is 2x2.",
            IMAGE,
            KERNEL,
            stride=2,
            seconds=3,
        )
    )


def padding() -> str:
    """A border of zeros."""
    return slide(
        Slide(
            "Padding 1 keeps the size",
            "A border of zeros is put around a 4x4 image. A 3x3 kernel then stands at sixteen positions, and "
            "the output is 4x4, too.",
            SMALL,
            BLUR,
            padding=1,
            seconds=1.6,
        )
    )


def dilation() -> str:
    """A kernel with gaps."""
    image = np.pad(IMAGE, ((0, 0), (0, 1)), mode="edge")
    return slide(
        Slide(
            "Dilation 2 spreads the kernel over 5x5 pixels",
            "The nine pixels under the kernel lie two pixels apart. On a 5x6 image there are two positions.",
            image,
            KERNEL,
            dilation=2,
            seconds=4,
        )
    )


def channels() -> str:
    """Two input channels, one output."""
    picture = Picture(
        "Two input channels make one output value",
        "Each input channel has its own kernel. All products of all channels and the bias are added up to "
        "one number.",
        286,
    )
    side, xs = 2 * CELL, (76, 176, 276)
    for x, name in zip(xs, ("window", "kernel", "products"), strict=True):
        picture.text(x + side / 2, 26, name, "note")
    total = 0
    pairs = zip(COLOURS, COLOUR_KERNELS, strict=True)
    for row, (pixels, kernel) in enumerate(pairs):
        y = 38 + row * 88
        products = pixels * kernel
        total += int(products.sum())
        picture.text(66, y + 24, "channel", "note end")
        picture.text(66, y + 41, row + 1, "note end")
        picture.grid(xs[0], y, pixels, "input")
        picture.grid(xs[1], y, kernel, "kernel")
        picture.grid(xs[2], y, products)
        for x, sign in zip(xs, "×=", strict=False):
            picture.text(x + side + 22, y + side / 2 + 5, sign, "text strong")
        picture.text(xs[2] + side + 34, y + side / 2 + 5, f"sum {products.sum()}")
    sums = " + ".join(str((p * k).sum()) for p, k in zip(COLOURS, COLOUR_KERNELS, strict=True))
    picture.text(178, 244, f"{sums} + bias {BIAS}  =")
    with picture.named("output"):
        picture.grid(xs[2], 225, [[total + BIAS]], "output")
    picture.text(WIDTH / 2, 276, "A second output channel has kernels of its own.", "note")
    return picture.svg()
