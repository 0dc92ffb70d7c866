"""The whole network: every choice builds and learns; the bypass is PCA; what it refuses."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from convae.embedding.pca import fit_pca
from convae.errors import InputError
from convae.networks.architecture import CHOICES, Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import DenseBypass, SpatialBypass, block_values, work_shape
from convae.networks.layers import pad_to_multiple
from convae.networks.presets import make_architecture
from convae.training.devices import on_device

SHAPE = (2, 8, 8)


def network_of(**values: Any) -> Autoencoder:
    defaults = {"image_shape": SHAPE, "widths": (4, 6), "blocks": 1, "latent_dim": 3}
    return Autoencoder(Architecture(**{**defaults, **values}))


def learns(network: Autoencoder) -> None:
    """Every weight gets a gradient within two steps (last layers may start at zero and block the first)."""
    images = torch.rand(5, *network.architecture.image_shape)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    reached: set[str] = set()
    for _ in range(4):
        optimizer.zero_grad()
        output = network.train()(images)
        assert output.reconstruction.shape == images.shape
        (output.reconstruction - images).square().mean().backward()
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert bool(torch.isfinite(weight.grad).all()), name
            if bool(weight.grad.any()):
                reached.add(name)
        optimizer.step()
    missing = {name for name, _ in network.named_parameters()} - reached
    assert not missing


def nudge(network: Autoencoder) -> Autoencoder:
    """Move all weights off zero (a bypass at zero blocks both of its directions, until PCA sets it)."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.02)
    return network


@pytest.mark.parametrize("code", CHOICES["code"])
@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize(("down", "up"), list(itertools.product(CHOICES["down"], CHOICES["up"])))
def test_every_way_down_and_up(down: str, up: str, blocks: int, code: str) -> None:
    learns(nudge(network_of(down=down, up=up, blocks=blocks, code=code, activation="gelu")))


@pytest.mark.parametrize("padding_mode", CHOICES["padding_mode"])
@pytest.mark.parametrize(
    ("norm", "activation"), list(itertools.product(CHOICES["norm"], CHOICES["activation"]))
)
def test_every_norm_activation_and_padding(norm: str, activation: str, padding_mode: str) -> None:
    choices = {"norm": norm, "activation": activation, "padding_mode": padding_mode}
    learns(nudge(network_of(**choices, widths=(16, 16))))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize(
    ("output", "bypass"), [("sigmoid", "none"), ("linear", "pca"), ("clamp", "none")]
)
def test_every_output_and_bypass(output: str, bypass: str, hidden: int, kernel_size: int) -> None:
    choices = {"output": output, "bypass": bypass, "hidden": hidden, "activation": "silu"}
    learns(nudge(network_of(**choices, kernel_size=kernel_size)))


@pytest.mark.parametrize("code", CHOICES["code"])
def test_gradients_pass_layers_that_start_at_zero(code: str) -> None:
    """As training starts: PCA in the bypass, zero in the last convolutions, nothing nudged."""
    network = network_of(code=code, activation="silu")
    set_pca(network, torch.rand(40, *SHAPE))
    learns(network)


def test_outputs_stay_in_their_range() -> None:
    images = torch.rand(3, *SHAPE)
    for output in CHOICES["output"]:
        network = nudge(network_of(output=output, bypass="none"))
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(8)
        trained, used = network.train()(images)[0], network.eval()(images)[0]
        outside = bool((trained.abs() > 1).any())
        assert outside == (output != "sigmoid")
        if output == "clamp":
            assert torch.equal(used, trained.clamp(0, 1))
        else:
            assert torch.equal(used, trained)


def set_pca(network: Autoencoder, images: torch.Tensor) -> torch.Tensor:
    """Start the bypass from PCA, and give PCA's own reconstruction of its vectors."""
    bypass = network.bypass
    assert bypass is not None
    spatial = isinstance(bypass, SpatialBypass)
    padded = pad_to_multiple(images, network.architecture.factor) if spatial else images
    vectors = bypass.flatten(padded)
    assert vectors.shape[1] == block_values(network.architecture)
    pca = fit_pca([vectors], network.architecture.latent_dim)
    bypass.set_components(pca.mean, pca.components)
    return pca.reconstruct(vectors)


@pytest.mark.parametrize("shape", [SHAPE, (1, 9, 7), (3, 1, 10)], ids=str)
def test_a_dense_network_starts_as_pca(shape: tuple[int, int, int]) -> None:
    network = network_of(image_shape=shape, latent_dim=5).eval()
    images = torch.rand(30, *shape)
    expected = set_pca(network, images).reshape(images.shape).clamp(0, 1)
    with torch.no_grad():
        torch.testing.assert_close(network(images).reconstruction, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [SHAPE, (1, 9, 7), (3, 1, 10)], ids=str)
def test_a_spatial_network_starts_as_pca_of_blocks(shape: tuple[int, int, int]) -> None:
    network = network_of(image_shape=shape, code="spatial", latent_dim=3).eval()
    images = torch.rand(30, *shape)
    blocks = set_pca(network, images).clamp(0, 1)
    padded = pad_to_multiple(images, network.architecture.factor)
    with torch.no_grad():
        reconstruction = network(padded).reconstruction
        cropped = network(images).reconstruction
    assert isinstance(network.bypass, SpatialBypass)
    torch.testing.assert_close(network.bypass.flatten(reconstruction), blocks, atol=1e-5, rtol=0)
    assert torch.equal(cropped, reconstruction[..., : shape[1], : shape[2]])


def test_fewer_components_than_the_code_has_numbers() -> None:
    network = network_of(latent_dim=20).eval()
    images = torch.rand(4, *SHAPE)  # three directions are all there is
    set_pca(network, images)
    with torch.no_grad():
        output = network(images)
    torch.testing.assert_close(output.reconstruction, images, atol=1e-4, rtol=0)
    assert not output.code[:, 4:].any()


def test_large_images_pass_the_bypass_at_a_reduced_size() -> None:
    a = Architecture(image_shape=(1, 64, 96), widths=(4,) * 4, latent_dim=2**10, blocks=0)
    channels, height, width = work_shape(a)
    assert channels * height * width * a.latent_dim <= 4 * 2**20
    assert abs(height / width - 64 / 96) < 0.05
    network = Autoencoder(a).eval()
    assert isinstance(network.bypass, DenseBypass)
    assert network(torch.rand(1, 1, 64, 96)).reconstruction.shape == (1, 1, 64, 96)
    assert network.bypass.flatten(torch.full((1, 1, 64, 96), 0.5)).unique().tolist() == [0.5]


@pytest.mark.parametrize("preset", ["tutorial", "pooled", "residual"])
def test_channels_last_gives_the_same_values(preset: str) -> None:
    network = nudge(Autoencoder(make_architecture(preset, (3, 20, 20)))).eval()
    images = torch.rand(2, 3, 20, 20)
    with torch.no_grad():
        plain = network(images)
        on_device(network, torch.device("cpu"))
        ordered = network(images.contiguous(memory_format=torch.channels_last))
    kernels = [w for w in network.parameters() if w.ndim == 4]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)
    torch.testing.assert_close(ordered.reconstruction, plain.reconstruction, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ordered.code, plain.code, atol=1e-4, rtol=1e-4)


def test_first_weights_come_from_the_seed() -> None:
    torch.manual_seed(3)
    one = network_of().state_dict()
    torch.manual_seed(3)
    two = network_of().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_zero_layers_stay_zero_and_biases_start_there() -> None:
    network = network_of()
    assert not network.bottleneck.squeeze.weight.any()
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            assert not layer.bias.any(), name


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((2, 8, 8), "images must be (B, 2, H, W) for this network; got (2, 8, 8)"),
        ((1, 3, 8, 8), "images must be (B, 2, H, W) for this network; got (1, 3, 8, 8)"),
        (
            (1, 2, 8, 9),
            "takes images of 8x8 only; got 8x9: resize them, or fit with code 'spatial'",
        ),
    ],
)
def test_images_of_another_shape_are_refused(shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(InputError) as caught:
        network_of()(torch.zeros(shape))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("code", "shape", "text"),
    [
        ("dense", (1, 4), "codes must be (B, 3) for this network; got (1, 4)"),
        ("dense", (3,), "codes must be (B, 3) for this network; got (3,)"),
        ("spatial", (1, 4, 2, 2), "codes must be (B, 3, h, w) for this network; got (1, 4, 2, 2)"),
        ("spatial", (1, 3), "codes must be (B, 3, h, w) for this network; got (1, 3)"),
    ],
)
def test_codes_of_another_shape_are_refused(code: str, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(InputError) as caught:
        network_of(code=code).decode(torch.zeros(shape))
    assert text in str(caught.value)


@pytest.mark.parametrize(("mode", "enough"), [("reflect", 5), ("circular", 1)])
def test_images_too_small_for_the_padding_are_refused(mode: str, enough: int) -> None:
    network = network_of(code="spatial", padding_mode=mode).eval()
    network(torch.rand(1, 2, enough, enough))
    if enough > 1:
        with pytest.raises(InputError, match="needs images larger than 4x4 in this network"):
            network(torch.rand(1, 2, enough - 1, enough))


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 9, 7), (2, 1, 1)])
def test_a_refinement_starts_at_nothing_and_learns(shape: tuple[int, int, int]) -> None:
    a = make_architecture("residual", shape, refine=1, latent_dim=2)
    network = Autoencoder(a).eval()
    assert network.refinement is not None
    x = torch.rand(2, *shape)
    before = network(x).reconstruction
    refined, network.refinement = network.refinement, None
    assert torch.equal(before, network(x).reconstruction)
    network.refinement = refined
    (network.train()(x).reconstruction - x).square().mean().backward()
    last = [p for p in refined.parameters() if p.ndim == 4][-1]
    assert last.grad is not None
    assert bool(last.grad.any())
