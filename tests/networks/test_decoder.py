"""Decoders: stages are covered by test_autoencoder; here the code that draws patterns."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from convae.errors import InputError
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder


def drawing(shape: tuple[int, int, int], stages: int, pattern: int, fine: int = 0) -> Autoencoder:
    a = Architecture(
        image_shape=shape,
        widths=(3,) * stages,
        fine=fine,
        blocks=0,
        code="spatial",
        latent_dim=4,
        bypass="none",
        output="linear",
        pattern=pattern,
    )
    return Autoencoder(a).eval()


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(2, 20), st.integers(2, 20)),
    stages=st.integers(1, 2),
    over=st.integers(0, 5),
)
def test_images_keep_their_size(shape: tuple[int, int, int], stages: int, over: int) -> None:
    network = drawing(shape, stages, 2**stages + 1 + 2 * over)
    with torch.inference_mode():
        output = network(torch.rand(2, *shape))
    assert output.reconstruction.shape == (2, *shape)
    assert output.code.shape == (2, *network.architecture.code_shape)


@pytest.mark.parametrize(("pattern", "first"), [(6, 2), (7, 1), (2, 4), (3, 3)])
def test_a_number_draws_its_pattern_around_its_place(pattern: int, first: int) -> None:
    """At position 2 of a code of factor 2, pixels 4 and 5, with as many more on both sides.

    An odd pattern cannot lie around two pixels evenly: it reaches one further towards the origin.
    """
    network = drawing((1, 16, 16), 1, pattern)
    decoder = network.decoder
    assert isinstance(decoder, nn.ConvTranspose2d)
    assert decoder.bias is not None
    code = torch.zeros(1, 4, 8, 8)
    code[0, 3, 2, 2] = 2.0
    with torch.inference_mode():
        image = network.decode(code)[0, 0] - decoder.bias
    wanted = torch.zeros(16, 16)
    wanted[first : first + pattern, first : first + pattern] = 2 * decoder.weight[3, 0]
    torch.testing.assert_close(image, wanted)


def test_the_image_is_the_sum_of_what_the_numbers_draw() -> None:
    network = drawing((2, 12, 12), 1, 5)
    one, other = torch.rand(2, 3, 4, 6, 6)
    with torch.inference_mode():
        blank = network.decode(torch.zeros(3, 4, 6, 6))
        both = network.decode(one + other) + blank
        torch.testing.assert_close(both, network.decode(one) + network.decode(other))


@pytest.mark.parametrize(
    ("stages", "fine", "pattern", "sentence"),
    [
        (
            2,
            0,
            3,
            "pattern must be at least 4, the pixels a side that a position of the code stands for",
        ),
        (1, 1, 4, "pattern must be odd where a position of the code stands for one pixel; got 4"),
        (1, 0, 129, "pattern must be a whole number from 0 to 127; got 129"),
        (1, 0, -1, "pattern must be a whole number from 0 to 127; got -1"),
    ],
)
def test_patterns_that_cannot_be_drawn_are_refused(
    stages: int, fine: int, pattern: int, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        drawing((1, 16, 16), stages, pattern, fine)


def test_at_the_full_resolution_too() -> None:
    network = drawing((1, 9, 9), 1, 3, fine=1)
    with torch.inference_mode():
        output = network(torch.rand(1, 1, 9, 9))
    assert output.code.shape == (1, 4, 9, 9)
    assert output.reconstruction.shape == (1, 1, 9, 9)
