"""Pictures of lessons 1 and 3: an autoencoder of averages, its error, cross-entropy, and a moved image."""

import numpy as np
from docs.learn.arithmetic import average_pool, convolve, cross_entropy, nearest
from docs.learn.drawing.canvas import CELL, WIDTH, Picture, cells, number
from docs.learn.drawing.sliding import EDGE

IMAGE = np.array([[0, 0, 1, 1], [0, 0.4, 1, 0.6], [0.2, 0.2, 0, 1], [0.2, 0.2, 0, 1]])
CODE = average_pool(IMAGE, 2)
RECONSTRUCTION = nearest(CODE, 2)
DIFFERENCE = RECONSTRUCTION - IMAGE
GREYS = ((1.0, "first"), (0.5, "second"), (0.2, "third"))
HIGHEST = 2.5  # nats, the top of the chart
SHAPE = np.array([[3, 1], [0, 2]])
CORNER = np.array([[1, 1], [0, 1]])


def autoencoder() -> str:
    """An encoder that averages, a decoder that repeats."""
    picture = Picture(
        "The smallest autoencoder: average, then repeat",
        "The encoder takes the mean of each 2x2 block of a 4x4 image. The four means are the code. The "
        "decoder repeats each of them on 2x2 pixels, which gives the reconstruction.",
        224,
    )
    xs, top = (14, 168, 274), 62
    names = (("image", "16 values"), ("code", "4 values"), ("reconstruction", "16 values"))
    sides = (4, 2, 4)
    for x, (name, count), side in zip(xs, names, sides, strict=True):
        picture.text(x + side * CELL / 2, 26, name)
        picture.text(x + side * CELL / 2, 46, count, "note")
    middle = top + 2 * CELL
    picture.pixels(xs[0], top, IMAGE)
    picture.pixels(xs[1], middle - CELL, CODE)
    with picture.named("reconstruction"):
        picture.pixels(xs[2], top, RECONSTRUCTION)
    picture.line([(132, middle), (162, middle)], arrow=True)
    picture.line([(230, middle), (268, middle)], arrow=True)
    for x, part, does in ((147, "encoder", "means"), (249, "decoder", "repeats")):
        picture.text(x, 192, part)
        picture.text(x, 210, does, "note")
    return picture.svg()


def errors() -> str:
    """The error of each pixel, and of the image."""
    picture = Picture(
        "From differences to the mean squared error",
        "The difference of reconstruction and image at each pixel, its square, and the mean of the squares.",
        260,
    )
    cell, squares = 42, DIFFERENCE**2
    rounded = np.round(DIFFERENCE, 10)
    picture.text(EDGE, 30, "reconstruction − image", "text start")
    picture.grid(EDGE, 44, rounded, "input", cell=cell)
    picture.text(212, 30, "squared error per pixel", "text start")
    largest = cells(squares > 0.2, "count3")
    with picture.named("squares"):
        picture.grid(212, 44, np.round(squares, 10), "output", kinds=largest, cell=cell)
    total = f"{number(squares.sum())} / {squares.size} = {number(squares.mean())}"
    picture.text(WIDTH / 2, 244, f"error of the image (MSE): {total}")
    return picture.svg()


def cross_entropy_floor() -> str:
    """Cross-entropy over the guess, for three grey values."""
    picture = Picture(
        "Cross-entropy of one pixel",
        "Three curves over the value of the reconstruction, for pixels of 1, 0.5 and 0.2. Each is lowest "
        "where the reconstruction equals the pixel: at 0, 0.693 and 0.500 nats.",
        408,
    )
    left, right, low, high = 52.0, 384.0, 270.0, 46.0

    def at(guess: float, nats: float) -> tuple[float, float]:
        return left + guess * (right - left), low - nats / HIGHEST * (low - high)

    for mark in np.arange(0, HIGHEST + 0.1, 0.5):
        y = at(0, mark)[1]
        picture.line([(left, y), (right, y)], "faint")
        picture.text(left - 8, y + 5, number(mark), "note end")
    for mark in np.arange(0, 1.01, 0.2):
        picture.text(at(mark, 0)[0], low + 20, number(mark), "note")
    picture.text((left + right) / 2, low + 44, "value of the reconstruction")
    picture.text(14, 26, "cross-entropy of one pixel, in nats", "text start")
    for grey, kind in GREYS:
        guesses = np.linspace(0.002, 0.998, 250)
        points = [at(x, cross_entropy(grey, x)) for x in guesses]
        picture.line([p for p in points if p[1] >= high], kind)
        x, y = at(grey, cross_entropy(grey, grey) if grey < 1 else 0)
        picture.parts.append(f'<circle class="{kind} dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    for i, (grey, kind) in enumerate(GREYS):
        floor = cross_entropy(grey, grey) if grey < 1 else 0
        y = low + 72 + 22 * i
        picture.line([(left, y), (left + 44, y)], kind)
        words = f"pixel {number(grey)}: lowest at {number(grey)}, {floor:.3f} nats"
        picture.text(left + 56, y + 5, words, "text start")
    return picture.svg()


def translation() -> str:
    """A shape moves, and so does its map."""
    picture = Picture(
        "A moved image gives the moved map",
        "The same shape at two places of a 6x6 image. The map of the convolution is the same both times, "
        "moved by as much as the shape.",
        358,
    )
    for row, (y, x) in enumerate(((1, 1), (3, 2))):
        image = np.zeros((6, 6), np.int64)
        image[y : y + 2, x : x + 2] = SHAPE
        result = convolve(image, CORNER)
        top, cell = 40 + row * 172, 23
        kinds = cells(image > 0, "input")
        found = cells(result > 0, "output")
        picture.text(14, top - 10, "image" if not row else "2 down, 1 to the right", "text start")
        picture.text(272, top - 10, "map" if not row else "moved as much", "text start")
        picture.grid(14, top, image, "cell", kinds=kinds, cell=cell)
        picture.grid(190, top + 46, CORNER, "kernel", cell=cell)
        picture.text(213, top + 36, "kernel", "note")
        picture.text(170, top + 74, "∗", "text strong")
        picture.line([(244, top + 69), (264, top + 69)], arrow=True)
        with picture.named(f"map{row}"):
            picture.grid(272, top, result, "cell", kinds=found, cell=cell)
    return picture.svg()
