"""The named architectures, one suite for all: sizes, learning, and what each promises."""

import pytest
import torch

from convae.errors import InputError
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import PRESETS, make_architecture

SMALL = [(1, 28, 28), (3, 79, 79), (1, 97, 131), (1, 1, 64), (1, 64, 1), (1, 1, 1), (13, 16, 20)]
LARGE = [(1, 256, 512), (3, 480, 480)]


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
@pytest.mark.parametrize("code", ["dense", "spatial"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_every_size(preset: str, code: str, shape: tuple[int, int, int]) -> None:
    check_shapes(make_architecture(preset, shape, code=code))


@pytest.mark.slow
@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("preset", ["pooled", "residual"])
def test_large_images(preset: str, shape: tuple[int, int, int]) -> None:
    check_shapes(make_architecture(preset, shape))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_spatial_code_takes_other_sizes_later(preset: str) -> None:
    network = Autoencoder(make_architecture(preset, (1, 32, 32), code="spatial")).eval()
    fy, fx = network.architecture.factor
    with torch.no_grad():
        output = network(torch.rand(1, 1, 37, 50))
    assert output.reconstruction.shape == (1, 1, 37, 50)
    assert output.code.shape[2:] == (-(-37 // fy), -(-50 // fx))


@pytest.mark.parametrize("code", ["dense", "spatial"])
@pytest.mark.parametrize("preset", PRESETS)
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
    ],
)
def test_what_cannot_work_is_said(
    preset: str, shape: tuple[int, int, int], changes: dict[str, object], text: str
) -> None:
    with pytest.raises(InputError) as caught:
        make_architecture(preset, shape, **changes)
    assert text in str(caught.value)
