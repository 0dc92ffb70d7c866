"""A custom network by itself: what its trial finds, and the description that follows."""

from typing import Any

import pytest
import torch
from torch import nn

from convae.errors import InputError
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.custom import (
    CustomAutoencoder,
    CustomParts,
    custom_architecture,
    custom_parts,
    try_out,
)
from convae.networks.summary import summarize


def parts() -> CustomParts:
    torch.manual_seed(0)
    return CustomParts(nn.Conv2d(2, 3, 2, stride=2), nn.ConvTranspose2d(3, 2, 2, stride=2))


def test_the_trial_gives_the_shape_of_the_code_and_changes_nothing() -> None:
    given, state = parts(), torch.get_rng_state()
    given.encoder.train()
    assert try_out(given, (2, 8, 6)) == (3, 4, 3)
    assert given.encoder.training
    assert torch.equal(torch.get_rng_state(), state)


def test_neither_is_no_custom_network() -> None:
    assert custom_parts(None, None) is None


def test_forward_is_the_decoder_of_the_encoder() -> None:
    """Both modules receive tensors in the plain memory order, whatever the order of the images."""
    given = parts()
    a = custom_architecture((2, 8, 6), (3, 4, 3), output="linear")
    network = CustomAutoencoder(a, given).eval()
    images = torch.rand(5, 2, 8, 6).contiguous(memory_format=torch.channels_last)
    output = network(images)
    assert torch.equal(output.code, given.encoder(images.contiguous()))
    assert torch.equal(output.reconstruction, given.decoder(output.code))
    assert torch.equal(network.decode(output.code), output.reconstruction)
    assert (a.code, a.latent_dim, a.factor, a.takes_any_size) == ("spatial", 3, (2, 2), False)


@pytest.mark.parametrize(
    ("image_shape", "code_shape", "factor"),
    [
        ((1, 28, 28), (4, 5, 5), (5, 5)),  # 28 / 5 = 5.6
        ((1, 28, 28), (4, 13, 9), (2, 3)),
        ((1, 4, 4), (4, 8, 8), (1, 1)),  # a map larger than the image
        ((1, 28, 28), (4,), (1, 1)),
    ],
)
def test_a_position_stands_for_whole_pixels(
    image_shape: tuple[int, int, int], code_shape: tuple[int, ...], factor: tuple[int, int]
) -> None:
    a = custom_architecture(image_shape, code_shape)
    assert a.code_shape == code_shape
    if a.code == "spatial":
        assert a.factor == factor
    assert Architecture.from_dict(a.to_dict()) == a


def test_images_and_codes_of_other_shapes_are_refused() -> None:
    network = CustomAutoencoder(custom_architecture((2, 8, 6), (3, 4, 3)), parts())
    with pytest.raises(InputError, match="this network is custom and takes images of 8x6 only"):
        network.encode(torch.zeros(1, 2, 6, 8))
    with pytest.raises(InputError, match=r"codes must be \(B, 3, 4, 3\) for this network"):
        network.decode(torch.zeros(1, 3, 3, 4))


def test_a_description_alone_makes_no_custom_network() -> None:
    a = custom_architecture((2, 8, 6), (3, 4, 3))
    with pytest.raises(InputError, match="a custom encoder and decoder"):
        Autoencoder(a)
    with pytest.raises(InputError, match="a custom encoder and decoder"):
        summarize(a)


@pytest.mark.parametrize("shape", [(0,), (3, 4), (2**19, 2**12, 2**12), (1.5,), "3"])
def test_a_code_shape_that_cannot_be_is_refused(shape: object) -> None:
    with pytest.raises(InputError, match=r"custom_code must be \(n,\) or \(n, h, w\)"):
        Architecture(image_shape=(1, 8, 8), custom_code=shape)  # type: ignore[arg-type]


def test_a_description_that_contradicts_its_code_is_refused() -> None:
    with pytest.raises(InputError, match="latent_dim must be 3 for a custom network"):
        Architecture(image_shape=(1, 8, 8), custom_code=(3,), bypass="none")


def test_weights_are_reset_for_an_untrained_copy() -> None:
    network: Any = CustomAutoencoder(custom_architecture((2, 8, 6), (3, 4, 3)), parts())
    before = network.encoder.weight.clone()
    assert not torch.equal(network.untrained().encoder.weight, before)
    assert torch.equal(network.encoder.weight, before)
