"""``partial_fit``: one more pass with the training step of ``fit``."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch

from convae.config.augmentation import parse_augmentation, refuse_not_square
from convae.config.compatibility import check
from convae.errors import InputError
from convae.estimators.fit import Learning, Run, decided, fit_baseline, start_network, train_model
from convae.estimators.fit_config import FitConfig, chosen, prepared
from convae.images.dataset.image_set import ImageSet, prepare, refuse_far_images
from convae.images.sources.base import ImageSource
from convae.networks.autoencoder import Autoencoder
from convae.storage.model_file import StoredModel
from convae.training.devices import deterministic
from convae.training.loop import training_step
from convae.training.observers import Observers
from convae.training.splits_and_batches import epoch_batches
from convae.training.state import TrainingState
from convae.training.tasks.augmented import augmented
from convae.training.tasks.code_cost import constrained
from convae.training.tasks.task import Reconstruction, Task, step_rng

if TYPE_CHECKING:
    from convae.estimators.base import ImageEstimator

TaskOf = Callable[[Task, FitConfig[Any]], Task]
Estimator = TypeVar("Estimator", bound="ImageEstimator")


def continue_fit(estimator: Estimator, X: Any, task_of: TaskOf) -> Estimator:
    """Train for one pass over X; if nothing is fitted yet, first set up the model like ``fit``.

    Args:
        task_of: returns the estimator's task for that of reconstruction.
    """
    fresh = not hasattr(estimator, "network_")
    config = estimator._config()
    run = Run(observers=Observers([], warns=True))
    choice = chosen(estimator.member, estimator._tasks(config, run), config)
    check(**choice)
    source = estimator.open(X, reset=fresh)
    if fresh:
        estimator._adopt(_untrained(estimator, source, config, run))
    images = _prepared(estimator, source, config)
    state = getattr(estimator, "_training_state", None)
    if state is None or state.averaged is not estimator.network_:
        estimator.network_.requires_grad_(True)
        state = TrainingState(estimator.network_, estimator.settings_)
    base = task_of(Reconstruction(config.loss), config)
    task = constrained(base, config.bottleneck, estimator.architecture_, config.loss)
    task = augmented(task, config.training.augment)
    settings, epoch = estimator.settings_, estimator.n_iter_
    order = epoch_batches(np.arange(len(images)), settings.batch_size, settings.seed, epoch)
    losses: list[float] = []
    with deterministic(), torch.enable_grad():
        for step, batch in enumerate(images.batches(order, (settings.seed, epoch))):
            rng = step_rng(settings.seed, epoch, step, order[step])
            rate, clean = settings.learning_rate, estimator._unit(batch)
            loss, finite = training_step(state, task, clean, rate, rng, guarded=True)
            if finite:
                losses += loss.tolist()
    estimator._training_state = state
    estimator._continued(
        cast(Autoencoder, state.averaged).eval().requires_grad_(True),
        _row(epoch + 1, losses, settings.learning_rate),
        images,
    )
    return estimator


def _untrained(
    estimator: "ImageEstimator", source: ImageSource, config: FitConfig[Any], run: Run
) -> StoredModel:
    """Return the model that a fit would start from."""
    without = replace(config.training, budget=None)  # one pass takes its time
    config = replace(config.changed(epochs=0), training=without, budget=None)
    ready = estimator._ready(source, config, run)
    config = decided(config, ready)
    pca = fit_baseline(ready) if ready.architecture.bypass != "none" else None
    network = start_network(ready, pca)
    kind, learning = type(estimator).__name__, Learning(Reconstruction(config.loss))
    stored = train_model(kind, config, ready, network, learning, run, pca)
    return estimator._finished(ready, config, stored)


def _prepared(estimator: "ImageEstimator", source: ImageSource, config: FitConfig[Any]) -> ImageSet:
    """Prepare the images as those of the first fit.

    Raises:
        InputError: their size does not fit the model.
    """
    plan, a = estimator.plan_, estimator.architecture_

    def settled(shape: tuple[int, int, int]) -> None:
        refuse_not_square(parse_augmentation(config.training.augment), *shape[1:])
        if not a.takes_any_size and shape != a.image_shape:
            other = "" if a.custom_code else ", or with code 'spatial'"
            raise InputError(
                f"{source.description}: images of {shape[1]}x{shape[2]} for a model of "
                f"{a.image_shape[1]}x{a.image_shape[2]}: fit with size=(height, width){other}"
            )

    framing = plan.framing
    wanted = replace(prepared(config), size=framing.size, framing=framing.mode)
    images = prepare(source, wanted, like=plan, settled=settled)
    refuse_far_images(images, estimator.scaling_)
    return images


def _row(epoch: int, losses: list[float], rate: float) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "train_loss": float(np.mean(losses)) if losses else None,
        "validation_loss": None,
        "validation_mse": None,
        "learning_rate": rate,
        "seconds": 0.0,
        "images_per_second": 0.0,
    }
