"""The tutorial preset computes exactly the tutorial's network, layer by layer and as a whole."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import DenseBottleneck
from convae.networks.decoder import Decoder
from convae.networks.presets import make_architecture

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(1, 28, 28), (3, 32, 32), (1, 12, 20)]


def count_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def assert_equal(ours: Tensor | None, theirs: Tensor | None) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


def spelled_out(shape: Shape) -> nn.Sequential:
    """The tutorial in plain PyTorch: no activation before the code, and none between code and decoder."""
    channels, height, width = shape
    small = (64, height // 4, width // 4)
    size = small[0] * small[1] * small[2]
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(channels, 32, 3, stride=2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Flatten(), nn.Linear(size, 16)),
        nn.Sequential(nn.Linear(16, size), nn.Unflatten(1, small)),
        nn.Sequential(
            nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1), nn.ReLU()
        ),
        nn.Sequential(
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU()
        ),
        nn.Conv2d(32, channels, 3, padding=1),
        nn.Sigmoid(),
    )


def both(shape: Shape) -> tuple[Autoencoder, nn.Sequential]:
    """The preset and the spelling with the same weights; biases are moved off zero, so that they count."""
    network, plain = Autoencoder(make_architecture("tutorial", shape)), spelled_out(shape)
    with torch.no_grad():
        for mine, theirs in zip(plain.parameters(), network.parameters(), strict=True):
            theirs.add_(torch.randn_like(theirs), alpha=0.05)
            mine.copy_(theirs)
    return network, plain


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_layer_is_the_layer_of_the_tutorial(shape: Shape) -> None:
    network, plain = both(shape)
    network, plain = network.double(), plain.double()
    assert isinstance(network.bottleneck, DenseBottleneck)
    assert isinstance(network.decoder, Decoder)
    steps = (
        *network.encoder,
        lambda x: network.bottleneck.encode(x).code,
        network.bottleneck.decode,
        *network.decoder,
    )
    x = torch.rand(3, *shape, dtype=torch.float64)
    for theirs, ours in zip(plain, (*steps, torch.sigmoid), strict=True):
        expected = theirs(x)
        assert_equal(ours(x), expected)
        x = expected


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_whole_and_its_gradients_are_those_of_the_tutorial(shape: Shape) -> None:
    network, plain = both(shape)
    x = torch.rand(3, *shape)
    expected, output = plain(x), network(x)
    assert_equal(output.reconstruction, expected)
    assert_equal(output.code, plain[:3](x))
    assert_equal(network.decode(output.code), expected)
    for made in (expected, output.reconstruction):
        (made - x).square().mean().backward()
    for mine, theirs in zip(plain.parameters(), network.parameters(), strict=True):
        assert_equal(theirs.grad, mine.grad)


def test_parts_of_the_map_behind_the_code_are_negative() -> None:
    """What a rectifier there would cut off: half of it, with symmetric weights."""
    network, _ = both((1, 28, 28))
    first_map = network.bottleneck.decode(torch.randn(50, 16))
    assert 0.4 < (first_map < 0).double().mean() < 0.6


def test_the_number_of_parameters_is_that_of_the_tutorial() -> None:
    """Conv 320 + 18,496, dense 50,192; dense 53,312, transposed 36,928 + 18,464, last 289."""
    network, plain = both((1, 28, 28))
    there = count_parameters(network.encoder) + count_parameters(network.bottleneck.squeeze)
    back = count_parameters(network.decoder) + count_parameters(network.bottleneck.expand)
    assert there == 69_008
    assert back == 108_993
    assert count_parameters(network) == count_parameters(plain) == 178_001


def keras(x: Tensor, network: Autoencoder) -> Tensor:
    """The tutorial as Keras computes it, with the network's weights mirrored.

    With ``padding="same"`` and stride 2 Keras adds the border pixel at the end of each side, where PyTorch's
    ``padding=1`` uses the one at the start; vectors are read from maps with their channels last; and the last
    layer is a transposed convolution.
    """
    w = dict(network.named_parameters())

    def mirrored(name: str) -> Tensor:
        return w[f"{name}.weight"].flip(2, 3)

    for stage in ("encoder.0.0.0", "encoder.1.0.0"):
        x = F.relu(F.conv2d(F.pad(x, (0, 1, 0, 1)), mirrored(stage), w[f"{stage}.bias"], stride=2))
    small = x.shape[1:]
    order = torch.arange(small.numel()).view(small).flip(1, 2).permute(1, 2, 0).flatten()
    vector = x.permute(0, 2, 3, 1).flatten(1)
    there, back = "bottleneck.squeeze", "bottleneck.expand"
    code = F.linear(vector, w[f"{there}.weight"][:, order], w[f"{there}.bias"])
    vector = F.linear(code, w[f"{back}.weight"][order], w[f"{back}.bias"][order])
    x = vector.view(-1, *small[1:], small[0]).permute(0, 3, 1, 2)
    for stage in ("decoder.0.0.0", "decoder.1.0.0"):
        whole = F.conv_transpose2d(x, mirrored(stage), w[f"{stage}.bias"], stride=2)
        x = F.relu(whole[..., :-1, :-1])
    last = w["decoder.2.weight"].transpose(0, 1)
    return F.conv_transpose2d(x, last, w["decoder.2.bias"], padding=1).sigmoid()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_keras_computes_the_mirror_image_of_the_same_function(shape: Shape) -> None:
    network, _ = both(shape)
    x = torch.rand(3, *shape)
    with torch.no_grad():
        expected = network(x).reconstruction.flip(2, 3)
        assert_equal(keras(x.flip(2, 3), network), expected)
