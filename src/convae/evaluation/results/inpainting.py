"""The results of an inpainter, compared with fills that need no training."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.evaluation.results.scores import MODEL, ON_TRAINING_IMAGES, Scores, metric_table
from convae.evaluation.results.shown import ShownResults
from convae.images.sources.base import Skipped
from convae.report.page.contents import Metric, Table
from convae.report.pictures.differences import against

PSNR, SSIM, SEAM = "PSNR in the holes (dB)", "SSIM in the holes", "seam error"
BETTER = {PSNR: "higher", SSIM: "higher", SEAM: "lower"}
ALIKE = 0.05  # dB: an irrelevant difference
NAMED = {"pixels": "scattered pixels"}  # kinds of holes whose name alone is not clear


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of one image, each (C, H, W) in about [0, 1], and its mask of holes, (H, W)."""

    name: str
    original: np.ndarray
    mask: np.ndarray
    filled: np.ndarray


@dataclass(frozen=True, kw_only=True)
class HoleScores(Scores):
    """The scores for one kind of hole.

    Attributes:
        holes: its name.
        missing: fraction of the pixels that was missing.
    """

    holes: str
    missing: float

    @property
    def title(self) -> str:
        """The kind of hole, in words."""
        return NAMED.get(self.holes, self.holes)

    def verdict(self) -> str:
        """State how well the model fills these holes, compared with the best classical fill."""
        ours, (name, other) = self.scores[PSNR][MODEL], self.best_other(PSNR)
        gap = ours - other
        missing = f"{self.missing:.0%}".replace("%", " %")
        first = f"Holes of the kind {self.title} ({missing} missing): {ours:.2f} dB"
        difference = self.differences.get(PSNR, {}).get(name)
        if math.isnan(gap):  # both are perfect, or nothing was missing
            return f"{first}, as good as the {name} fill, which needs no training."
        if difference is not None and (difference.sign == 0 or gap > ALIKE):
            rival = f"the {name} fill, the best classical one here"
            return f"{first}, {against(difference, rival, ' dB')}."
        if gap > ALIKE:
            return f"{first}, {gap:.2f} dB above the best classical fill here ({name})."
        if gap >= -ALIKE:
            return (
                f"{first}, no better than the {name} fill, which needs no training: train longer "
                "(--epochs)."
            )
        return (
            f"{first}, {-gap:.2f} dB below the {name} fill, which needs no training: train longer "
            f"(--epochs), or on such holes alone (--holes {self.holes})."
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class InpaintingEvaluation(ShownResults):
    """The evaluation of an inpainter on images in which holes were made.

    Attributes:
        images: number of images measured.
        seen: whether the model was trained on them.
        rounds: one for each kind of hole.
        pictures: pictures of some images, with the holes that the model was trained on.
        skipped: images that could not be used, with reasons.
    """

    images: int
    seen: bool
    rounds: list[HoleScores]
    pictures: list[Pictures]
    skipped: list[Skipped]

    def metrics(self) -> list[Metric]:
        """Return the model next to the classical fills."""
        return [row for one in self.rounds for row in one.metrics(BETTER, f", {one.title}")]

    def tables(self, where: str) -> list[Table]:
        """Return the table of the metrics."""
        return [metric_table(self.metrics(), where)]

    def verdicts(self) -> list[str]:
        """Return how well the model fills holes, one sentence for each kind of hole."""
        return [one.verdict() for one in self.rounds]

    def caveats(self) -> list[str]:
        """Return what limits the results."""
        return [ON_TRAINING_IMAGES] if self.seen else []

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        return {
            "images": self.images,
            "rounds": [
                {"holes": one.holes, "missing": one.missing, **one.values()} for one in self.rounds
            ],
            "verdict": " ".join(self.verdicts()),
        }
