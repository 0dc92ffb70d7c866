"""The parts of networks against what they must equal."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from convae.networks.architecture import Architecture
from convae.networks.layers import (
    MAX_HALF_LENGTH,
    DepthToSpace,
    ResidualBlock,
    SpaceToDepth,
    half_unless_long,
    norm,
    pad_to_multiple,
    resize_area,
    resize_smooth,
    up,
)

STEPS = [(1, 1), (1, 2), (2, 1), (2, 2)]
FURTHER = [(3, 3), (1, 3), (4, 4)]


@pytest.mark.parametrize("step", [*STEPS, *FURTHER])
def test_space_to_depth_loses_nothing(step: tuple[int, int]) -> None:
    x = torch.rand(2, 3, 12, 24)
    small = SpaceToDepth(step)(x)
    assert small.shape == (2, 3 * step[0] * step[1], 12 // step[0], 24 // step[1])
    assert torch.equal(DepthToSpace(step)(small), x)


def test_space_to_depth_is_pixel_unshuffle() -> None:
    x = torch.rand(2, 3, 4, 6)
    assert torch.equal(SpaceToDepth((2, 2))(x), F.pixel_unshuffle(x, 2))
    y = torch.rand(2, 8, 3, 2)
    assert torch.equal(DepthToSpace((2, 2))(y), F.pixel_shuffle(y, 2))


def test_the_general_route_orders_channels_as_pixel_unshuffle() -> None:
    """In two steps, down then across, the channels come out as (c, y, x) too."""
    x = torch.rand(1, 2, 4, 4)
    twice = SpaceToDepth((1, 2))(SpaceToDepth((2, 1))(x))
    assert torch.equal(twice, F.pixel_unshuffle(x, 2))


@pytest.mark.parametrize("kernel_size", [1, 5, 7])
@pytest.mark.parametrize("step", [*STEPS, *FURTHER])
@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 5)])
def test_transposed_convolutions_multiply_the_size_exactly(
    kernel_size: int, step: tuple[int, int], size: tuple[int, int]
) -> None:
    shape = tuple(1 if s == 1 else 8 for s in step)  # a side of one pixel is not divided
    a = Architecture(
        image_shape=(1, shape[0], shape[1]),
        widths=(4,),
        up="transposed",
        kernel_size=kernel_size,
        stride=max(step),
        blocks=0,
    )
    result = up(a, 0, 3, 2, last=False)(torch.rand(1, 3, *size))
    assert result.shape == (1, 2, size[0] * step[0], size[1] * step[1])


def test_nearest_upsampling_and_convolution_by_hand() -> None:
    a = Architecture(image_shape=(1, 8, 8), up="nearest", kernel_size=1, blocks=1)
    layer = up(a, 0, 1, 1, last=False)
    convolution = layer[1]
    assert isinstance(convolution, torch.nn.Conv2d)
    assert convolution.bias is not None
    torch.nn.init.ones_(convolution.weight)
    torch.nn.init.zeros_(convolution.bias)
    x = torch.tensor([[[[1.0, 2.0]]]])
    assert layer(x).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


def test_a_new_residual_block_is_the_identity() -> None:
    x = torch.rand(2, 8, 5, 4)
    assert torch.equal(ResidualBlock(Architecture(image_shape=(1, 8, 8)), 0, 8)(x), x)


@pytest.mark.parametrize("channels", [1, 7, 16, 33, 48, 64])
def test_group_normalisation_divides_any_number_of_channels(channels: int) -> None:
    layer = norm(Architecture(image_shape=(1, 8, 8), norm="group"), channels)
    assert isinstance(layer, torch.nn.GroupNorm)
    assert channels % layer.num_groups == 0
    assert layer(torch.rand(2, channels, 3, 3)).shape == (2, channels, 3, 3)


def test_batch_normalisation_takes_a_single_value_per_channel() -> None:
    layer = norm(Architecture(image_shape=(1, 8, 8), norm="batch"), 4).train()
    x = torch.rand(1, 4, 1, 1)
    torch.testing.assert_close(layer(x), x / (1 + 1e-5) ** 0.5)
    many = torch.rand(3, 4, 2, 2)
    fresh = torch.nn.BatchNorm2d(4)
    assert torch.equal(layer(many), fresh(many))


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    factor=st.tuples(st.integers(1, 8), st.integers(1, 8)),
)
def test_padding_repeats_the_edge(height: int, width: int, factor: tuple[int, int]) -> None:
    x = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    padded = pad_to_multiple(x, factor)
    for side, have, step in zip(padded.shape[2:], (height, width), factor, strict=True):
        assert side % step == 0
        assert have <= side < have + step
    assert torch.equal(padded[..., :height, :width], x)
    assert bool((padded[..., height:, :] == padded[..., height - 1 : height, :]).all())
    assert bool((padded[..., :, width:] == padded[..., :, width - 1 : width]).all())


def test_resizing_keeps_means_and_constants() -> None:
    x = torch.rand(1, 2, 8, 12)
    torch.testing.assert_close(resize_area(x, (2, 3)).mean((2, 3)), x.mean((2, 3)))
    assert resize_smooth(x, (8, 12)) is x
    constant = torch.full((1, 1, 3, 4), 0.25)
    torch.testing.assert_close(resize_smooth(constant, (7, 9)), torch.full((1, 1, 7, 9), 0.25))


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_long_vectors_are_multiplied_in_float32(rows: int) -> None:
    # In bfloat16 this product ends the process on processors with AMX (oneDNN 3.12, 3 rows).
    length = 4 * MAX_HALF_LENGTH
    layer = torch.nn.Linear(length, 2)
    x = torch.randn(rows, length)
    with torch.autocast("cpu", torch.bfloat16):
        with half_unless_long(length, x):
            long = layer(x)
        with half_unless_long(8, x):
            short = torch.nn.Linear(8, 2)(x[:, :8])
    long.sum().backward()
    assert long.dtype == torch.float32
    assert short.dtype == torch.bfloat16
