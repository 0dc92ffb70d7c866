"""Every training starts from what is known without a network: no first loss above that of a plain image."""

import itertools

import numpy as np
import pytest
from tests.estimators.restoration.test_denoiser import Heard

import convae
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import NOT_BETTER
from convae.images.dataset.scaling import Scaling
from convae.training.observers import Quiet, Row

# Each job with the parts that decide what its first image is.
AUTOENCODERS = [
    convae.ConvAutoencoder(preset=preset, loss=loss, architecture={"code": code})
    for preset in ("tutorial", "pooled", "residual")
    for code in (None, "spatial")
    for loss in ("mse", "bce", "mse+0.1*ssim")
] + [
    convae.ConvAutoencoder(
        preset="residual", architecture={"blocks": 2, "down": down, "up": up, "bypass": "none"}
    )
    for down in ("stride", "max", "average", "unshuffle")
    for up in ("transposed", "nearest", "bilinear", "subpixel")
]
OTHERS = [
    convae.VariationalAutoencoder(),
    convae.VariationalAutoencoder(preset="residual", architecture={"bypass": "none"}),
    convae.SparseAutoencoder(),
    convae.Denoiser(),
    convae.Denoiser(preset="fine"),
    convae.Inpainter(),
    convae.Inpainter(preset="unet"),
    convae.AnomalyDetector(),
    convae.AnomalyDetector(flips=True),
    convae.AnomalyDetector(method="attributes"),
    convae.AnomalyDetector(method="likelihood"),
    convae.AnomalyDetector(architecture={"blocks": 1, "widths": (8, 16, 24)}),
]
NOISE = (
    50 / 255
) ** 2  # the variance of the strongest noise that a denoiser is trained with by default
SHAPES = [(9, 13, 1), (28, 28, 1), (40, 64, 3), (33, 21, 4)]
RANGES = {"uint8": (0, 255), "uint16": (300, 4000), "float32": (0.0, 1.0)}


def images(shape: tuple[int, ...], dtype: str, bright: float) -> np.ndarray:
    """Waves around a brightness, as a part of the dtype's range here."""
    rng = np.random.default_rng(0)
    low, high = RANGES[dtype]
    phase = rng.uniform(0, 6, (40, 1, 1, shape[2]))
    rows = np.arange(shape[0])[None, :, None, None]
    waves = bright + 0.1 * np.sin(rows / 3 + phase) + rng.normal(0, 0.02, (40, *shape))
    scaled = low + (high - low) * waves.clip(0, 1)
    return scaled.round().astype(dtype) if dtype != "float32" else scaled.astype(dtype)


class ReachedError(Exception):
    """The first row of a history is there."""


class First(Quiet):
    """Ends a fit at the first row of its history, and keeps the row."""

    def epoch(self, row: Row) -> None:
        """Keep the row."""
        self.row = row
        raise ReachedError


def start(model: ImageEstimator, x: np.ndarray) -> tuple[float, Scaling]:
    """The first validation error, and the scaling of the images."""
    if not isinstance(model, convae.AnomalyDetector):
        fitted = model.fit(x)
        return fitted.history_[0]["validation_mse"], fitted.scaling_
    reached = First()
    with pytest.raises(ReachedError):  # its score takes far longer to fit than a network to start
        model.fit(x, observers=[reached])
    # The ends of this scaling differ a little: other images are held out.
    smallest = convae.ConvAutoencoder(preset="tutorial", epochs=0, architecture={"widths": (4,)})
    return reached.row["validation_mse"], smallest.fit(x).scaling_


@pytest.mark.parametrize("model", AUTOENCODERS + OTHERS, ids=str)
@pytest.mark.parametrize("bright", [0.2, 0.8])
def test_no_job_starts_above_the_mean_of_the_images(model: ImageEstimator, bright: float) -> None:
    for shape, dtype in zip(SHAPES, (*RANGES, "uint8"), strict=True):
        x = images(shape, dtype, bright)
        first, fitted = start(model.set_params(epochs=0, random_state=0), x)
        scaled = fitted.apply(np.moveaxis(x, 3, 1))
        plain = float(np.square(scaled - scaled.mean(axis=(0, 2, 3), keepdims=True)).mean())
        # A denoiser starts from its noisy input; the few images held out differ a little from all.
        noise = NOISE if isinstance(model, convae.Denoiser) else 0.0
        assert first <= 1.25 * max(plain, noise) + 1e-3, (shape, dtype, first, plain)


def test_a_run_that_ends_no_better_than_it_started_says_so() -> None:
    x = images((16, 16, 1), "uint8", 0.5)
    worse, better = Heard(), Heard()
    # So large a step saturates a sigmoid, which then has no gradient.
    far = convae.ConvAutoencoder(
        preset="pooled", epochs=1, training={"learning_rate": 0.3, "optimizer": "adam"}
    )
    far.set_params(training__clip=0.0, training__ema=0.0, random_state=0).fit(x, observers=[worse])
    assert far.history_[-1]["validation_loss"] >= far.history_[0]["validation_loss"]
    assert NOT_BETTER in worse.told
    near = convae.ConvAutoencoder(preset="tutorial", epochs=3, random_state=0)
    near.fit(x, observers=[better])
    assert NOT_BETTER not in better.told


@pytest.mark.parametrize("method", ["defects", "attributes", "likelihood"])
def test_the_loss_of_a_detector_does_not_jump(method: str) -> None:
    x = images((24, 24, 1), "uint8", 0.5)
    model = convae.AnomalyDetector(method=method, epochs=6, random_state=0).fit(x)
    losses = [row["train_loss"] for row in model.history_[1:]]
    for before, after in itertools.pairwise(losses):
        assert after <= before + 0.5 * abs(before) + 0.05, losses
