"""The named architectures, one suite for all: sizes, learning, and what each promises."""

import pytest
import torch
import torch.nn.functional as F

from convae.errors import InputError
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import PRESETS, make_architecture

SMALL = [(1, 28, 28), (3, 79, 79), (1, 97, 131), (1, 1, 64), (1, 64, 1), (1, 1, 1), (13, 16, 20)]
LARGE = [(1, 256, 512), (3, 480, 480)]
CODES = [(preset, code) for preset in PRESETS for code in ("dense", "spatial")
         if (preset, code) != ("dense", "spatial")]  # fmt: skip


def check_shapes(a: Architecture) -> None:
    network = Autoencoder(a).eval()
    images = torch.rand(2, *a.image_shape)
    with torch.no_grad():
        output = network(images)
        again = network.decode(network.encode(images))
    assert output.code.shape == (2, *a.code_shape)
    assert output.reconstruction.shape == images.shape
    assert output.reconstruction.min() >= 0
    assert output.reconstruction.max() <= 1
    assert torch.equal(again, output.reconstruction)


@pytest.mark.parametrize("shape", SMALL, ids=str)
@pytest.mark.parametrize(("preset", "code"), CODES)
def test_every_preset_takes_every_size(preset: str, code: str, shape: tuple[int, int, int]) -> None:
    check_shapes(make_architecture(preset, shape, code=code))


@pytest.mark.slow
@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("preset", ["pooled", "residual"])
def test_large_images(preset: str, shape: tuple[int, int, int]) -> None:
    check_shapes(make_architecture(preset, shape))


@pytest.mark.parametrize("preset", [preset for preset, code in CODES if code == "spatial"])
def test_a_spatial_code_takes_other_sizes_later(preset: str) -> None:
    network = Autoencoder(make_architecture(preset, (1, 32, 32), code="spatial")).eval()
    fy, fx = network.architecture.factor
    with torch.no_grad():
        output = network(torch.rand(1, 1, 37, 50))
    assert output.reconstruction.shape == (1, 1, 37, 50)
    assert output.code.shape[2:] == (-(-37 // fy), -(-50 // fx))


@pytest.mark.parametrize(("preset", "code"), CODES)
def test_every_preset_overfits_one_batch(preset: str, code: str) -> None:
    a = make_architecture(preset, (1, 12, 12), code=code, latent_dim=16, widths=(16, 32))
    network = Autoencoder(a).train()
    images = torch.rand(4, 1, 12, 12)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(150):
        loss = (network(images).reconstruction - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


def test_settings_can_be_changed_one_by_one() -> None:
    a = make_architecture("residual", (1, 28, 28), latent_dim=5, blocks=None, up="nearest")
    assert (a.latent_dim, a.blocks, a.up) == (5, 2, "nearest")
    assert make_architecture("residual", (1, 28, 28), output="sigmoid").bypass == "none"
    assert make_architecture("residual", (1, 28, 28), code="spatial").hidden == 0


@pytest.mark.parametrize(
    ("preset", "shape", "changes", "text"),
    [
        ("tutorail", (1, 8, 8), {}, "unknown preset 'tutorail': did you mean 'tutorial'?"),
        ("residual", (8, 8), {}, "image_shape must be (channels, height, width)"),
        ("residual", (1, 0, 8), {}, "each at least 1; got (1, 0, 8)"),
        ("residual", (1, 8, 8), {"latent": 3}, "did you mean 'latent_dim'?"),
        ("residual", (1, 8, 8), {"output": "sigmoid", "bypass": "pca"}, "would bend"),
        ("tutorial", (1, 8, 8), {"padding_mode": "reflect"}, "transposed convolutions"),
        (
            "dense",
            (1, 8, 8),
            {"code": "spatial"},
            "one code for the whole image, without positions",
        ),
        (
            "dense",
            (1, 8, 8),
            {"stride": 3, "blocks": 1},
            "blocks and stride: preset 'dense' has no conv",
        ),
        (
            "tutorial",
            (1, 8, 8),
            {"stride": (2, 2, 1)},
            "one for each of the 2 stages in widths; got 3",
        ),
    ],
)
def test_what_cannot_work_is_said(
    preset: str, shape: tuple[int, int, int], changes: dict[str, object], text: str
) -> None:
    with pytest.raises(InputError) as caught:
        make_architecture(preset, shape, **changes)
    assert text in str(caught.value)


def test_the_dense_preset_has_no_convolution_and_its_decoder_mirrors_the_encoder() -> None:
    a = make_architecture("dense", (3, 5, 7), widths=(20, 10), latent_dim=4, activation="relu")
    network = Autoencoder(a).eval()
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    assert not any(isinstance(layer, kinds) for layer in network.modules())
    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linear]
    assert sizes == [(105, 20), (20, 10), (10, 4), (4, 10), (10, 20), (20, 105)]
    x = torch.rand(2, 3, 5, 7)
    weights = [(layer.weight, layer.bias) for layer in linear]
    code = x.flatten(1)
    for weight, bias in weights[:2]:
        code = F.linear(code, weight, bias).relu()
    code = F.linear(code, *weights[2])
    torch.testing.assert_close(network.encode(x), code)
    hidden = code
    for weight, bias in weights[3:5]:
        hidden = F.linear(hidden, weight, bias).relu()
    image = F.linear(hidden, *weights[5]).reshape(2, 3, 5, 7)
    torch.testing.assert_close(network.decode(code), image.clamp(0, 1))


def test_a_list_of_strides_gives_the_default_network_as_many_stages() -> None:
    a = make_architecture("residual", (1, 28, 28), stride=(3, 2, 1), kernel_size=(5, 3, 3))
    assert a.widths == (32, 64, 128)
    assert a.map_shape == (128, 5, 5)
    assert make_architecture("fine", (1, 28, 28), stride=(1, 2, 2, 2, 1, 1)).fine == 0
