"""Tiles give what the whole image gives, whatever the network and the size."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from convae.networks.tiling import over_tiles, reach, tiles

NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"preset": "unet", "widths": (8, 12), "blocks": 1},
    "unet with more inputs": {"preset": "unet", "widths": (8, 12), "inputs": 2},
    "large kernels": {"preset": "unet", "widths": (8,), "blocks": 1, "kernel_size": 5},
    "pooled": {"preset": "pooled", "widths": (8, 12)},
    "residual": {"preset": "residual", "code": "spatial", "widths": (8, 12), "refine": 1},
    "transposed": {"preset": "tutorial", "code": "spatial", "widths": (8, 12)},
    "patterns": {"preset": "pooled", "widths": (8, 12), "bypass": "none", "pattern": 11},
    "bilinear": {"preset": "pooled", "widths": (8,), "up": "bilinear"},
}


def made(name: str) -> Autoencoder:
    torch.manual_seed(0)
    network = Autoencoder(make_architecture(image_shape=(1, 64, 64), **NETWORKS[name])).eval()
    for weight in network.parameters():  # nothing may be zero, or what it sees would not show
        weight.data.add_(0.05 * torch.randn_like(weight))
    return network


def once(network: Autoencoder) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor) -> Tensor:
        with torch.inference_mode():
            restored: Tensor = network(x).reconstruction
            return restored

    return function


@pytest.mark.parametrize("size", [(150, 210), (97, 131), (64, 200)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_equal_the_whole(name: str, size: tuple[int, int]) -> None:
    network = made(name)
    x = torch.rand(1, network.architecture.input_channels, *size)
    whole, pieces = once(network)(x), over_tiles(network, once(network), x, tile=32)
    assert pieces.shape == whole.shape
    assert torch.allclose(pieces, whole, atol=2e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_beyond_the_reach_matters(name: str) -> None:
    """A pixel changed at one end changes nothing farther away than the reach, and something near."""
    network = made(name)
    x = torch.rand(1, network.architecture.input_channels, 16, 400)
    other = x.clone()
    other[..., 0] = 1 - other[..., 0]
    with torch.inference_mode():
        change = (network(x).reconstruction - network(other).reconstruction).abs()[0, 0].amax(dim=0)
    touched = change.nonzero().max()
    assert touched <= reach(network)
    assert touched >= reach(network) / 6


def test_small_images_are_computed_at_once() -> None:
    network = made("unet")
    calls = []

    def function(x: Tensor) -> Tensor:
        calls.append(tuple(x.shape))
        return x

    over_tiles(network, function, torch.rand(2, 1, 90, 60), tile=64)
    assert calls == [(2, 1, 90, 60)]


def test_a_tile_is_never_larger_than_it_must_be() -> None:
    network = made("unet")
    sides = []

    def function(x: Tensor) -> Tensor:
        sides.append(max(x.shape[-2:]))
        return x

    over_tiles(network, function, torch.rand(1, 1, 700, 500), tile=64)
    assert max(sides) == 64 + 2 * reach(network)


@pytest.mark.parametrize("name", ["unet", "large kernels"])
@pytest.mark.parametrize("size", [(150, 210), (49, 500), (48, 48), (33, 97)], ids=str)
def test_tiles_cover_every_pixel_once(name: str, size: tuple[int, int]) -> None:
    parts = tiles(made(name), *size, tile=32)
    covered = torch.zeros(size, dtype=torch.int)
    for part in parts:
        covered[part.place] += 1
        given = torch.arange(size[0] * size[1]).view(size)
        assert torch.equal(given[part.seen][part.kept], given[part.place])
        assert all(s.start % made(name).architecture.factor[0] == 0 for s in part.seen)
    assert (covered == 1).all()
    assert (len(parts) == 1) == (max(size) <= 48)


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "residual"},  # a dense code
        {"preset": "pooled", "norm": "group"},
        {"preset": "pooled", "bypass": "none", "bottleneck": "winners"},
        {"preset": "pooled", "bypass": "none", "bottleneck": "gaussian", "levels": 2},
    ],
    ids=str,
)
def test_a_network_whose_pixels_depend_on_all_gets_the_whole(changes: dict[str, Any]) -> None:
    network = Autoencoder(make_architecture(image_shape=(1, 64, 64), widths=(8, 12), **changes))
    assert len(tiles(network, 150, 210, tile=32)) == 1
