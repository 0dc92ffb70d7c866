"""The results of a denoiser, compared with methods that need no training."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.classical.noise_level import is_structured
from convae.corruption.noise_levels import level_text
from convae.evaluation.results.scores import (
    GIVEN,
    MODEL,
    ON_TRAINING_IMAGES,
    Scores,
    metric_table,
)
from convae.evaluation.results.shown import ShownResults
from convae.images.sources.base import Skipped
from convae.report.page.contents import Metric, Table
from convae.report.pictures.differences import against

MEDIAN, NLM, BM3D = "median", "non-local means", "BM3D"
PSNR, SSIM, LEFT, WHITE = "PSNR (dB)", "SSIM", "noise left", "whiteness of what was removed"
BETTER = {PSNR: "higher", SSIM: "higher", LEFT: "", WHITE: "higher"}
ESTIMATED = (
    f"{NLM[0].upper()}{NLM[1:]} were given the noise level that is estimated in each image, which is too low "
    "for noise that is correlated between pixels, as in cameras: with the level set by hand they may do "
    "better."
)
_TRAIN_LONGER = "which needs no training: train longer (--epochs), or on more images."


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of one image, each (C, H, W) in about [0, 1]; ``clean`` where it is known."""

    name: str
    noisy: np.ndarray
    restored: np.ndarray
    clean: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class NoiseScores(Scores):
    """The scores for one noise.

    Attributes:
        noise: its description; empty for the noise of the images themselves.
    """

    noise: str


@dataclass(frozen=True, kw_only=True, repr=False)
class DenoisingEvaluation(ShownResults):
    """The evaluation of a denoiser on images.

    Attributes:
        images: number of images measured.
        seen: whether the model was trained on them.
        made: whether the noise was synthetic (otherwise it is the images' own).
        rounds: one for each noise level.
        pictures: pictures of some images, at the middle level.
        level: the deviation of the noise in these, as a fraction of the range of the file type.
        depth: of the files.
        skipped: images that could not be used, with reasons.
    """

    images: int
    seen: bool
    made: bool
    rounds: list[NoiseScores]
    pictures: list[Pictures]
    level: float
    depth: str
    skipped: list[Skipped]

    @property
    def compared(self) -> bool:
        """Whether the clean images are known."""
        return PSNR in self.rounds[0].scores

    def metrics(self) -> list[Metric]:
        """Return the model next to the noisy images and the classical methods."""
        return [
            metric
            for one in self.rounds
            for metric in one.metrics(BETTER, f", {one.noise}" if one.noise else "")
        ]

    def tables(self, where: str) -> list[Table]:
        """Return the table of the metrics."""
        return [metric_table(self.metrics(), where)]

    def verdicts(self) -> list[str]:
        """Return one sentence on how much noise the model removes, compared with the classical methods."""
        if not self.compared:
            return [self._without_targets()]
        middle = self.rounds[len(self.rounds) // 2]
        values = middle.scores[PSNR]
        after, before = values[MODEL], values.get(GIVEN)
        if before is None:
            return [f"The model comes to {after:.2f} dB of what the images should look like."]
        noise = f"{middle.noise[0].upper()}{middle.noise[1:]}" if middle.noise else "The noise"
        change = f"{noise}: from {before:.2f} dB to {after:.2f} dB"
        return [f"{change}, {_compared(middle)}" if NLM in values else f"{change}."]

    def caveats(self) -> list[str]:
        """Return what limits the results."""
        sentences = [ON_TRAINING_IMAGES] if self.seen else []
        if not self.compared:
            sentences.append(
                "Without clean images nobody can say how close the result is to the truth; pairs (--target) "
                "would tell."
            )
        return sentences

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        return {
            "images": self.images,
            "noise_made": self.made,
            "noise_level": self.level,
            "rounds": [{"noise": one.noise, **one.values()} for one in self.rounds],
            "verdict": " ".join(self.verdicts()),
        }

    def _without_targets(self) -> str:
        scores = self.rounds[0].scores
        before = level_text(self.level, self.depth)
        left = scores[LEFT][MODEL] / scores[LEFT][GIVEN] if scores[LEFT][GIVEN] else math.nan
        white = scores[WHITE][MODEL]
        removed = (
            "still shows structure of the images, so it removes more than noise"
            if is_structured(white)
            else "looks like noise"
        )
        return (
            f"Of noise of {before}, estimated in the images, {left:.0%} is left, and what was removed "
            f"{removed} (whiteness {white:.2f} of 1)."
        ).replace("%", " %")


def _compared(result: NoiseScores) -> str:
    """Return the end of a sentence that compares the model with the best classical method."""
    name, other = result.best_other(PSNR)
    gap = result.scores[PSNR][MODEL] - other
    difference = result.differences.get(PSNR, {}).get(name)
    if difference is not None:
        if difference.sign < 0:
            return f"{against(difference, name, ' dB')}, {_TRAIN_LONGER}"
        best = "the best classical method here"
        rival = f"{best}, {name}" if difference.sign else f"{name}, {best}"
        return f"{against(difference, rival, ' dB')}."
    if gap > 0:
        above = f"{gap:.2f} dB above the best classical method here ({name})."
        return above if result.noise else f"{above} {ESTIMATED}"
    return f"{-gap:.2f} dB below {name}, {_TRAIN_LONGER}"
