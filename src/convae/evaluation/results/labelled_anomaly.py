"""The results of a detector on labelled images: rates, AUROC, and each kind of defect."""

from dataclasses import dataclass, field
from typing import Any

from convae.evaluation.results.guarantee import percent
from convae.evaluation.results.shown import ShownResults
from convae.images.sources.base import Skipped
from convae.images.sources.defect_labels import NORMAL
from convae.metrics.proportions import Proportion
from convae.report.page.contents import Table

NAMED = 3  # most masks that a sentence names
UNKNOWN = "-"
_INTERVAL = "95 % interval"
KINDS = ("", "images", "detected", _INTERVAL, "AUROC", _INTERVAL, "AP", "pixel AUROC", "AUPRO")
VERDICTS = ("label", "called anomalous", "called normal", "rate called anomalous", _INTERVAL)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The detector's result for a labelled image.

    Attributes:
        index: its position in the source.
        name: of the image.
        kind: of its defect; empty for a normal image.
        score: higher for more anomalous.
        p_value: the probability of a score this high for a normal image.
        called: whether the detector calls it anomalous.
        pixel_auroc: how well its map ranks the pixels of its mask above the others; None without a mask.
    """

    index: int
    name: str
    kind: str
    score: float
    p_value: float
    called: bool
    pixel_auroc: float | None = None

    @property
    def anomalous(self) -> bool:
        """Whether the image is labelled anomalous."""
        return self.kind != NORMAL


@dataclass(frozen=True, kw_only=True)
class KindMeasured:
    """The results for defects of one kind (or of all) against all normal images.

    Attributes:
        kind: of the defects.
        detected: how many of them are called anomalous.
        auroc, average_precision: of the images; None if there are no normal ones or no defects.
        interval: the 95 % interval of the AUROC, by bootstrap; None with fewer than two images of a kind.
        masks: number of masks used.
        pixel_auroc, aupro: of the pixels; None without masks.
    """

    kind: str
    detected: Proportion
    auroc: float | None
    average_precision: float | None
    interval: tuple[float, float] | None
    masks: int = 0
    pixel_auroc: float | None = None
    aupro: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "images": self.detected.total,
            "detected": self.detected.to_dict(),
            "auroc": self.auroc,
            "auroc_interval": None if self.interval is None else list(self.interval),
            "average_precision": self.average_precision,
            "masks": self.masks,
            "pixel_auroc": self.pixel_auroc,
            "aupro": self.aupro,
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class LabelledEvaluation(ShownResults):
    """The evaluation of a detector on labelled images.

    Attributes:
        scored: the result for each image.
        false_alarms: how many of the normal images are called anomalous.
        every: all defects together.
        kinds: each kind of defect separately.
        left_out: images that were not measured, because the model was trained on them.
        seen: images that were measured although the model was trained on them.
        unlabelled: images without a label, which were not measured.
        bad_images: images that could not be used, with reasons.
        bad_masks: masks that could not be used, with reasons.
        unmasked: anomalous images without a usable mask, although there are masks.
        threshold: the scores above it are called anomalous.
        false_alarm_rate: the rate of false alarms that the threshold guarantees.
        guarantee: the same as a sentence.
    """

    scored: list[Scored]
    false_alarms: Proportion
    every: KindMeasured
    kinds: list[KindMeasured]
    threshold: float
    false_alarm_rate: float
    guarantee: str
    left_out: int = 0
    seen: int = 0
    unlabelled: int = 0
    bad_images: list[Skipped] = field(default_factory=list)
    bad_masks: list[Skipped] = field(default_factory=list)
    unmasked: int = 0

    @property
    def images(self) -> int:
        """How many images were measured."""
        return len(self.scored)

    @property
    def skipped(self) -> list[Skipped]:
        """Images and masks that could not be used, with reasons."""
        return [*self.bad_images, *self.bad_masks]

    @property
    def misses(self) -> list[Scored]:
        """Anomalous images that are called normal, the lowest score first."""
        return sorted(
            (one for one in self.scored if one.anomalous and not one.called),
            key=lambda one: one.score,
        )

    @property
    def alarms(self) -> list[Scored]:
        """Normal images that are called anomalous, the highest score first."""
        return sorted(
            (one for one in self.scored if one.called and not one.anomalous),
            key=lambda one: -one.score,
        )

    def tables(self, where: str = "") -> list[Table]:
        """Return the confusion table, and the results for all defects together and for each kind.

        ``where`` is not shown: the tables state how many images of each label were measured.
        """
        pairs = (("normal", self.false_alarms), ("anomalous", self.every.detected))
        verdicts = [
            [name, f"{one.hits:,}", f"{one.total - one.hits:,}", _rate(one.value), _interval(one)]
            for name, one in pairs
        ]
        kinds = [
            _kind_row(one) for one in (self.every, *(self.kinds if len(self.kinds) > 1 else []))
        ]
        return [
            Table(heading="Verdicts", columns=VERDICTS, rows=verdicts),
            Table(heading="Kinds of defects", columns=KINDS, rows=kinds),
        ]

    def verdicts(self) -> list[str]:
        """Return the results in sentences."""
        alarms, detected = self.false_alarms, self.every.detected
        parts = []
        if detected.total:
            parts.append(
                f"{detected.hits:,} of {detected.total:,} anomalous images are detected{_percents(detected)}"
            )
        if alarms.total:
            parts.append(
                f"{alarms.hits:,} of {alarms.total:,} normal images are false alarms{_percents(alarms)}"
            )
        sentences = ["; ".join(parts) + "."]
        if self.every.auroc is not None:
            ends = self.every.interval
            sure = "" if ends is None else f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
            sentences.append(f"Image AUROC {self.every.auroc:.3f}{sure}; 0.5 is chance.")
        return [*sentences, self.guarantee]

    def caveats(self) -> list[str]:
        """Return what limits the results."""
        sentences = []
        if not self.every.detected.total:
            sentences.append(
                "No image is labelled as anomalous, so there is no detection rate and no AUROC: put images "
                "with defects into sub-folders of their own."
            )
        if not self.false_alarms.total:
            sentences.append(
                "No image is labelled as normal, so there is no false-alarm rate and no AUROC: put normal "
                "images into a sub-folder good."
            )
        if self.left_out:
            sentences.append(
                f"{self.left_out:,} images that the model was trained on are left out; --all measures them, "
                "too."
            )
        if self.seen:
            sentences.append(
                f"{self.seen:,} of the images were trained on, so the figures say little of new images."
            )
        if self.unlabelled:
            every = self.unlabelled + self.left_out + self.images
            sentences.append(
                f"{self.unlabelled:,} of {every:,} images have no label and are left out."
            )
        if self.bad_masks:
            names = "; ".join(f"{one.name}: {one.reason}" for one in self.bad_masks[:NAMED])
            more = len(self.bad_masks) - NAMED
            sentences.append(
                f"{len(self.bad_masks):,} masks cannot be used: {names}"
                + (f"; and {more:,} more." if more > 0 else ".")
            )
        missing = self.unmasked - len(self.bad_masks)
        if missing > 0:
            sentences.append(
                f"{missing:,} of {self.every.detected.total:,} anomalous images have no mask; pixels are "
                "measured without them."
            )
        return sentences

    def values(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "images": self.images,
            "normal_images": self.false_alarms.total,
            "false_alarms": self.false_alarms.to_dict(),
            **{name: value for name, value in self.every.to_dict().items() if name != "images"},
            "kinds": {one.kind: one.to_dict() for one in self.kinds},
            "left_out_because_trained_on": self.left_out,
            "measured_although_trained_on": self.seen,
            "without_label": self.unlabelled,
            "skipped": [[one.name, one.reason] for one in self.bad_images],
            "masks_not_used": [[one.name, one.reason] for one in self.bad_masks],
            "anomalous_without_mask": self.unmasked,
            "threshold": self.threshold,
            "false_alarm_rate": self.false_alarm_rate,
        }


def _kind_row(one: KindMeasured) -> list[str]:
    return [
        one.kind,
        f"{one.detected.total:,}",
        _rate(one.detected.value),
        _interval(one.detected),
        _figure(one.auroc),
        UNKNOWN if one.interval is None else " to ".join(_figure(end) for end in one.interval),
        _figure(one.average_precision),
        _figure(one.pixel_auroc),
        _figure(one.aupro),
    ]


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else percent(value)


def _interval(one: Proportion) -> str:
    ends = one.interval
    return UNKNOWN if ends is None else f"{100 * ends[0]:.3g} to {percent(ends[1])}"


def _percents(one: Proportion) -> str:
    return f" ({_rate(one.value)}, 95 % interval {_interval(one)})"
