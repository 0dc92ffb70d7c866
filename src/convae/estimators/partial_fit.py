"""``partial_fit``: one more pass with the training step of ``fit``."""

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch

from convae.config.bottlenecks import parse_bottleneck
from convae.errors import InputError
from convae.estimators.fit import Run, fit_model
from convae.estimators.fit_config import Parameters, preparation
from convae.images.dataset.image_set import ImageSet, prepare, refuse_far_images
from convae.images.sources.base import ImageSource
from convae.losses import parse_loss
from convae.networks.autoencoder import Autoencoder
from convae.training.devices import deterministic
from convae.training.loop import training_step
from convae.training.observers import Observers
from convae.training.splits_and_batches import epoch_batches
from convae.training.state import TrainingState
from convae.training.tasks.code_cost import constrained
from convae.training.tasks.task import Reconstruction, step_rng

if TYPE_CHECKING:
    from convae.estimators.base import ImageEstimator

Estimator = TypeVar("Estimator", bound="ImageEstimator")


def continue_fit(estimator: Estimator, X: Any) -> Estimator:
    """Train for one pass over X; if nothing is fitted yet, first set up the model like ``fit``."""
    fresh = not hasattr(estimator, "network_")
    parameters, _ = estimator._composed()
    source = estimator.open(X, reset=fresh)
    if fresh:
        run = Run(observers=Observers([]))
        start = {**parameters, "epochs": 0}
        kind, finish = type(estimator).__name__, estimator._finished
        estimator._adopt(fit_model(kind, source, start, run, finish=finish))
    images = _prepared(estimator, source, parameters)
    state = getattr(estimator, "_training_state", None)
    if state is None or state.averaged is not estimator.network_:
        estimator.network_.requires_grad_(True)
        state = TrainingState(estimator.network_, estimator.settings_)
    judged, a = parse_loss(estimator.settings_.loss), estimator.architecture_
    bottleneck = parse_bottleneck(parameters["bottleneck"])
    shown = estimator._shown(Reconstruction(judged), parameters)
    task = constrained(shown, bottleneck, a, judged)
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


def _prepared(estimator: "ImageEstimator", source: ImageSource, parameters: Parameters) -> ImageSet:
    """Prepare the images as those of the first fit.

    Raises:
        InputError: their size does not fit the model.
    """
    plan, a = estimator.plan_, estimator.architecture_

    def settled(shape: tuple[int, int, int]) -> None:
        if a.code == "dense" and shape != a.image_shape:
            raise InputError(
                f"{source.description}: images of {shape[1]}x{shape[2]} for a model of "
                f"{a.image_shape[1]}x{a.image_shape[2]}: fit with size=(height, width), or "
                "with code 'spatial'"
            )

    frame = {"size": plan.framing.size, "framing": plan.framing.mode}
    wanted = preparation({**parameters, **frame})
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
