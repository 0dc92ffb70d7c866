"""Fits of the same number of steps, what they cost, and their errors on test images."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit import Run, make_job, make_ready
from convae.estimators.pca_baseline import PCABaseline
from convae.images.sources.base import ImageSource
from convae.metrics import image_quality
from convae.networks.autoencoder import Autoencoder
from convae.training.devices import on_device, seeded
from convae.training.flop_count import epoch_cost
from convae.training.observers import Observer, Observers

STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a network is trained on some images.

    Attributes:
        epochs: passes over the training images: as many as make about the wanted number of steps.
        steps: the number of steps that they make.
        multiplications: of a fit, its validations included.
        parameters: trainable parameters of the network.
    """

    epochs: int
    steps: int
    multiplications: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One fit.

    Attributes:
        error: mean squared error of the test images, per value, in the network's units.
        baseline: that of PCA with the same latent dimension and the same training images.
        of_mean: that of the mean training image.
        seconds: of processor time of the fit, reading and PCA included.
    """

    error: float
    baseline: float
    of_mean: float
    seconds: float


def plan(
    model: ConvAutoencoder, images: ImageSource, groups: np.ndarray | None, steps: int
) -> Plan:
    """Return how many epochs make about ``steps`` steps of a model on images; nothing is trained.

    Args:
        model: with the parameters to train with.
        images: to train on.
        groups: (n,) the group of each image; None for none.
        steps: the wanted number.

    Raises:
        InputError: the parameters do not fit the images.
    """
    config = model._config()
    run = Run(groups=groups, observers=Observers([]))
    ready = make_ready(clone(model).open(images, reset=True), config.changed(epochs=1), run)
    with seeded(ready.seed):
        network = on_device(Autoencoder(ready.architecture), ready.unit.device)
    job = make_job(config.changed(epochs=1), ready)
    of_epoch = math.ceil(len(ready.training) / job.settings.batch_size)
    epochs = max(1, round(steps / of_epoch))
    return Plan(
        epochs=epochs,
        steps=epochs * of_epoch,
        multiplications=epochs * epoch_cost(network, job),
        parameters=sum(weight.numel() for weight in network.parameters()),
    )


def measured(
    model: ConvAutoencoder,
    images: ImageSource,
    test: ImageSource,
    *,
    groups: np.ndarray | None,
    epochs: int,
    seed: int,
    watch: Observer,
) -> Measured:
    """Fit a copy of a model, and measure it and PCA on test images.

    Args:
        model: with the parameters to train with.
        images, groups: to train on, and the group of each, (n,).
        test: to measure on.
        epochs, seed: of the fit.
        watch: receives messages, steps and epochs.
    """
    fresh = clone(model).set_params(epochs=epochs, random_state=seed)
    began = time.process_time()
    fresh.fit(images, groups=groups, observers=[watch])
    seconds = time.process_time() - began
    linear = fresh.baseline_
    return Measured(
        error=test_error(fresh, test, lambda batch: fresh.network_(batch).reconstruction),
        baseline=test_error(fresh, test, linear.reconstruct),
        of_mean=test_error(fresh, test, lambda batch: _mean_image(linear, batch)),
        seconds=seconds,
    )


def _mean_image(linear: PCABaseline, batch: Tensor) -> Tensor:
    """Return the mean of the training images, (B, C, H, W) for a batch of images."""
    size = (batch.shape[-2], batch.shape[-1])
    return linear.linear.decode(torch.zeros_like(linear.encode(batch)), size)


def test_error(
    model: ConvAutoencoder, test: ImageSource, function: Callable[[Tensor], Tensor]
) -> float:
    """Return the mean squared error of test images, per value, in the network's units.

    Args:
        model: fitted; prepares the images.
        test: the images.
        function: from images (B, C, H, W) to their reconstructions.
    """
    errors = [
        image_quality.mse(restored, clean).cpu().numpy()
        for clean, restored in model.inference_.batches(model._pixels(test), function)
    ]
    return float(np.concatenate(errors).mean())
