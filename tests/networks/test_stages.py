"""Strides and kernel sizes by stage: what they give, what is refused, and networks that have them."""

from typing import Any

import pytest
import torch

from convae.errors import InputError
from convae.networks.architecture import CHOICES, Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.stages import least_map, strides_of
from convae.networks.summary import receptive_field

SHAPE = (1, 16, 16)


@pytest.mark.parametrize(
    ("shape", "stride", "strides", "map_shape"),
    [
        ((1, 28, 28), (3, 2), ((3, 3), (2, 2)), (5, 5)),  # 28 -> 10 -> 5
        ((1, 28, 28), 1, ((1, 1), (1, 1)), (28, 28)),
        ((1, 29, 31), (4, 1), ((4, 4), (1, 1)), (8, 8)),
        ((1, 1, 9), (3, 3), ((1, 3), (1, 3)), (1, 1)),
        ((1, 5, 20), (5, 4), ((5, 5), (1, 4)), (1, 1)),  # one row is left, which stays
    ],
)
def test_the_strides_of_stages_and_the_smallest_map(
    shape: tuple[int, int, int],
    stride: int | tuple[int, ...],
    strides: tuple[tuple[int, int], ...],
    map_shape: tuple[int, int],
) -> None:
    a = Architecture(image_shape=shape, widths=(8, 8), stride=stride, code="spatial", latent_dim=3)
    assert a.strides == strides
    assert a.map_shape[1:] == map_shape


def test_strides_of_a_side_of_one_pixel() -> None:
    assert strides_of((1, 7), (2, 3)) == ((1, 2), (1, 3))


def test_the_least_map_that_padding_needs() -> None:
    """A kernel of 7 reflects 3 pixels, so its map needs 4; behind a stride of 2, the last map needs 2."""
    assert least_map("reflect", (7, 3), ((2, 2), (2, 2))) == (2, 2)
    assert least_map("reflect", (7, 3), ((2, 2), (1, 1))) == (4, 4)
    assert least_map("circular", (3, 7), ((2, 2), (2, 1))) == (3, 3)
    assert least_map("zeros", (31,), ((1, 1),)) == (1, 1)


@pytest.mark.parametrize("size", [(13, 17), (16, 16), (1, 9)], ids=str)
@pytest.mark.parametrize("code", CHOICES["code"])
@pytest.mark.parametrize("up", CHOICES["up"])
@pytest.mark.parametrize("down", CHOICES["down"])
def test_any_size_comes_back_and_every_weight_learns(
    down: str, up: str, code: str, size: tuple[int, int]
) -> None:
    a = Architecture(
        image_shape=(2, *size), widths=(4, 4, 4), stride=(3, 1, 2), kernel_size=(5, 3, 3), down=down,
        up=up, code=code, latent_dim=3, blocks=0, bypass="none", activation="gelu",
    )  # fmt: skip
    network = Autoencoder(a).train()
    images = torch.rand(2, 2, *size)
    output = network(images)
    assert output.reconstruction.shape == images.shape
    assert output.code.shape[1:] == a.code_shape
    (output.reconstruction - images).square().mean().backward()
    assert all(
        bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None
    )
    assert all(p.grad is not None for p in network.parameters())


def test_every_stage_has_its_kernel_and_the_decoder_mirrors_them() -> None:
    a = Architecture(
        image_shape=SHAPE, widths=(4, 6), stride=(4, 2), kernel_size=(7, 5), down="stride",
        up="transposed", blocks=0, bypass="none",
    )  # fmt: skip
    network = Autoencoder(a)
    shown = {
        name: (module.kernel_size[0], module.stride[0])
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    }
    assert shown == {
        "encoder.0.0.0": (7, 4),
        "encoder.1.0.0": (5, 2),
        "decoder.0.0.0": (5, 2),
        "decoder.1.0.0": (7, 4),
        "decoder.2": (7, 1),
    }
    assert receptive_field(network.encoder) == (7 + 4 * 4, 7 + 4 * 4)


@pytest.mark.parametrize("up", ["nearest", "bilinear", "subpixel"])
def test_pooling_windows_and_upsampling_have_the_stride(up: str) -> None:
    a = Architecture(image_shape=SHAPE, widths=(4,), stride=4, down="max", up=up, blocks=0)
    network = Autoencoder(a)
    pools = [m for m in network.modules() if isinstance(m, torch.nn.MaxPool2d)]
    assert [pool.kernel_size for pool in pools] == [(4, 4)]
    assert a.factor == (4, 4)


def test_files_without_these_fields_hold_networks_that_halve() -> None:
    a = Architecture(image_shape=SHAPE, widths=(4, 6))
    older = {k: v for k, v in a.to_dict().items() if k not in ("stride", "layers")}
    assert Architecture.from_dict(older) == a
    assert a.strides == ((2, 2), (2, 2))
    assert (a.kernel_size, a.kernel_sizes) == (3, (3, 3))


def test_one_number_in_a_list_is_that_number() -> None:
    values: dict[str, Any] = {"image_shape": [1, 8, 8], "stride": [3], "kernel_size": [5]}
    a = Architecture.from_dict(values)
    assert (a.stride, a.kernel_size) == (3, 5)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"stride": 0}, "stride must be a whole number from 1 to 16; got 0"),
        ({"stride": 17}, "stride must be a whole number from 1 to 16; got 17"),
        ({"stride": 1.5}, "stride must be a whole number from 1 to 16; got 1.5"),
        ({"stride": True}, "stride must be a whole number from 1 to 16; got True"),
        ({"stride": "two"}, "stride must be a whole number from 1 to 16; got 'two'"),
        ({"stride": None}, "stride must be a whole number from 1 to 16; got None"),
        ({"stride": (2, 2, 1)}, "one for each of the 2 stages in widths; got 3 numbers"),
        ({"stride": (), "widths": (4,)}, "one for the one stage in widths; got 0 numbers"),
        ({"kernel_size": (3, 4)}, "kernel_size must be odd; got 4"),
        ({"kernel_size": (3, "5")}, "kernel_size must be a whole number from 1 to 31; got '5'"),
        ({"stride": (2, 2), "fine": 1}, "stride names every stage, so fine must be 0"),
        (
            {"stride": (2, 4), "down": "stride"},
            "stage 2 has kernel_size 3 and stride 4: its convolution would leave out the pixels between; "
            "take a kernel_size of at least 5",
        ),
        ({"stride": 4, "up": "transposed"}, "stage 1 has kernel_size 3 and stride 4"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Architecture(**{"image_shape": SHAPE, "widths": (4, 4), **values})
    assert text in str(caught.value)
