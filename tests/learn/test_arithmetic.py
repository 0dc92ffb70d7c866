"""The arithmetic of the lessons gives what torch gives: for the numbers in the pictures and for others."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from docs.learn import arithmetic
from docs.learn.drawing import enlarging, errors, patterns, sliding

from convae.losses import bce, bce_floor, mse

RNG = np.random.default_rng(0)
IMAGE, KERNEL = RNG.integers(-5, 9, (7, 6)), RNG.integers(-3, 4, (3, 3))


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float64)[None, None]


def same(ours: np.ndarray, theirs: torch.Tensor) -> bool:
    return ours.shape == theirs.shape[2:] and np.allclose(ours, theirs[0, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_convolution(stride: int, padding: int, dilation: int) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    theirs = F.conv2d(tensor(IMAGE), tensor(KERNEL), None, stride, padding, dilation)
    assert same(arithmetic.convolve(IMAGE, KERNEL, **options), theirs)
    sizes = [arithmetic.output_size(n, 3, **options) for n in IMAGE.shape]
    assert sizes == list(theirs.shape[2:])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("output_padding", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
def test_transposed_convolution_by_stamps(
    stride: int, padding: int, output_padding: int, dilation: int
) -> None:
    if output_padding >= max(stride, dilation):
        return  # torch refuses it
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    theirs = F.conv_transpose2d(
        tensor(IMAGE), tensor(KERNEL), None, stride, padding, output_padding, 1, dilation
    )
    ours = arithmetic.transposed_by_stamps(IMAGE, KERNEL, output_padding=output_padding, **options)
    assert same(ours, theirs)
    sizes = [
        arithmetic.transposed_size(n, 3, output_padding=output_padding, **options)
        for n in IMAGE.shape
    ]
    assert sizes == list(theirs.shape[2:])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_transposed_convolution_by_inserted_zeros(stride: int, padding: int) -> None:
    theirs = F.conv_transpose2d(tensor(IMAGE), tensor(KERNEL), stride=stride, padding=padding)
    assert same(arithmetic.transposed_by_zeros(IMAGE, KERNEL, stride, padding), theirs)


def test_zeros_cannot_stand_for_a_padding_beyond_the_kernel() -> None:
    with pytest.raises(ValueError, match="padding must be at most 2 for this kernel; got 3"):
        arithmetic.transposed_by_zeros(IMAGE, KERNEL, 2, padding=3)


def test_transposed_convolution_is_the_transpose() -> None:
    """Convolution is a matrix C of pixels to pixels; <C x, y> = <x, C^T y> for all x and y."""
    x, y = RNG.normal(size=(5, 5)), RNG.normal(size=(2, 2))
    there = (arithmetic.convolve(x, KERNEL, stride=2) * y).sum()
    back = (x * arithmetic.transposed_by_stamps(y, KERNEL, stride=2)).sum()
    assert there == pytest.approx(back)


@pytest.mark.parametrize("side", [2, 3])
def test_pooling(side: int) -> None:
    assert same(arithmetic.max_pool(IMAGE, side), F.max_pool2d(tensor(IMAGE), side))
    assert same(arithmetic.average_pool(IMAGE, side), F.avg_pool2d(tensor(IMAGE), side))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_upsampling(factor: int) -> None:
    image = tensor(IMAGE)
    theirs = F.interpolate(image, scale_factor=factor, mode="nearest")
    assert same(arithmetic.nearest(IMAGE, factor), theirs)
    theirs = F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)
    assert same(arithmetic.bilinear(IMAGE, factor), theirs)
    row = F.interpolate(image[..., :1, :1], scale_factor=factor, mode="bilinear")
    assert same(arithmetic.bilinear(IMAGE[:1, :1], factor), row)  # a single pixel


@pytest.mark.parametrize(
    "layers",
    [
        patterns.LAYERS,
        patterns.STRIDED,
        ((3, 1, 1), (2, 2, 1), (3, 1, 1), (2, 2, 1)),
        ((3, 1, 2), (3, 2, 1), (5, 1, 1), (3, 3, 2)),
    ],
)
def test_receptive_field(layers: tuple[arithmetic.Layer, ...]) -> None:
    """The field is the side of the square of pixels that the gradient of one output value reaches."""
    x = torch.zeros(1, 1, 99, 99, requires_grad=True)
    y, found = x, []
    for kernel, stride, dilation in layers:
        y = F.conv2d(y, torch.ones(1, 1, kernel, kernel), stride=stride, dilation=dilation)
        middle = y[0, 0, y.shape[2] // 2, y.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle, x, retain_graph=True)
        reached = gradient[0, 0].nonzero()
        found.append(int(reached[:, 0].max() - reached[:, 0].min()) + 1)
    assert arithmetic.receptive_fields(layers) == found


@pytest.mark.parametrize("kernel", [patterns.UNEVEN, patterns.EVEN])
def test_overlaps(kernel: int) -> None:
    ones = torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
    theirs = F.conv_transpose2d(torch.ones(1, 1, 4, 4, dtype=torch.float64), ones, stride=2)
    assert same(arithmetic.overlaps(4, kernel, 2), theirs)


def test_overlaps_are_even_inside_where_the_stride_divides_the_kernel() -> None:
    for kernel in (2, 3, 4, 5, 6):
        inside = arithmetic.overlaps(8, kernel, 2)[kernel - 1 : 1 - kernel, kernel - 1 : 1 - kernel]
        assert (len(np.unique(inside)) == 1) == (kernel % 2 == 0)


@pytest.mark.parametrize("pixel", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("guess", [0.1, 0.5, 0.9])
def test_cross_entropy(pixel: float, guess: float) -> None:
    ours = arithmetic.cross_entropy(pixel, guess)
    assert ours == pytest.approx(
        float(bce(tensor(np.full((1, 1), guess)), tensor(np.full((1, 1), pixel))))
    )
    if 0 < pixel < 1:
        floor = float(bce_floor(tensor(np.full((1, 1), pixel))))
        assert arithmetic.cross_entropy(pixel, pixel) == pytest.approx(floor)
        assert ours >= floor or math.isclose(ours, floor)


def test_numbers_in_the_pictures() -> None:
    image, kernel = tensor(sliding.IMAGE), tensor(sliding.KERNEL)
    assert same(arithmetic.convolve(sliding.IMAGE, sliding.KERNEL), F.conv2d(image, kernel))
    both = [tensor(np.stack(pair)) for pair in (sliding.COLOURS, sliding.COLOUR_KERNELS)]
    assert F.conv2d(both[0][0], both[1][0], bias=tensor(np.array(1.0)).reshape(1)).item() == 7
    error = mse(tensor(errors.RECONSTRUCTION), tensor(errors.IMAGE))
    assert error.item() == pytest.approx((errors.DIFFERENCE**2).mean())
    assert error.item() == pytest.approx(0.0775)
    assert enlarging.CORNERS.tolist() == [[0, 4], [8, 12]]
