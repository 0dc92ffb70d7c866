"""A network and its training as names and values, and the parts common to all reports of models."""

import math
from typing import Any

from convae.estimators.base import ImageEstimator
from convae.evaluation.results.protocol import Evaluation
from convae.report.page.contents import DataFacts, Report
from convae.report.page.heading import Occasion

BITS = {"uint8": 8, "uint16": 16, "float32": 32}


def report_on(model: ImageEstimator, evaluation: Evaluation | None, occasion: Occasion) -> Report:
    """Return the parts that all reports have: sentences, the training, the network, the images, the settings.

    Args:
        model: the fitted model.
        evaluation: its results; None for a report without measurements.
        occasion: titles, commands and other words of the report.
    """
    # After a fit both are files of the same source: a file that cannot be read may be in both.
    measured = () if evaluation is None else evaluation.skipped
    skipped = [(s.name, s.reason) for s in (*model.skipped_, *measured)]
    return Report(
        title=occasion.title,
        subtitle=occasion.subtitle,
        summary=[] if evaluation is None else [*evaluation.verdicts(), *evaluation.caveats()],
        history=model.history_,
        best_epoch=model.best_epoch_,
        loss_name=str(model.settings_.loss),
        training_facts=training_facts(model),
        layers=network_layers(model),
        network_facts=network_facts(model),
        data=DataFacts(
            facts=data_facts(model, None if evaluation is None else evaluation.images),
            notes=model.notes_,
            skipped=list(dict.fromkeys(skipped)) if occasion.after_fit else skipped,
        ),
        settings={**model.to_options(), "random_state": model.settings_.seed},
        versions=model._stored.facts.get("versions", {}),
        command=occasion.command,
        python=occasion.python,
    )


def network_layers(model: ImageEstimator) -> list[dict[str, object]]:
    """Return a mapping for each layer, for the drawing: name, kind, shape, parameters, part."""
    from convae.networks.summary import summarize

    return summarize(model.network_).layers()


def network_facts(model: ImageEstimator) -> dict[str, object]:
    """Return parameters, code and compression."""
    a = model.architecture_
    values = a.image_shape[0] * a.image_shape[1] * a.image_shape[2]
    compression: dict[str, object] = {
        "numbers in an image for each in its code": values / a.code_size
    }
    if a.bottleneck == "vq":
        bits = a.positions * math.log2(a.entries)
        compression = {
            "entries of the codebook": a.entries,
            "bits in a code": bits,
            "bits in an image for each in its code": values * BITS[model.plan_.depth] / bits,
        }
    return {
        "preset": model.get_params(deep=False).get("preset"),
        "parameters": sum(p.numel() for p in model.network_.parameters()),
        "image": " × ".join(map(str, a.image_shape)),
        "code": " × ".join(map(str, a.code_shape)),
        **compression,
    }


def training_facts(model: ImageEstimator) -> dict[str, object]:
    """Return facts about the training."""
    facts, s = _facts(model), model.settings_
    # A model from a file does not store how long its training took.
    seconds = sum(row.get("seconds", 0.0) for row in model.history_)
    speeds = [v for row in model.history_ if (v := row.get("images_per_second"))]
    return {
        "epochs": f"{model.n_iter_} of {s.epochs}" if s.steps is None else model.n_iter_,
        "steps planned for the budget": model.history_[-1].get("planned_steps"),
        "augmentation": s.augment,
        "weights from epoch": model.best_epoch_,
        "time": (f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s") if seconds else None,
        "images a second": f"{sum(speeds) / len(speeds):,.0f}" if speeds else None,
        "optimizer": s.optimizer,
        "batch size": s.batch_size,
        "learning rate": s.learning_rate,
        "loss": s.loss,
        "images kept": facts.get("storage"),
    }


def data_facts(model: ImageEstimator, measured: int | None) -> dict[str, object]:
    """Return facts about the training images, and how many images were measured."""
    facts, (channels, height, width) = _facts(model), model.image_shape_
    return {
        "trained on": facts.get("images"),
        "training images": facts.get("training_images"),
        "images held out": facts.get("validation_images"),
        "images measured here": measured,
        "size": f"{height} × {width}",
        "channels": channels,
        "depth": model.plan_.depth,
        "scaled from": _scaling(model),
        "left out as unreadable": len(model.skipped_),
    }


def _scaling(model: ImageEstimator) -> str:
    low, high = model.scaling_.low, model.scaling_.high
    shown = [f"{lo:.6g} … {hi:.6g}" for lo, hi in zip(low, high, strict=True)]
    return ", ".join(shown[:4]) + (", …" if len(shown) > 4 else "")


def _facts(model: ImageEstimator) -> dict[str, Any]:
    return model._stored.facts
