"""The report of a denoiser: its effect on noise, next to methods that need no training, and pictures."""

import math
from dataclasses import replace

import numpy as np

from convae.classical.noise_level import is_structured
from convae.corruption.noise_levels import level_text
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.noise_decision import decision_text
from convae.evaluation.denoising import (
    GIVEN,
    LEFT,
    MODEL,
    NLM,
    PSNR,
    SSIM,
    WHITE,
    DenoisingEvaluation,
    Shown,
)
from convae.evaluation.reconstruction import middle
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Metric, Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.differences import against
from convae.report.pictures.pictures import band_note, to_display

ESTIMATED = (
    f"{NLM[0].upper()}{NLM[1:]} were given the noise level that is estimated in each image, which is too low "
    "for noise that is correlated between pixels, as in cameras: with the level set by hand they may do "
    "better."
)
WAYS = {
    "clean": "clean images, to which noise was added",
    "noisy gaussian": "noisy images alone, by splitting their Gaussian noise in two",
    "noisy blind": "noisy images alone, by asking for hidden pixels",
    "pairs": "pairs of images",
}


def report_of_denoising(model: Denoiser, found: DenoisingEvaluation, occasion: Occasion) -> Report:
    """Build the report of a denoiser evaluated on images."""
    return replace(
        report_on(model, occasion, found.images, found.skipped),
        summary=[*verdicts(found), *caveats(found), *decision(model)],
        metrics=metric_rows(found),
        metrics_note=f"{occasion.measured_on}; the level of the noise was estimated in each image",
        training_facts={"learnt from": WAYS[model.learn_], **training_facts(model)},
        panels=[panel(found)] if found.shown else [],
    )


def metric_rows(found: DenoisingEvaluation) -> list[Metric]:
    """Return the table: the model next to the noisy images and the classical methods."""
    rows = []
    better = {PSNR: "higher", SSIM: "higher", LEFT: "", WHITE: "higher"}
    for done in found.rounds:
        for measure, values in done.scores.items():
            beside: dict[str, float | None] = {n: v for n, v in values.items() if n != MODEL}
            name = f"{measure}, {done.noise}" if done.noise else measure
            rows.append(
                Metric(
                    name=name,
                    model=values[MODEL],
                    baselines=beside,
                    better=better[measure],
                    differences=done.differences.get(measure, {}),
                )
            )
    return rows


def verdicts(found: DenoisingEvaluation) -> list[str]:
    """Return plain sentences on what the model does."""
    if not found.compared:
        return [_without_targets(found)]
    done = found.rounds[len(found.rounds) // 2]
    values = done.scores[PSNR]
    after, before = values[MODEL], values.get(GIVEN)
    if before is None:
        return [f"The model comes to {after:.2f} dB of what the images should look like."]
    noise = f"{done.noise[0].upper()}{done.noise[1:]}" if done.noise else "The noise"
    first = f"{noise}: from {before:.2f} dB to {after:.2f} dB"
    if NLM not in values:
        return [f"{first}."]
    name, other = done.best_other(PSNR)
    gap, sure = after - other, done.differences.get(PSNR, {}).get(name)
    if sure is not None and sure.sign >= 0:
        best = f"{name}, the best classical method here" if sure.sign == 0 else _best(name)
        return [f"{first}, {against(sure, best, ' dB')}."]
    if sure is not None:
        return [
            f"{first}, {against(sure, name, ' dB')}, which needs no training: train longer (--epochs), or on "
            "more images."
        ]
    if gap > 0:
        best = f"{first}, {gap:.2f} dB above the best classical method here ({name})."
        return [best if done.noise else f"{best} {ESTIMATED}"]
    return [
        f"{first}, {-gap:.2f} dB below {name}, which needs no training: train longer (--epochs), or on more "
        "images."
    ]


def _best(name: str) -> str:
    return f"the best classical method here, {name}"


def _without_targets(found: DenoisingEvaluation) -> str:
    scores = found.rounds[0].scores
    before = level_text(found.level, found.depth)
    left = scores[LEFT][MODEL] / scores[LEFT][GIVEN] if scores[LEFT][GIVEN] else math.nan
    white = scores[WHITE][MODEL]
    looks = (
        "still shows structure of the images, so it removes more than noise"
        if is_structured(white)
        else "looks like noise"
    )
    return (
        f"Of noise of {before}, estimated in the images, {left:.0%} is left, and what was removed {looks} "
        f"(whiteness {white:.2f} of 1)."
    ).replace("%", " %")


def decision(model: Denoiser) -> list[str]:
    """State why the images were taken for clean or noisy, if the user did not choose."""
    if model.noise_found_ is None:
        return []
    text = decision_text(model.noise_found_, model.scaling_)
    return [f"{text[0].upper()}{text[1:]}."]


def caveats(found: DenoisingEvaluation) -> list[str]:
    """Return what limits the results."""
    said = []
    if found.seen:
        said.append(
            "Careful: the images measured were trained on, so this is not how good the model is on new "
            "ones."
        )
    if not found.compared:
        said.append(
            "Without clean images nobody can say how close the result is to the truth; pairs (--target) "
            "would tell."
        )
    return said


def panel(found: DenoisingEvaluation) -> Panel:
    """Return the panel: clean, noisy, denoised, removed."""
    side = [min(shown.noisy.shape[axis] for shown in found.shown) for axis in (1, 2)]
    alike = [s for s in found.shown if s.noisy.shape[0] == found.shown[0].noisy.shape[0]]
    rows = {}
    if all(shown.clean is not None for shown in alike):
        rows["clean"] = _display([middle(s.clean, *side) for s in alike if s.clean is not None])
    rows["noisy"] = _display([middle(s.noisy, *side) for s in alike])
    rows["denoised"] = _display([middle(s.restored, *side) for s in alike])
    removed = [
        _removed(shown, side) for shown in alike if shown.noisy.shape == shown.restored.shape
    ]
    gain = 0.5 / max(4 * float(np.std(removed)) if removed else 1.0, 1e-6)
    if removed:
        rows["removed"] = _display([0.5 + gain * part for part in removed])
    note = "Each image as " + ", as ".join(rows) + "."
    if removed:
        note += " What was removed is shown on grey; it should look like noise alone."
    note = " ".join((note, band_note(len(alike[0].noisy)))).strip()
    return Panel(heading="", rows=rows, names=[shown.name for shown in alike], note=note)


def _removed(shown: Shown, side: list[int]) -> np.ndarray:
    difference: np.ndarray = middle(shown.noisy, *side) - middle(shown.restored, *side)
    return difference


def _display(images: list[np.ndarray]) -> np.ndarray:
    return to_display(np.stack(images))
