"""What a model shows of itself in Python: charts, pictures, measurements, a page, a card.

The methods of estimators of the same names lead here (``convae.estimators.views``): a picture or a page needs
what lies above the estimators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_codes
from convae.estimators.views import CodeViews
from convae.evaluation.anomaly import MOST, evaluate_detector
from convae.evaluation.reconstruction import nothing_measured, was_trained_on
from convae.evaluation.results.protocol import Evaluation
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.defect_labels import NORMAL, kind_of_label
from convae.images.sources.masks import SelectedMasks, open_masks
from convae.model_reports.code_map import MOST_CODES, PICTURED, principal_plane, shares
from convae.model_reports.example_images import thumbnails
from convae.model_reports.job import Job, Measurement, Request
from convae.model_reports.jobs import job_of
from convae.model_reports.network_facts import network_facts, network_layers, report_on
from convae.report.drawing import (
    Drawing,
    architecture_drawing,
    codes_drawing,
    loss_drawing,
    panel_drawing,
    refuse_existing,
)
from convae.report.page.card import Card, render_card
from convae.report.page.contents import CodeMap
from convae.report.page.heading import Occasion
from convae.report.page.html import write_report
from convae.report.plain_text import in_python
from convae.report.text import number

USERS = {"target": "denoisers", "labels": "anomaly detectors", "masks": "anomaly detectors"}


def history(model: ImageEstimator) -> Drawing:
    """Draw the losses of the training by epoch."""
    return loss_drawing(
        model.history_,
        best_epoch=model.best_epoch_,
        baseline=_baseline(model),
        loss_name=job_of(model).loss_name(model),
    )


def architecture(model: ImageEstimator) -> Drawing:
    """Draw the network."""
    return architecture_drawing(network_layers(model))


def reconstructions(model: ImageEstimator, X: Any, n: int, mask: Any) -> Drawing:
    """Draw up to ``n`` images, spread evenly over X, and what the model makes of them.

    Raises:
        InputError: ``n`` is not a whole number from 1, or no image can be used.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"n must be a whole number of images from 1; got {n!r}")
    source = model.open(X)
    if not len(source):
        raise nothing_measured(source, list(source.skipped))
    masks = None if mask is None else open_masks(mask, source)
    places = np.linspace(0, len(source) - 1, min(int(n), len(source))).round().astype(int)
    some = None if masks is None else SelectedMasks(masks, places)
    return panel_drawing(job_of(model).examples(model, source.select(places), some))


def codes(
    model: ImageEstimator, X: Any, labels: Sequence[Any] | np.ndarray | None, *, pictures: bool
) -> Drawing:
    """Draw a map of the codes of the n images of X; ``labels`` are (n,).

    Raises:
        InputError: labels are not as many as images, the codes differ in size, or there are too few of them.
    """
    source = model.open(X)
    names: Sequence[str] = source.label_names if labels is None else ()
    known = source.labels if labels is None else np.asarray(labels)
    if known is not None and known.shape != (len(source),):
        raise InputError(
            f"labels must be one for each of {len(source)} images; got shape {known.shape}"
        )
    chosen = np.sort(np.random.default_rng(0).permutation(len(source))[:MOST_CODES])
    skipped = list[Skipped]()
    found = list(iter_codes(model, source.select(chosen), lambda e: skipped.append(_skipped(e))))
    if len({code.shape for _, code in found}) > 1:
        raise InputError(
            "images of different sizes have codes of different sizes; bring them to one"
        )
    if not found:
        raise nothing_measured(source, skipped)
    values = np.stack([code.reshape(-1) for _, code in found]).astype(np.float64)
    points, variances = principal_plane(values)
    enough = len(found) > 2 and variances[:2].sum() > 0
    used = chosen[[i for i, _ in found]]
    shown = thumbnails(model, source, used[:PICTURED]) if pictures and enough else None
    return codes_drawing(
        CodeMap(
            points=points if enough else None,
            shares=shares(variances),
            labels=None if known is None else known[used],
            label_names=names,
            thumbnails=shown,
        )
    )


def evaluate(model: ImageEstimator, X: Any, **options: Any) -> Evaluation:
    """Measure a model on images; the options are those of :meth:`ModelViews.evaluate`."""
    return _measured(model, X, **options)[2]


def report(
    model: ImageEstimator,
    path: str | Path,
    X: Any = None,
    *,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write the page of a model; the options are those of :meth:`ModelViews.report`.

    Raises:
        InputError: the name does not end in .html, the file exists, or options are given without images.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: a report is one page of HTML; give a name that ends in .html")
    refuse_existing(path, overwrite=overwrite)
    kind, facts = job_of(model), model._stored.facts
    occasion = Occasion(
        title=Path(path).stem,
        subtitle=f"{kind.title} of {facts['images']}",
        after_fit=True,
        seed=model.settings_.seed,
    )
    if X is None:
        if any(value is not None and value is not False for value in options.values()):
            raise InputError(f"{', '.join(options)} are for images: give X as well")
        page = replace(
            report_on(model, None, occasion),
            summary=_sentences(model, kind),
            baseline=_baseline(model),
            loss_name=kind.loss_name(model),
        )
    else:
        way, source, evaluation = _measured(model, X, **options)
        what = f"{evaluation.images:,} image{'s' * (evaluation.images != 1)}"
        occasion = replace(occasion, measured_on=f"{what} of {source.description}")
        page = way.page(model, evaluation, source, occasion)
        page = replace(page, summary=[in_python(text) for text in page.summary])
    return write_report(path, page)


def card(model: ImageEstimator, changed: Mapping[str, Any]) -> str:
    """Return a fitted model as HTML: what it was fitted on, how good it is, its network.

    Args:
        model: the fitted model.
        changed: the parameters that differ from their defaults.
    """
    facts = model._stored.facts
    skipped = [f"{one.name}: {one.reason}" for one in model.skipped_]
    lists = {
        "Parameters": [f"{name} = {value!r}" for name, value in changed.items()],
        "Notes": model.notes_,
        f"{len(skipped):,} image{'s' * (len(skipped) != 1)} could not be used": skipped[:100],
    }
    shown = Card(
        title=type(model).__name__,
        subtitle=f"fitted on {facts['images']}",
        sentences=_sentences(model, job_of(model)),
        facts=_card_facts(model),
        lists={name: lines for name, lines in lists.items() if lines},
    )
    return render_card(shown)


def _card_facts(model: ImageEstimator) -> dict[str, object]:
    """Return the facts that people need first: the images, the network, the training."""
    facts, (channels, height, width) = model._stored.facts, model.image_shape_
    parameters = sum(p.numel() for p in model.network_.parameters())
    found = {
        "training images": facts["training_images"],
        "held out": facts["validation_images"],
        "to set the threshold": facts.get("calibration_images"),
        "image": f"{height} × {width}, {channels} channel{'s' * (channels != 1)}, {model.plan_.depth}",
        "code": network_facts(model)["code"] if isinstance(model, CodeViews) else None,
        "network": f"{model.preset}, {parameters:,} parameters",
        "loss": job_of(model).loss_name(model),
        "epochs": f"{model.n_iter_}, weights from epoch {model.best_epoch_}",
    }
    return {name: value for name, value in found.items() if value is not None}


def _sentences(model: ImageEstimator, kind: Job) -> list[str]:
    """Return how good the model is, as far as is known from its fit, and the notes of its kind."""
    facts = model._stored.facts
    own, pca = facts.get("validation_mse"), facts.get("validation_baseline_mse")
    found = []
    if own is not None and pca is not None:
        where = "images held out" if facts["validation_images"] else "its training images"
        found.append(
            f"Mean squared error on {where}: {number(float(own))}; PCA with a code of the same size: "
            f"{number(float(pca))}."
        )
    return found + [in_python(text) for text in kind.notes(model)]


def _baseline(model: ImageEstimator) -> tuple[str, float] | None:
    """Return name and error of PCA, where the loss is on the same scale."""
    error = model._stored.facts.get("validation_baseline_mse")
    same = str(model.settings_.loss) == "mse" and model._config().bottleneck.kind == "plain"
    return ("PCA", float(error)) if same and error is not None else None


def _measured(
    model: ImageEstimator,
    X: Any,
    *,
    target: Any = None,
    labels: Sequence[Any] | np.ndarray | None = None,
    masks: Any = None,
    include_seen: bool = False,
) -> tuple[Measurement, ImageSource, Evaluation]:
    """Measure a model; return the way that was taken, the images, and the results.

    Raises:
        InputError: an option is for models of another kind, or no image can be measured.
    """
    kind, source = job_of(model), model.open(X)
    given = {"target": target, "labels": labels, "masks": masks}
    for name, value in given.items():
        if value is not None and name not in kind.takes:
            raise InputError(
                f"{name} is for {USERS[name]}, and this model was fitted to {model.job}: leave it out"
            )
    if "labels" in kind.takes and labels is None:
        if masks is not None:
            raise InputError("masks show the defects of labelled images: give labels as well")
        places = _unseen(model, source)
        model_alone: Any = model
        found: Evaluation = evaluate_detector(
            model_alone.of_fold(), source, places, seed=model.settings_.seed
        )
        return kind.after_fit, source, found
    request = Request(
        source=source,
        target=None if target is None else model.open(target),
        kinds=() if labels is None else [_kind(label) for label in labels],
        masks=None if masks is None else model.open(masks),
        include_seen=include_seen,
    )
    return kind.on_images, source, kind.on_images.measure(model, request)


def _unseen(model: ImageEstimator, source: ImageSource) -> np.ndarray:
    """Return the positions of the first images that a detector was not trained on.

    Raises:
        InputError: there are none.
    """
    places, skipped = list[int](), list[Skipped]()
    for item in model.prepared(source):
        if isinstance(item, ImageError):
            skipped.append(_skipped(item))
        elif not was_trained_on(model, item[1], item[2]):
            places.append(item[0])
        if len(places) == MOST:
            break
    if not places:
        if len(skipped) == len(source):
            raise nothing_measured(source, skipped)
        raise InputError(
            f"{source.description}: the model was trained on all of its images: give others, or labels"
        )
    return np.array(places)


def _kind(label: Any) -> str | None:
    """Return the kind of defect by a label: None stays None, False and 0 are normal, True is a defect."""
    if label is None:
        return None
    if isinstance(label, bool | np.bool_):
        return "defect" if label else NORMAL
    return kind_of_label(str(label))


def _skipped(error: ImageError) -> Skipped:
    return Skipped(error.name, error.reason)
