"""The parts of a job: how models of one kind are evaluated, and the page of the results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convae.estimators.base import ImageEstimator
from convae.evaluation.results.protocol import Evaluation
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks
from convae.report.page.contents import Panel, Report
from convae.report.page.heading import Occasion


@dataclass(frozen=True, kw_only=True)
class Request:
    """The images on which a model is evaluated.

    Attributes:
        source: the images.
        target: the clean images of a denoiser, matched by name; None for none.
        kinds: (n,) for a detector: the kind of defect of each image; empty for a normal one, None for none.
        masks: the masks of these defects; None for none.
        after_fit: whether these are the images of the fit, of which those held out are measured, if any.
        include_seen: whether to measure images that the model was trained on as well.
        progress: called with (images done, images in all).
    """

    source: ImageSource
    target: ImageSource | None = None
    kinds: Sequence[str | None] = ()
    masks: ImageSource | None = None
    after_fit: bool = False
    include_seen: bool = False
    progress: Callable[[int, int], None] | None = None

    def positions(self, model: ImageEstimator) -> np.ndarray | None:
        """Return the positions (n,) of the images to measure; None for all.

        After a fit these are the images that it held out; None if it held none out.
        """
        if not self.after_fit or model.held_out_ is None or not len(model.held_out_):
            return None
        return model.held_out_


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One way to evaluate models of a kind.

    Attributes:
        measure: evaluates a model on the images of a request.
        page: builds the report of the results.
        write_files: writes other files of the results into the folder of the report; None for none.
    """

    measure: Callable[[Any, Request], Evaluation]
    page: Callable[[Any, Any, ImageSource, Occasion], Report]
    write_files: Callable[[Path, Any], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """How models of one kind are evaluated.

    Attributes:
        title: what a model is called in the heading of a report: ``A denoiser``.
        after_fit: the evaluation after a fit.
        on_images: the evaluation on other images.
        notes: further sentences about a model after its fit, such as advice.
        values: the results after a fit as plain values, from the model and the evaluation.
        examples: pictures of images and of what a model makes of them; given the model, a source, and the
            masks of an inpainter (None for none).
        loss_name: what the losses of the history are.
        takes: which optional parts of a :class:`Request` its evaluation on images uses.
    """

    title: str
    after_fit: Measurement
    on_images: Measurement
    notes: Callable[[Any], list[str]]
    values: Callable[[Any, Any], dict[str, Any]]
    examples: Callable[[Any, ImageSource, Masks | None], Panel]
    loss_name: Callable[[Any], str] = lambda model: str(model.settings_.loss)
    takes: frozenset[str] = frozenset()


def values_after_fit(evaluation: Evaluation) -> dict[str, Any]:
    """Return the results after a fit as plain values."""
    return {
        "measured_on_training_images": bool(evaluation.seen),
        "evaluation": evaluation.values(),
    }


def advice(model: ImageEstimator) -> list[str]:
    """Return what to do after a fit without improvement."""
    if model.best_epoch_ or not model.n_iter_:
        return []
    return [
        "No epoch did better on the held-out images than the start, whose weights were kept: train longer "
        "(--epochs), or with more images, or with a smaller code (--latent-dim)."
    ]
