"""The quick ways of convolving against the textbook's, in value and gradient."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convae.networks import cpu_convolutions
from convae.networks.cpu_convolutions import Geometry, convolve, convolve_enlarged
from convae.networks.layers import Chain, Convolution, TransposedConvolution

SIDES = st.integers(1, 9)
STEPS = st.sampled_from([1, 2, 3, 4])
# One channel, few and many take different ways.
CHANNELS = st.sampled_from([1, 2, 3, 8, 40, 64])


def agree(
    quick: Callable[..., Tensor], plain: Callable[..., Tensor], rectify: bool, *inputs: Tensor
) -> None:
    """Value and every gradient, against double precision; ``quick`` is rectified already if so."""
    exact = [x.double().requires_grad_() for x in inputs]
    single = [x.clone().requires_grad_() for x in inputs]
    want, got = plain(*exact), quick(*single)
    gradient = torch.randn_like(want)
    if rectify:
        gradient = torch.where(want.abs() > 1e-3, gradient, 0)  # rounding may decide at the bend
        want = want.relu()
    close(got, want)
    with torch.no_grad():
        close(quick(*inputs), want)
    wants = torch.autograd.grad(want, exact, gradient)
    gots = torch.autograd.grad(got, single, gradient.float())
    for got, want in zip(gots, wants, strict=True):
        close(got, want)


def close(got: Tensor, want: Tensor) -> None:
    assert got.dtype == torch.float32
    assert got.shape == want.shape
    tolerance = 1e-5 * max(1.0, float(want.detach().abs().max())) if want.numel() else 0.0
    torch.testing.assert_close(got.detach().double(), want.detach(), atol=tolerance, rtol=1e-5)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape)


@given(
    size=st.tuples(SIDES, SIDES),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(STEPS, STEPS),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.tuples(CHANNELS, CHANNELS),
    images=st.integers(1, 3),
    rectify=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_convolutions_are_those_of_the_textbook(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    channels: tuple[int, int],
    images: int,
    rectify: bool,
) -> None:
    size = tuple(max(n, k - 2 * p) for n, k, p in zip(size, kernel, padding, strict=True))  # type: ignore[assignment]
    x, weight = drawn(images, channels[0], *size), drawn(channels[1], channels[0], *kernel)
    geometry = Geometry(stride, padding)
    agree(
        lambda x, w, b: convolve(x, w, b, geometry, rectify=rectify),
        lambda x, w, b: F.conv2d(x, w, b, stride, padding),
        rectify,
        x,
        weight,
        drawn(channels[1]),
    )


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("transposed", [False, True])
def test_every_stride_and_kernel_of_a_stage(transposed: bool, stride: int, kernel: int) -> None:
    """The geometries that networks have, also where one side of the image is a single pixel."""
    padding = kernel // 2
    for channels, step, size in itertools.product(
        ((1, 8), (8, 1), (40, 8)),
        ((stride, stride), (1, stride), (stride, 1)),
        ((2, 3), (1, 1), (1, 5)),
    ):
        sides = size if transposed else tuple(n * s for n, s in zip(size, step, strict=True))
        x = drawn(2, channels[0], *sides)
        if not transposed:
            weight = drawn(channels[1], channels[0], kernel, kernel)
            agree(
                lambda x, w, b, step=step: convolve(x, w, b, Geometry(step, (padding, padding))),
                lambda x, w, b, step=step: F.conv2d(x, w, b, step, padding),
                False,
                x,
                weight,
                drawn(channels[1]),
            )
            continue
        # A kernel of one pixel is as large as the stride in the network.
        sides_of = (kernel, kernel) if kernel > 1 else step
        further = (step[0] - 1, step[1] - 1) if kernel > 1 else (0, 0)
        geometry = Geometry(step, (padding, padding), further)
        agree(
            lambda x, w, b, g=geometry: convolve(x, w, b, g),
            lambda x, w, b, g=geometry: F.conv_transpose2d(
                x, w, b, g.stride, g.padding, g.output_padding
            ),
            False,
            x,
            drawn(channels[0], channels[1], *sides_of),
            drawn(channels[1]),
        )


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("outputs", [1, 8])
def test_one_column_comes_out_right(step: int, outputs: int) -> None:
    """A shape for which oneDNN reads beyond its memory on some processors."""
    for height, width, padding in itertools.product((2, 8), (1, 2, 4), (0, 1, 2)):
        width = max(width, 4 - 2 * padding)
        if width + 2 * padding - 4 >= step:
            continue  # two columns
        x, weight = drawn(2, 1, height, width), drawn(outputs, 1, 2, 4)
        geometry = Geometry((1, step), (1, padding))
        agree(
            lambda x, w, b, g=geometry: convolve(x, w, b, g),
            lambda x, w, b, g=geometry: F.conv2d(x, w, b, g.stride, g.padding),
            False,
            x,
            weight,
            drawn(outputs),
        )


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("channels", [1, 8, 40])
def test_one_column_is_right_in_the_gradient_of_a_transposed_convolution(
    step: int, channels: int
) -> None:
    """The gradient of the input is then such a convolution of the gradient of the result."""
    for height, width, kernel in itertools.product((1, 2, 8), (1, 2), ((1, 2), (2, 4), (3, 3))):
        for further in range(step):
            geometry = Geometry((1, step), (0, 0), (0, further))
            agree(
                lambda x, w, b, g=geometry: convolve(x, w, b, g),
                lambda x, w, b, g=geometry: F.conv_transpose2d(
                    x, w, b, g.stride, g.padding, g.output_padding
                ),
                False,
                drawn(2, channels, height, width),
                drawn(channels, 1, *kernel),
                drawn(1),
            )


@given(
    size=st.tuples(SIDES, SIDES),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(STEPS, STEPS),
    channels=st.tuples(CHANNELS, CHANNELS),
    rectify=st.booleans(),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_transposed_convolutions_are_those_of_the_textbook(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    channels: tuple[int, int],
    rectify: bool,
    data: st.DataObject,
) -> None:
    padding = (
        data.draw(st.integers(0, (kernel[0] - 1) // 2)),
        data.draw(st.integers(0, (kernel[1] - 1) // 2)),
    )
    further = data.draw(st.integers(0, stride[0] - 1)), data.draw(st.integers(0, stride[1] - 1))
    geometry = Geometry(stride, padding, further)
    agree(
        lambda x, w, b: convolve(x, w, b, geometry, rectify=rectify),
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride, padding, further),
        rectify,
        drawn(2, channels[0], *size),
        drawn(channels[0], channels[1], *kernel),
        drawn(channels[1]),
    )


@given(
    size=st.tuples(SIDES, SIDES),
    kernel=st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5])),
    factor=st.tuples(STEPS, STEPS),
    channels=st.tuples(CHANNELS, CHANNELS),
    rectify=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_repeated_pixels_and_a_convolution_are_those_of_the_textbook(
    size: tuple[int, int],
    kernel: tuple[int, int],
    factor: tuple[int, int],
    channels: tuple[int, int],
    rectify: bool,
) -> None:
    def plain(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        enlarged = x.repeat_interleave(factor[0], 2).repeat_interleave(factor[1], 3)
        return F.conv2d(enlarged, w, b, 1, (kernel[0] // 2, kernel[1] // 2))

    agree(
        lambda x, w, b: convolve_enlarged(x, w, b, factor, rectify=rectify),
        plain,
        rectify,
        drawn(2, channels[0], *size),
        drawn(channels[1], channels[0], *kernel),
        drawn(channels[1]),
    )


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [(1, 8), (64, 1), (8, 8)])
def test_the_order_in_memory_changes_nothing(
    channels: tuple[int, int], order: torch.memory_format
) -> None:
    x, weight = drawn(3, channels[0], 7, 6), drawn(channels[1], channels[0], 3, 3)
    geometry = Geometry((1, 1), (1, 1))
    want = convolve(x, weight, None, geometry)
    got = convolve(
        x.contiguous(memory_format=order), weight.contiguous(memory_format=order), None, geometry
    )
    torch.testing.assert_close(got, want)
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("wanted", range(3))
def test_only_wanted_gradients_are_computed(wanted: int) -> None:
    x, weight, bias = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3), drawn(4)
    one = (x, weight, bias)[wanted].requires_grad_()
    convolve(x, weight, bias, Geometry((1, 1), (1, 1))).sum().backward()
    assert [t.grad is not None for t in (x, weight, bias)] == [t is one for t in (x, weight, bias)]


def test_other_precisions_take_the_plain_way() -> None:
    x, weight = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3)
    geometry = Geometry((1, 1), (1, 1))
    with torch.autocast("cpu", torch.bfloat16):
        half = convolve(x, weight, None, geometry, rectify=True)
        enlarged = convolve_enlarged(x, weight, None, (2, 2))
    assert half.dtype == enlarged.dtype == torch.bfloat16
    double = convolve(x.double(), weight.double(), None, geometry)
    assert torch.equal(double, F.conv2d(x.double(), weight.double(), padding=1))


def test_without_onednn_the_plain_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = drawn(2, 3, 5, 5), drawn(3, 4, 3, 3)
    geometry = Geometry((2, 2), (1, 1), (1, 1))
    quick = convolve(x, weight, None, geometry, rectify=True)
    monkeypatch.setattr(cpu_convolutions, "_FUSED", False)
    torch.testing.assert_close(convolve(x, weight, None, geometry, rectify=True), quick)


def test_an_empty_batch_stays_one() -> None:
    assert convolve(drawn(0, 3, 5, 5), drawn(4, 3, 3, 3), None, Geometry((2, 2), (1, 1))).shape == (
        0,
        4,
        3,
        3,
    )


CHAINS: list[tuple[str, Callable[[], list[nn.Module]]]] = [
    ("convolution", lambda: [Convolution(3, 4, 3, padding=1)]),
    ("rectified", lambda: [Convolution(3, 4, 3, padding=1), nn.Identity(), nn.ReLU()]),
    ("transposed", lambda: [TransposedConvolution(3, 4, 3, 2, 1, 1), nn.Identity(), nn.ReLU()]),
    ("enlarged", lambda: [nn.Upsample(scale_factor=(2.0, 1.0)), Convolution(3, 4, 3, padding=1)]),
    (
        "enlarged and rectified",
        lambda: [nn.Upsample(scale_factor=(2.0, 2.0)), Convolution(3, 4, 3, padding=1), nn.ReLU()],
    ),
    (
        "reflected",
        lambda: [
            nn.Upsample(scale_factor=(2.0, 2.0)),
            Convolution(3, 4, 3, padding=1, padding_mode="reflect"),
            nn.ReLU(),
        ],
    ),
    (
        "bilinear",
        lambda: [
            nn.Upsample(scale_factor=(2.0, 2.0), mode="bilinear", align_corners=False),
            Convolution(3, 4, 3, padding=1),
        ],
    ),
    ("normalised", lambda: [Convolution(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()]),
    ("pooled", lambda: [Convolution(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.ReLU()]),
]


@pytest.mark.parametrize("layers", [make for _, make in CHAINS], ids=[name for name, _ in CHAINS])
def test_a_chain_is_its_layers_one_by_one(layers: Callable[[], list[nn.Module]]) -> None:
    chain = Chain(*layers()).eval()
    x = drawn(2, 3, 6, 5)
    want = x
    for layer in chain:
        want = layer(want)
    torch.testing.assert_close(chain(x), want)
    assert list(chain.state_dict()) == list(nn.Sequential(*layers()).state_dict())


@pytest.mark.parametrize("layers", [make for _, make in CHAINS], ids=[name for name, _ in CHAINS])
def test_who_listens_to_a_layer_hears_what_that_layer_gives(
    layers: Callable[[], list[nn.Module]],
) -> None:
    chain = Chain(*layers()).eval()
    x = drawn(2, 3, 6, 5)
    want = x
    for layer in chain:
        want = layer(want)
        heard: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, result: Tensor, to: list[Tensor] = heard) -> None:
            to.append(result.clone())

        hook = layer.register_forward_hook(keep)
        chain(x)
        hook.remove()
        torch.testing.assert_close(heard[0], want)


def test_who_listens_before_a_layer_or_to_its_gradient_is_called_too() -> None:
    chain = Chain(Convolution(3, 4, 3, padding=1), nn.ReLU(), nn.Identity())
    heard: list[str] = []
    for name, layer in chain.named_children():
        layer.register_forward_pre_hook(lambda *_, name=name: heard.append(f"before {name}"))
        layer.register_full_backward_hook(lambda *_, name=name: heard.append(f"back {name}"))
    chain(drawn(2, 3, 6, 5).requires_grad_()).sum().backward()
    assert heard == ["before 0", "before 1", "before 2", "back 2", "back 1", "back 0"]


def test_who_counts_multiplications_sees_the_textbooks() -> None:
    """4 x 4 outputs of 3 channels, each of 3 x 3 places of 2 channels; a product and a sum for each."""
    x, weight = drawn(1, 2, 4, 4), drawn(3, 2, 3, 3).requires_grad_()
    with FlopCounterMode(display=False) as counter:
        convolve(x, weight, None, Geometry((1, 1), (1, 1)), rectify=True)
    assert counter.get_total_flops() == 2 * 16 * 3 * 9 * 2
