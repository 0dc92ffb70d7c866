"""How a denoiser is evaluated and reported: compared with methods that need no training, and pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.noise_decision import decision_text
from convae.estimators.restoration.noise_units import stretch
from convae.evaluation.denoising import evaluate_denoiser
from convae.evaluation.reconstruction import middle
from convae.evaluation.results.denoising import DenoisingEvaluation, Pictures
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks
from convae.model_reports.example_images import refuse_masks, usable_samples
from convae.model_reports.job import Job, Measurement, Request, advice, values_after_fit
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.pictures import band_note, to_display

WAYS = {
    "clean": "clean images, to which noise was added",
    "noisy gaussian": "noisy images alone, by splitting their Gaussian noise in two",
    "noisy blind": "noisy images alone, by asking for hidden pixels",
    "pairs": "pairs of images",
}


def measure(model: Denoiser, request: Request) -> DenoisingEvaluation:
    """Evaluate a denoiser."""
    return evaluate_denoiser(
        model,
        request.source,
        target=request.target,
        positions=request.positions(model),
        include_seen=request.include_seen,
    )


def report_of_denoising(
    model: Denoiser, evaluation: DenoisingEvaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the report of a denoiser evaluated on images."""
    return replace(
        report_on(model, evaluation, occasion),
        summary=[*evaluation.verdicts(), *evaluation.caveats(), *decision(model)],
        metrics=evaluation.metrics(),
        metrics_note=f"{occasion.measured_on}; the level of the noise was estimated in each image",
        training_facts={"learnt from": WAYS[model.learn_], **training_facts(model)},
        panels=[panel(evaluation.pictures)] if evaluation.pictures else [],
    )


def decision(model: Denoiser) -> list[str]:
    """State why the images were taken for clean or noisy, if the user did not choose."""
    if model.noise_found_ is None:
        return []
    text = decision_text(model.noise_found_, model.scaling_)
    return [f"{text[0].upper()}{text[1:]}."]


def noise_values(model: Denoiser) -> dict[str, Any] | None:
    """Return the values that decided between clean and noisy, as fractions of the range of the file type."""
    found = model.noise_found_
    if found is None:
        return None
    factor = stretch(model.scaling_)
    return {"noisy": found.noisy, "fine": found.fine / factor, "coarse": found.coarse / factor}


def values(model: Denoiser, evaluation: DenoisingEvaluation) -> dict[str, Any]:
    """Return the results after a fit as plain values."""
    return {
        "learnt_from": model.learn_,
        "noise_found": noise_values(model),
        **values_after_fit(evaluation),
    }


def examples(model: Denoiser, source: ImageSource, masks: Masks | None) -> Panel:
    """Return pictures of images before and after, and of what was removed.

    Raises:
        InputError: there are masks, or no image can be used.
    """
    refuse_masks(model, masks)
    shown = usable_samples(model, source)
    with torch.inference_mode():
        restored = [model.restored(one.image) for one in shown.samples]
    pictures = [
        Pictures(
            name=one.name,
            noisy=one.image[0].cpu().numpy(),
            restored=result[0].cpu().numpy(),
        )
        for one, result in zip(shown.samples, restored, strict=True)
    ]
    return shown.noted(panel(pictures, given="image"))


def panel(pictures: Sequence[Pictures], given: str = "noisy") -> Panel:
    """Return the panel: clean, noisy, denoised, removed.

    Args:
        pictures: at least one.
        given: what the images are that the model was given.
    """
    side = [min(one.noisy.shape[axis] for one in pictures) for axis in (1, 2)]
    alike = [one for one in pictures if one.noisy.shape[0] == pictures[0].noisy.shape[0]]
    rows = {}
    if all(one.clean is not None for one in alike):
        rows["clean"] = _display([middle(s.clean, *side) for s in alike if s.clean is not None])
    rows[given] = _display([middle(s.noisy, *side) for s in alike])
    rows["denoised"] = _display([middle(s.restored, *side) for s in alike])
    removed = [_removed(one, side) for one in alike if one.noisy.shape == one.restored.shape]
    gain = 0.5 / max(4 * float(np.std(removed)) if removed else 1.0, 1e-6)
    if removed:
        rows["removed"] = _display([0.5 + gain * part for part in removed])
    about = "What was removed is shown on grey; it should look like noise alone." if removed else ""
    note = f"{about} {band_note(len(alike[0].noisy))}".strip()
    return Panel(heading="", rows=rows, names=[one.name for one in alike], note=note)


def _removed(one: Pictures, side: list[int]) -> np.ndarray:
    difference: np.ndarray = middle(one.noisy, *side) - middle(one.restored, *side)
    return difference


def _display(images: list[np.ndarray]) -> np.ndarray:
    return to_display(np.stack(images))


DENOISING = Measurement(measure=measure, page=report_of_denoising)
JOB = Job(
    title="A denoiser",
    after_fit=DENOISING,
    on_images=DENOISING,
    notes=lambda model: [*decision(model), *advice(model)],
    values=values,
    examples=examples,
    takes=frozenset({"target"}),
)
