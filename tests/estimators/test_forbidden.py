"""Every pair that does not go together is refused with the table's sentence, before an image is read."""

from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.combinations import MEMBERS, Refused, every_refused
from tests.estimators.conftest import blobs

from convae import ConvAutoencoder, Denoiser, SparseAutoencoder, VariationalAutoencoder
from convae.config.compatibility import RULES
from convae.errors import InputError
from convae.estimators.autoencoders.likelihood_bounds import log_density
from convae.images.sources.open_source import open_source
from convae.networks.architecture import Architecture
from convae.training.observers import Row, StepProgress

IMAGES = blobs(24, 12, 12)
SMALL: dict[str, Any] = {"widths": (4,), "latent_dim": 4, "epochs": 1, "batch_size": 8}


@pytest.mark.parametrize("refused", every_refused(), ids=str)
def test_python_refuses_it_before_an_image_is_read(refused: Refused) -> None:
    source = open_source(IMAGES)
    source.read = None  # type: ignore[assignment, method-assign]  # calling it is an error of another kind
    model = MEMBERS[refused.member].from_options(refused.parameters)
    run = {"target": IMAGES} if refused.parameters.get("learn") == "pairs" else {}
    with pytest.raises(InputError) as caught:
        model.fit(source, **run)
    assert refused.sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_asked_of_an_estimator_is_asked_of_what_it_is_about() -> None:
    left = {
        (rule.first[0], rule.second[0]) for rule in RULES for pair in rule.pairs()
        if rule.forbidden and pair not in {one.pair for one in every_refused()}
    }  # fmt: skip
    of_networks = {("path", "code"), ("hierarchy", "path"), ("decoder", "path")}
    of_modules = {("network", "bottleneck"), ("network", "task")}  # asked with the modules given
    assert left == {*of_networks, *of_modules, ("use", "loss"), ("use", "bottleneck")}
    ladder: dict[str, Any] = {"bypass": "none", "bottleneck": "gaussian", "levels": 2}
    with pytest.raises(InputError, match="skips lead the image around it"):
        Architecture(image_shape=(1, 8, 8), skips=True, code="spatial", **ladder)
    with pytest.raises(InputError, match="with pattern the code alone draws the image"):
        Architecture(image_shape=(1, 8, 8), skips=True, code="spatial", bypass="none", pattern=5)
    with pytest.raises(InputError, match="skips are for spatial codes"):
        Architecture(image_shape=(1, 8, 8), skips=True, code="dense", bypass="none")
    x = torch.rand(2, 1, 4, 4)
    for loss in ("charbonnier", "ssim", "ms_ssim", "0.8*mse+0.2*l1"):
        with pytest.raises(
            InputError, match=r"a model trained on .* says nothing about likelihood"
        ):
            log_density(loss, x, x, 1.0)
    model = VariationalAutoencoder.from_options({"loss": "ssim", **SMALL}).fit(IMAGES)
    with pytest.raises(InputError, match="a model trained on 'ssim' says nothing about likelihood"):
        model.log_likelihood(IMAGES[:2])
    rates = SparseAutoencoder.from_options({**SMALL, "bottleneck": "kl", "epochs": 0}).fit(IMAGES)
    with pytest.raises(InputError, match="the units of a bottleneck 'kl' do not compete"):
        rates.activity(IMAGES)


def test_how_to_learn_may_come_out_of_the_images() -> None:
    noisy = (IMAGES // 2 + np.random.default_rng(0).integers(0, 99, IMAGES.shape)).astype(np.uint8)
    with pytest.raises(
        InputError, match="learning from noisy images alone by hidden pixels needs a loss"
    ):
        Denoiser.from_options({"loss": "ssim", **SMALL}).fit(noisy)
    assert Denoiser.from_options({"loss": "ssim", **SMALL}).fit(IMAGES).learn_ == "clean"


class Hears:
    """What is said while training."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)

    def step(self, moment: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        pass


def test_what_goes_with_a_word_is_told_that_word() -> None:
    hears = Hears()
    Denoiser.from_options({"bottleneck": "top-k", **SMALL}).fit(IMAGES, observers=[hears])
    assert any("skips lead the image around the code" in word for word in hears.said)
    hears = Hears()
    Denoiser.from_options({"bottleneck": "top-k", "preset": "pooled", **SMALL}).fit(
        IMAGES, observers=[hears]
    )
    VariationalAutoencoder.from_options(SMALL).fit(IMAGES, observers=[hears])
    assert not any("skips lead" in word or "likelihood" in word for word in hears.said)
    VariationalAutoencoder.from_options({"loss": "ssim", **SMALL}).fit(IMAGES, observers=[hears])
    assert any("no likelihood belongs to loss 'ssim'" in word for word in hears.said)


def test_a_further_pass_is_checked_and_corrupted_as_the_first() -> None:
    with pytest.raises(InputError, match="bypass 'pca' leads around a bottleneck"):
        ConvAutoencoder.from_options({"bypass": "pca", "bottleneck": "l1", **SMALL}).partial_fit(
            IMAGES
        )
    given: dict[str, Any] = {**SMALL, "bypass": "none", "blocks": 1}
    plain = ConvAutoencoder.from_options(given).partial_fit(IMAGES)
    noisy = ConvAutoencoder.from_options({"noise": "gaussian:0.3", **given}).partial_fit(IMAGES)
    assert not np.array_equal(plain.transform(IMAGES), noisy.transform(IMAGES))
