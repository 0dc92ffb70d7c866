"""Pictures of receptive fields and of checkerboards: how many pixels a value depends on, and how evenly."""

import numpy as np
from docs.learn.arithmetic import Layer, overlaps, receptive_fields, stamps
from docs.learn.drawing.canvas import WIDTH, Picture

PIXELS = 15
LAYERS: tuple[Layer, ...] = ((3, 1, 1),) * 3
STRIDED: tuple[Layer, ...] = ((3, 2, 1),) * 3
INPUTS = 4  # pixels a side of the input of the checkerboards
UNEVEN, EVEN = 3, 4  # kernel sizes for stride 2
SIDE, HIGH = 22, 24


def receptive_field() -> str:
    """Three layers of stride 1."""
    return _field(LAYERS, "stride 1")


def receptive_field_stride() -> str:
    """Three layers of stride 2."""
    return _field(STRIDED, "stride 2")


def _field(layers: tuple[Layer, ...], name: str) -> str:
    fields = receptive_fields(layers)
    picture = Picture(
        f"The receptive field over three layers of kernel 3 and {name}",
        "A row of the image and the rows of three maps above it. A value of the first, second and third map "
        f"depends on {fields[0]}, {fields[1]} and {fields[2]} pixels of the image.",
        330,
        len(layers),
        4,
    )
    rows = _centres(layers)
    left, tops = (WIDTH - PIXELS * SIDE) / 2, [250.0 - 66 * i for i in range(len(rows))]
    for number, (centres, top) in enumerate(zip(rows, tops, strict=True)):
        for centre in centres:
            picture.box(left + centre * SIDE, top, SIDE, HIGH, "output" if number else "input")
    for step in range(len(layers)):
        with picture.during(step):
            _cone(picture, rows, layers, step, (left, tops))
            words = f"one value of map {step + 1} depends on {fields[step]} pixels"
            picture.text(WIDTH / 2, 308, words, "text strong")
    for number, top in enumerate(tops):
        words = (
            f"map {number}, after layer {number}"
            if number
            else f"a row of the image, {PIXELS} pixels"
        )
        picture.text(left, top - 8, words, "halo start")
    return picture.svg()


def _centres(layers: tuple[Layer, ...]) -> list[list[int]]:
    """The place of each value over the pixels of the image, for the image and for each map."""
    rows = [list(range(PIXELS))]
    for kernel, stride, _ in layers:
        below = rows[-1]
        rows.append([below[i + kernel // 2] for i in range(0, len(below) - kernel + 1, stride)])
    return rows


def _cone(
    picture: Picture,
    rows: list[list[int]],
    layers: tuple[Layer, ...],
    step: int,
    at: tuple[float, list[float]],
) -> None:
    """Mark what the middle value of a map depends on, down to the image."""
    left, tops = at
    wanted = [len(rows[step + 1]) // 2]
    for number in range(step + 1, -1, -1):
        kind = "now" if number else "window"
        for i in wanted:
            picture.box(left + rows[number][i] * SIDE, tops[number], SIDE, HIGH, kind)
        if number:
            kernel, stride, _ = layers[number - 1]
            below = sorted({i * stride + k for i in wanted for k in range(kernel)})
            for i in wanted:
                for k in (0, kernel - 1):
                    end = rows[number - 1][i * stride + k]
                    start = left + (rows[number][i] + 0.5) * SIDE
                    points = [
                        (start, tops[number] + HIGH),
                        (left + (end + 0.5) * SIDE, tops[number - 1]),
                    ]
                    picture.line(points, "link")
            wanted = below


def checkerboard() -> str:
    """How many stamps cover each pixel: kernel 3 and kernel 4, both with stride 2."""
    picture = Picture(
        "Overlaps of a transposed convolution: kernel 3 and kernel 4 with stride 2",
        "Each number counts the stamps that cover a pixel. With kernel 3 the counts 1, 2 and 4 alternate "
        "like a checkerboard. With kernel 4 every pixel is covered four times, except at the edge.",
        292,
        INPUTS**2,
        0.7,
    )
    for kernel, left, cell in ((UNEVEN, 14, 19), (EVEN, 198, 18.8)):
        side = len(overlaps(INPUTS, kernel, 2))
        picture.text(left, 30, f"kernel {kernel}, stride 2", "text start")
        picture.text(left, 50, f"{INPUTS}×{INPUTS} to {side}×{side}", "note start")
        with picture.named(f"kernel{kernel}"):
            _counts(picture, kernel, (left, 62.0, cell))
    picture.text(WIDTH / 2, 276, "number = how many stamps cover the pixel", "note")
    return picture.svg()


def _counts(picture: Picture, kernel: int, at: tuple[float, float, float]) -> None:
    """Draw each cell once for each count that it has in the course of the animation."""
    left, top, cell = at
    ones, placed = np.ones((INPUTS, INPUTS), np.int64), np.ones((kernel, kernel), np.int64)
    covered = list(stamps(ones, placed, 2))
    for row, column in np.ndindex(*overlaps(INPUTS, kernel, 2).shape):
        times = [
            i
            for i, (y, x, _) in enumerate(covered)
            if y <= row < y + kernel and x <= column < x + kernel
        ]
        where = (left + column * cell, top + row * cell)
        if times[0]:
            with picture.during(0, times[0]):
                picture.grid(*where, [[None]], "faint", cell=cell)
        for count, (start, stop) in enumerate(
            zip(times, [*times[1:], INPUTS**2], strict=True), start=1
        ):
            with picture.during(start, stop):
                picture.grid(*where, [[count]], f"count{count}", cell=cell, words="text small")
    for i, (y, x, _) in enumerate(covered[:-1]):
        with picture.during(i):
            picture.frame(left, top, (y, x), (kernel, kernel), "window", cell)
