"""Layers by name: what they give is what the network computes."""

import pytest
import torch

from convae.errors import InputError
from convae.networks.autoencoder import Autoencoder
from convae.networks.layer_outputs import layer_names, pooled_layer
from convae.networks.presets import PRESETS, make_architecture


@pytest.mark.parametrize("preset", PRESETS)
def test_every_named_layer_can_be_read(preset: str) -> None:
    network = Autoencoder(make_architecture(preset, (1, 16, 12), widths=(4, 6))).eval()
    images = torch.rand(3, 1, 16, 12)
    with torch.inference_mode():
        for name in layer_names(network):
            values = pooled_layer(network, name)(images)
            assert values.shape[0] == 3
            assert values.ndim == 2


def test_stages_and_the_code() -> None:
    a = make_architecture("residual", (1, 16, 12), widths=(4, 6), latent_dim=5, bypass="none")
    network = Autoencoder(a).eval()
    images = torch.rand(3, 1, 16, 12)
    with torch.inference_mode():
        maps = network.encoder.maps(images)
        for i, found in enumerate(maps):
            expected = found.mean(dim=(2, 3))
            assert torch.allclose(pooled_layer(network, f"encoder.{i}")(images), expected)
        code = pooled_layer(network, "bottleneck.squeeze")(images)
        assert torch.equal(code, network.encode(images))


def test_nothing_stays_behind() -> None:
    network = Autoencoder(make_architecture("tutorial", (1, 16, 12)))
    pooled_layer(network, "encoder.0")(torch.rand(1, 1, 16, 12))
    assert not any(module._forward_hooks for module in network.modules())


def test_an_unknown_name_is_answered() -> None:
    network = Autoencoder(make_architecture("tutorial", (1, 16, 12)))
    with pytest.raises(
        InputError, match=r"unknown layer 'encoder\.9': did you mean 'encoder\..*Known"
    ):
        pooled_layer(network, "encoder.9")
