"""The maps and scores of the default detector."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import convae
from convae.estimators.anomaly import defect_scorer as module
from convae.estimators.anomaly.defect_scorer import Recipe, Viewer
from convae.estimators.anomaly.fusion import POOLINGS
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from convae.networks.tiling import tiles


def viewer(*, flips: bool, size: tuple[int, int]) -> Viewer:
    """One with random weights."""
    torch.manual_seed(0)
    shape = (2, 64, 64)  # an image of one channel, and where a defect was
    network = Autoencoder(
        make_architecture("unet", shape, widths=(6, 6), blocks=1, inputs=1, base=0)
    ).eval()
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    return Viewer(network, Recipe.parse("found+repaired"), flips=flips, size=size)


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize(("height", "width"), [(64, 300), (131, 210), (97, 333)])
def test_tiles_show_what_the_whole_shows(
    height: int, width: int, flips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = viewer(flips=flips, size=(height, width))
    image = torch.rand(1, 1, height, width)
    with torch.inference_mode():
        whole = look.by_network(image)
        monkeypatch.setattr(module, "tiles", partial(tiles, tile=64))
        assert len(tiles(look.network, height, width, 64, around=module.AROUND)) > 1
        pieces = look.by_network(image)
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-4)


def test_flips_are_averaged() -> None:
    image = torch.rand(1, 1, 40, 56)
    look = viewer(flips=True, size=(40, 56))
    with torch.inference_mode():
        one = look.by_network(image)
        other = look.by_network(image.flip(3)).flip(3)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_all_four_views_are_averaged_by_hand() -> None:
    image = torch.rand(2, 1, 40, 56)
    plain, mirrored = (viewer(flips=flips, size=(40, 56)) for flips in (False, True))
    with torch.inference_mode():
        views: list[list[int]] = [[], [3], [2], [2, 3]]
        each = [plain.by_network(image.flip(axes)).flip(axes) for axes in views]
        found = mirrored.by_network(image)
    torch.testing.assert_close(found, torch.stack(each).mean(dim=0), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, each[0], atol=1e-3)


def test_what_is_shown_is_linear_in_the_pixels() -> None:
    """A squared map of a plain square difference d comes out as d; the logit stays as it is."""
    look = viewer(flips=False, size=(20, 24))
    found, change = torch.full((1, 1, 20, 24), -3.0), torch.full((1, 1, 20, 24), 0.25)
    shown = look.shown([found, change], (40, 48))
    assert shown.shape == (1, 2, 40, 48)
    torch.testing.assert_close(shown[:, 0], torch.full((1, 40, 48), -3.0))
    torch.testing.assert_close(shown[:, 1], torch.full((1, 40, 48), 0.5))
    values = look.values([found, change])[0]
    assert values[0].tolist() == pytest.approx([-3.0] * POOLINGS)
    assert values[1].tolist() == pytest.approx([math.log(0.25)] * POOLINGS)


def test_what_needs_no_network_is_seen_small() -> None:
    assert viewer(flips=False, size=(100, 200)).small == (100, 200)
    look = viewer(flips=False, size=(512, 1024))
    assert look.small == (128, 256)
    assert look.shrunk(torch.ones(1, 1, 512, 1024)).shape == (1, 1, 128, 256)


@pytest.fixture(scope="module")
def model() -> convae.AnomalyDetector:
    return convae.AnomalyDetector(epochs=4, random_state=0).fit(waves(60, 1))


def waves(count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 3, (count, 30, 40))
    return (110 + 10 * np.sin(np.arange(40) / 5) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("contrast", [40, 80, 140])
def test_the_region_of_a_defect_is_within_twice_its_sides(
    model: convae.AnomalyDetector, contrast: int
) -> None:
    image = waves(1, 2)
    image[0, 12:17, 25:30] = 110 + contrast
    assert model.predict(image).tolist() == [-1]
    left, top, width, height = model.regions(image)[0][0].box
    assert 20 <= left <= 27
    assert 7 <= top <= 14
    assert max(width, height) <= 10


def test_an_image_scores_the_same_alone_among_others_and_after_a_file(
    model: convae.AnomalyDetector, tmp_path: Path
) -> None:
    images = waves(4, 3)
    scores, maps = model.score_samples(images), model.anomaly_map(images)
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae")
    assert isinstance(again, convae.AnomalyDetector)
    assert np.array_equal(again.score_samples(images), scores)
    for i in range(4):
        assert again.score_samples(images[i : i + 1])[0] == scores[i]
        assert np.array_equal(np.asarray(again.anomaly_map(images[i : i + 1]))[0], maps[i])
