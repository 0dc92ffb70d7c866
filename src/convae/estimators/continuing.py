"""``partial_fit``: one more pass with the step that ``fit`` uses."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from convae.estimators.fitting import Run, fit_model
from convae.images.image_set import prepare
from convae.images.preparing import Preparation
from convae.training.devices import deterministic
from convae.training.loop import Trainer
from convae.training.observers import Observers
from convae.training.order import epoch_batches

if TYPE_CHECKING:
    from convae.estimators.base import ImageEstimator

Estimator = TypeVar("Estimator", bound="ImageEstimator")


def continue_fit(estimator: Estimator, X: Any) -> Estimator:
    """Start like ``fit`` without any step if nothing is fitted yet; then one pass over X."""
    fresh = not hasattr(estimator, "network_")
    source = estimator.open(X, reset=fresh)
    if fresh:
        start = {**estimator.get_params(deep=False), "random_state": estimator._seed(), "epochs": 0}
        run = Run(observers=Observers([]))
        estimator._adopt(fit_model(type(estimator).__name__, source, start, run))
    plan = estimator.plan_
    wanted = Preparation(
        size=plan.framing.size, framing=plan.framing.mode, channels=estimator.channels
    )
    images = prepare(source, wanted)
    trainer = getattr(estimator, "_trainer", None)
    if fresh or trainer is None or trainer.averaged is not estimator.network_:
        estimator.network_.requires_grad_(True)
        trainer = Trainer(estimator.network_, estimator.settings_)
    settings, epoch = estimator.settings_, estimator.n_iter_
    order = epoch_batches(np.arange(len(images)), settings.batch_size, settings.seed, epoch)
    losses: list[float] = []
    with deterministic(), torch.enable_grad():
        for batch in images.batches(order, (settings.seed, epoch)):
            loss = trainer.step(estimator._unit(batch), settings.learning_rate)
            if loss is not None:
                losses.append(float(loss.mean()))
    estimator._trainer = trainer
    estimator.network_ = trainer.averaged.eval()
    estimator.n_iter_ += 1
    estimator.history_.append(_row(estimator.n_iter_, losses, settings.learning_rate))
    return estimator


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
