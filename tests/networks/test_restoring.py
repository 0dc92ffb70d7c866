"""Networks that restore an image from the image itself: skips, a base, other channels in than out."""

from typing import Any

import pytest
import torch

from convae.errors import InputError
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.decoder import last_layer
from convae.networks.presets import make_architecture
from convae.networks.summary import summarize
from convae.networks.tiling import reach

SHAPES = [(1, 64, 64), (3, 37, 50), (1, 8, 8), (2, 5, 90), (1, 1, 1), (4, 1, 16)]


@pytest.mark.parametrize("preset", ["unet", "fine"])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_starts_as_its_base(shape: tuple[int, int, int], extra: int, preset: str) -> None:
    a = make_architecture(preset, shape, inputs=shape[0] + extra)
    x = torch.rand(2, shape[0] + extra, *shape[1:])
    with torch.no_grad():
        output = Autoencoder(a).eval()(x)
    assert torch.equal(output.reconstruction, x[:, : shape[0]])
    assert output.code.shape == (2, *a.code_shape)


def test_a_grey_base_stands_under_every_colour() -> None:
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        colours = Autoencoder(make_architecture("unet", (3, 16, 16), inputs=1, base=1)).eval()(x)
    assert torch.equal(colours.reconstruction, x.expand(-1, 3, -1, -1))


def test_without_a_base_channels_may_be_anything() -> None:
    network = Autoencoder(make_architecture("unet", (2, 16, 16), inputs=5, base=0))
    assert network(torch.rand(1, 5, 20, 24)).reconstruction.shape == (1, 2, 20, 24)


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_is_seen_and_added_in_its_own_unit(channels: int) -> None:
    torch.manual_seed(0)
    a = make_architecture(
        "unet", (channels, 16, 16), inputs=channels + 1, widths=(16,), blocks=1, contrast=0.05
    )
    network = Autoencoder(a).eval()
    # Room for what is added: with values near black and white the result would be limited.
    x = 0.3 + 0.4 * torch.rand(2, channels + 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(network(x).reconstruction, x[:, :channels])
        last = [m for m in network.decoder.modules() if isinstance(m, torch.nn.Conv2d)][-1]
        assert last.bias is not None
        last.bias.fill_(1.0)
        assert torch.allclose(network(x).reconstruction, x[:, :channels] + 0.05)
        # A brighter image has the same contrast; a flat one has none.
        first = network.encoder[0]
        seen: list[torch.Tensor] = []
        first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        for given in (x, x + 0.1, torch.full_like(x, 0.4)):
            network(given)
    assert seen[0].shape[1] == 2 * channels + 1
    contrasts = [part[:, -channels:] for part in seen]
    assert torch.allclose(contrasts[0], contrasts[1], atol=1e-4)
    assert float(contrasts[2].abs().max()) < 1e-4
    middle = x[0, 0, 8, 8] - x[0, 0, 5:12, 5:12].mean()
    assert float(contrasts[0][0, 0, 8, 8]) == pytest.approx(float(middle) / 0.05, abs=1e-4)


def test_it_learns_what_its_inputs_tell() -> None:
    """The second channel says what to add: nothing but it can tell."""
    torch.manual_seed(0)
    network = Autoencoder(make_architecture("unet", (1, 8, 8), inputs=2, widths=(16,), blocks=1))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        image, told = torch.rand(8, 1, 8, 8) / 2, torch.rand(8, 1, 1, 1).expand(-1, -1, 8, 8) / 2
        restored = network(torch.cat([image, told], dim=1)).reconstruction
        loss = (restored - image - told).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 20


def test_every_weight_gets_a_gradient_once_it_has_left_its_start() -> None:
    network = Autoencoder(make_architecture("unet", (1, 16, 16)))
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    network(torch.rand(2, 1, 16, 16)).reconstruction.square().mean().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_fine_stages_keep_the_resolution() -> None:
    a = make_architecture("fine", (1, 32, 48))
    assert a.strides == ((1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2))
    assert (a.factor, a.map_shape) == ((8, 8), (64, 4, 6))
    network = Autoencoder(a)
    sizes = [tuple(m.shape[1:]) for m in network.encoder.maps(torch.rand(1, 1, 32, 48))]
    assert sizes[2:5] == [(24, 32, 48), (48, 16, 24), (64, 8, 12)]


@pytest.mark.parametrize("up", ["subpixel", "nearest", "bilinear", "transposed"])
@pytest.mark.parametrize("down", ["unshuffle", "stride", "max", "average"])
@pytest.mark.parametrize("blocks", [0, 1])
def test_skips_and_fine_stages_go_with_every_way_down_and_up(
    down: str, up: str, blocks: int
) -> None:
    torch.manual_seed(0)
    a = make_architecture(
        "fine", (1, 40, 40), widths=(4, 5, 6), fine=1, blocks=blocks, down=down, up=up, contrast=0.1
    )
    network = Autoencoder(a).eval()
    x = torch.rand(1, 1, 24, 36)
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    # What a pixel changes lies within the reach that tiles go by.
    other = torch.rand(1, 1, 160, 160)
    changed = other.clone()
    changed[..., 80, 80] += 0.5
    with torch.no_grad():
        assert network(x).reconstruction.shape == x.shape
        places = (network(other).reconstruction != network(changed).reconstruction).nonzero()
    assert int((places[:, 2:] - 80).abs().max()) <= reach(network)


def test_skips_carry_detail_by_the_code() -> None:
    """Noise of one pixel is lost in a small code; with skips it reaches the output."""
    changes: dict[str, Any] = {"widths": (8, 8), "blocks": 1, "latent_dim": 1, "base": 0}
    x = torch.rand(4, 1, 16, 16)
    other = torch.roll(x, 1, dims=0)
    differences = []
    for skips in (True, False):
        torch.manual_seed(0)
        network = Autoencoder(make_architecture("unet", (1, 16, 16), skips=skips, **changes))
        with torch.no_grad():
            last_layer(network.decoder).weight.normal_()  # which starts at zero
            network.bottleneck.squeeze.weight.zero_()
            change = network(x).reconstruction - network(other).reconstruction
        differences.append(float(change.abs().max()))
    assert differences[0] > 0
    assert differences[1] == 0


def test_a_code_alone_makes_no_image() -> None:
    network = Autoencoder(make_architecture("unet", (1, 16, 16)))
    code = network.encode(torch.rand(1, 1, 16, 16))
    with pytest.raises(InputError, match="it cannot decode a code alone"):
        network.decode(code)


def test_other_channels_than_promised_are_refused() -> None:
    network = Autoencoder(make_architecture("unet", (1, 16, 16), inputs=2))
    with pytest.raises(InputError, match=r"images must be \(B, 2, H, W\).*got \(1, 1, 16, 16\)"):
        network(torch.rand(1, 1, 16, 16))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base": 2}, "base must be 0, 1 or the 3 channels of the image.*got 2 of 3 inputs"),
        ({"base": 3, "inputs": 1}, "got 3 of 1 inputs"),
        ({"output": "sigmoid", "base": 3}, "output 'sigmoid' would distort the base"),
        ({"code": "dense"}, "skips are for spatial codes"),
        ({"bypass": "pca"}, "bypass 'pca' maps an image to the same image"),
        ({"skips": 1}, "skips must be true or false; got 1"),
        ({"inputs": -1}, "inputs must be a whole number from 0"),
        ({"contrast": 0.1, "base": 0}, "contrast requires a base"),
        ({"fine": 4}, "fine must be a whole number from 0 to 2; got 4"),
        ({"contrast": 2}, "contrast must be a number from 0 to 1; got 2"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        make_architecture("unet", (3, 16, 16), **changes)


def test_the_description_comes_back() -> None:
    a = make_architecture("unet", (3, 16, 16), inputs=4)
    assert Architecture.from_dict(a.to_dict()) == a
    assert (a.skips, a.inputs, a.base) == (True, 4, 3)


def test_the_summary_tells_all_of_it() -> None:
    a = make_architecture("unet", (1, 32, 32), inputs=2)
    summary = summarize(a)
    assert summary.parameters == sum(p.numel() for p in Autoencoder(a).parameters())
    assert summary.rows[0].shape == (2, 32, 32)
    assert "plus what went in" in summary.rows[-1].kind
