"""The maps and scores of the default detector: tiles give what the whole image gives."""

from functools import partial

import pytest
import torch

from convae.estimators import defect_scorer as module
from convae.estimators.defect_scorer import DefectScorer, Recipe, Usual, look_at
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from convae.similarity_maps import Standards
from convae.tiles import tiles


def scorer(size: tuple[int, int], *, flips: bool, factor: int) -> DefectScorer:
    """A scorer with random weights, whose standards are of images of a size."""
    torch.manual_seed(0)
    widths = (6,) * factor.bit_length()
    shape = (2, 64, 64)  # an image of one channel, and where a defect was
    network = Autoencoder(
        make_architecture("unet", shape, widths=widths, blocks=1, inputs=1, base=0)
    ).eval()
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    with torch.inference_mode():
        look = look_at(network, torch.rand(1, 1, *size), flips=flips)
    spread = torch.ones(look.codes.shape[1])
    usual = Usual(
        standards=Standards.of([look.maps[0], 2 * look.maps[0]]),
        spread=spread,
        codes=torch.rand(3, len(spread)),
        distance=torch.tensor([0.5, 2.0]),
    )
    recipe = Recipe.parse("gradient+structure+found+code", 0.01)
    facts = {"auroc": 1.0, "auroc_by_kind": {}}
    return DefectScorer(network, usual, recipe, flips=flips, facts=facts)


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize(("height", "width"), [(64, 300), (131, 210), (97, 333)])
def test_tiles_judge_like_the_whole(
    height: int, width: int, flips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = scorer((64, 64), flips=flips, factor=2)
    image = torch.rand(1, 1, height, width)
    with torch.inference_mode():
        whole = judge(image)
        monkeypatch.setattr(module, "tiles", partial(tiles, tile=64))
        assert len(tiles(judge.network, height, width, 64, around=module.AROUND)) > 1
        pieces = judge(image)
    torch.testing.assert_close(pieces.map, whole.map, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(pieces.score, whole.score, atol=1e-3, rtol=1e-3)
    assert torch.equal(pieces.nearest, whole.nearest)


def test_standards_of_every_pixel_are_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = scorer((64, 300), flips=False, factor=2)
    image = torch.rand(1, 1, 64, 300)
    with torch.inference_mode():
        whole = judge(image)
        monkeypatch.setattr(module, "tiles", partial(tiles, tile=64))
        assert torch.equal(judge(image).map, whole.map)
