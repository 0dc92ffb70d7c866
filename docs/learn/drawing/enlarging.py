"""Pictures of what makes maps smaller and larger: pooling, transposed convolution, upsampling."""

import numpy as np
from docs.learn.arithmetic import (
    average_pool,
    bilinear,
    insert_zeros,
    max_pool,
    nearest,
    overlaps,
    sources,
    stamps,
    transposed_by_stamps,
    windows,
)
from docs.learn.drawing.canvas import CELL, WIDTH, Picture, cells, number
from docs.learn.drawing.sliding import EDGE, TOP, Slide, slide

POOLED = np.array([[1, 3, 0, 2], [2, 0, 4, 2], [5, 1, 0, 1], [1, 1, 2, 1]])
PIXELS = np.array([[1, 2], [3, 4]])
NINE = np.arange(1, 10).reshape(3, 3)
STRIDE = 2
CORNERS = np.array([[0, 4], [8, 12]])
WIDE = 44  # cells that hold a sum such as 23+9


def pooling() -> str:
    """The largest value and the mean of each block."""
    steps = list(windows(POOLED, 2, stride=2))
    picture = Picture(
        "Max pooling and average pooling of 2x2 blocks",
        "A 4x4 image is cut into four blocks. Max pooling keeps the largest value of each, average pooling "
        "their mean. Both outputs are 2x2.",
        244,
        len(steps),
        3,
    )
    xs = (188, 310)
    picture.text(EDGE, 30, "input, 4×4", "text start")
    picture.grid(EDGE, TOP, POOLED, "input")
    picture.line([(EDGE + 4 * CELL + 10, TOP + 28), (xs[0] - 10, TOP + 28)], arrow=True)
    results = (max_pool(POOLED, 2), average_pool(POOLED, 2))
    for x, name, values in zip(xs, ("largest", "mean"), results, strict=True):
        picture.text(x + 34, 30, f"{name}, 2×2")
        with picture.named(name):
            picture.grid(x, TOP, np.full((2, 2), None), "faint", cell=34)
            for i, step in enumerate(steps):
                with picture.during(i, len(steps)):
                    value = [[values[step.row, step.column]]]
                    at = (x + step.column * 34, TOP + step.row * 34)
                    picture.grid(*at, value, "output", cell=34)
    for i, step in enumerate(steps):
        with picture.during(i):
            picture.frame(EDGE, TOP, (step.top, step.left), (2, 2), "window")
            for x in xs:
                picture.frame(x, TOP, (step.row, step.column), (1, 1), "now", 34)
            seen = [number(v) for v in step.window.ravel()]
            picture.text(EDGE, 194, f"largest of {', '.join(seen)} = {max(seen)}", "text start")
            mean = number(step.window.mean())
            picture.text(EDGE, 220, f"mean: ({' + '.join(seen)}) / 4 = {mean}", "text start")
            picture.text(WIDTH - EDGE, 220, f"step {i + 1} of {len(steps)}", "note end")
    return picture.svg()


def transposed_stamps() -> str:
    """A transposed convolution as stamps that are added up."""
    placed = list(stamps(PIXELS, NINE, STRIDE))
    picture = Picture(
        "Transposed convolution with stamps: kernel 3, stride 2",
        "Each of four input pixels multiplies the kernel. The products are stamped on the output, two "
        "pixels apart, and added up where stamps overlap. A 2x2 input gives a 5x5 output.",
        430,
        len(placed) + 1,
        3.5,
    )
    xs, top, left = (EDGE, 134, 276), 190, (WIDTH - 5 * WIDE) / 2
    names = ("input, 2×2", "kernel, 3×3")
    for x, name, width in zip(xs[:2], names, (2, 3), strict=True):
        picture.text(x + width * CELL / 2, 30, name)
    picture.grid(xs[0], TOP, PIXELS, "input")
    picture.grid(xs[1], TOP, NINE, "kernel")
    with picture.during(0, len(placed)):
        picture.text(105, TOP + 47, "×", "text strong")
        picture.text(247, TOP + 47, "=", "text strong")
    picture.text(WIDTH / 2, top - 22, "output, 5×5; orange: added where stamps overlap", "note")
    sheet = np.zeros((5, 5), np.int64)
    for i, (row, column, stamp) in enumerate(placed):
        shown = [[number(v) if v else None for v in line] for line in sheet]
        kinds = {(r, c): "output" for r, c in np.ndindex(5, 5) if sheet[r, c]}
        for (r, c), value in np.ndenumerate(stamp):
            before = sheet[row + r, column + c]
            shown[row + r][column + c] = f"{before}+{value}" if before else number(value)
            kinds[row + r, column + c] = "kernel" if before else "output"
        sheet[row : row + 3, column : column + 3] += stamp
        with picture.during(i):
            picture.frame(xs[0], TOP, (row // STRIDE, column // STRIDE), (1, 1), "window")
            picture.text(xs[2] + 42, 30, f"stamp of the {PIXELS[row // STRIDE, column // STRIDE]}")
            picture.grid(xs[2], TOP, stamp)
            picture.grid(left, top, shown, "faint", kinds=kinds, cell=WIDE)
            picture.frame(left, top, (row, column), (3, 3), "window", WIDE)
    with picture.during(len(placed)):
        middle = [v * k for v, k in zip(PIXELS.ravel(), NINE[::-2, ::-2].ravel(), strict=True)]
        for line, words in enumerate(
            ("pixel in the middle:", " + ".join(map(str, middle)), f"= {sum(middle)}")
        ):
            picture.text(xs[2] + 42, TOP + 24 + 24 * line, words, "note" if not line else "text")
        with picture.named("output"):
            several = cells(overlaps(2, 3, STRIDE) > 1, "kernel")
            picture.grid(left, top, sheet, "output", kinds=several, cell=WIDE)
    return picture.svg()


def transposed_zeros() -> str:
    """The same by inserted zeros and an ordinary convolution."""
    spread = insert_zeros(PIXELS, STRIDE)
    return slide(
        Slide(
            "The same transposed convolution with inserted zeros",
            "Zeros are inserted between the pixels, a border of two zeros is put around them, and the "
            "kernel, turned by 180 degrees, slides over the result with stride 1. The output is the same.",
            spread,
            NINE[::-1, ::-1],
            padding=len(NINE) - 1,
            seconds=1.2,
            kinds=cells(np.pad(spread, len(NINE) - 1) == 0, "zero"),
            names=("zeros inserted", "flipped", "output"),
        )
    )


def transposed_ready() -> str:
    """What is done to the input and to the kernel."""
    picture = Picture(
        "From the transposed to an ordinary convolution",
        "The 2x2 input becomes 3x3 by zeros between the pixels. The kernel is turned by 180 degrees.",
        286,
    )
    picture.text(EDGE, 30, "input", "text start")
    picture.grid(EDGE, TOP, PIXELS, "input")
    picture.line([(90, TOP + 28), (136, TOP + 28)], arrow=True)
    picture.text(150, 30, "1 zero between pixels (stride 2)", "text start")
    spread = insert_zeros(PIXELS, STRIDE)
    zeros = cells(spread == 0, "zero")
    picture.grid(150, TOP, spread, "input", kinds=zeros)
    picture.text(EDGE, 172, "kernel", "text start")
    picture.grid(EDGE, 186, NINE, "kernel")
    picture.line([(118, 228), (164, 228)], arrow=True)
    picture.text(178, 172, "turned by 180 degrees", "text start")
    picture.grid(178, 186, NINE[::-1, ::-1], "kernel")
    return picture.svg()


def transposed_padding() -> str:
    """Padding cuts off, output padding adds."""
    picture = Picture(
        "Padding and output padding of a transposed convolution",
        "Padding 1 cuts one row or column off each side of the 5x5 output: 3x3 is left. Output padding 1 "
        "adds a row at the bottom and a column on the right before the cut: 4x4 is left.",
        288,
    )
    cell = 30
    for extra, left, name in ((0, 20, "output padding 0"), (1, 200, "output padding 1")):
        sheet = transposed_by_stamps(PIXELS, NINE, STRIDE, output_padding=extra)
        side = len(sheet)
        inner = side - 2
        cut = np.pad(np.zeros((inner, inner), bool), 1, constant_values=True)
        picture.text(left, 30, name, "text start")
        picture.text(left, 50, f"{inner}×{inner} is left", "note start")
        with picture.named(f"left{extra}"):
            picture.grid(left, 64, sheet, "output", kinds=cells(cut, "zero"), cell=cell)
        picture.frame(left, 64, (1, 1), (inner, inner), "now", cell)
    picture.text(WIDTH / 2, 272, "Grey cells are cut off (padding 1).", "note")
    return picture.svg()


def upsampling() -> str:
    """Nearest and bilinear, pixel by pixel."""
    smooth, repeated = bilinear(CORNERS, 2), nearest(CORNERS, 2)
    picture = Picture(
        "Nearest and bilinear upsampling from 2x2 to 4x4",
        "Nearest repeats each pixel. Bilinear gives each new pixel a weighted mean of the four old pixels; "
        "the nearer one has the larger weight.",
        330,
        17,  # the last step goes back to a pixel in the middle
        1.8,
    )
    xs = (EDGE, 116, 268)
    headings = ("input", "nearest", "bilinear")
    for x, name in zip(xs, headings, strict=True):
        picture.text(x, 30, name, "text start")
    picture.grid(xs[0], TOP, CORNERS, "input")
    for x, name, values in zip(xs[1:], headings[1:], (repeated, smooth), strict=True):
        with picture.named(name):
            picture.grid(x, TOP, np.full((4, 4), None), "faint")
            for i, value in enumerate(values.ravel()):
                with picture.during(i, 17):
                    at = (x + i % 4 * CELL, TOP + i // 4 * CELL)
                    picture.grid(*at, [[value]], "output")
    wide, below = 50, 212
    lefts = [20 + i * 130 for i in range(3)]
    for x, name in zip(lefts, ("input", "weights", "products"), strict=True):
        picture.text(x + wide, below - 10, name, "note")
    for x, sign in zip(lefts, "×=", strict=False):
        picture.text(x + 2 * wide + 15, below + wide + 5, sign, "text strong")
    picture.grid(lefts[0], below, CORNERS, "input", cell=wide)
    for step, i in enumerate([*range(16), 6]):
        row, column = divmod(i, 4)
        (_, _, down), (_, _, across) = sources(2, 2)[row], sources(2, 2)[column]
        weights = np.outer([1 - down, down], [1 - across, across])
        with picture.during(step):
            for x in xs[1:]:
                picture.frame(x, TOP, (row, column), (1, 1), "now")
            picture.frame(EDGE, TOP, (row // 2, column // 2), (1, 1), "window")
            picture.grid(lefts[1], below, weights, "kernel", cell=wide, words="text small")
            picture.grid(lefts[2], below, weights * CORNERS, cell=wide, words="text small")
            total = " + ".join(number(v) for v in (weights * CORNERS).ravel())
            picture.text(
                EDGE, 182, f"bilinear: {total} = {number(smooth[row, column])}", "text start"
            )
    return picture.svg()
