"""How well a detector separates images with real defects from normal ones: evaluated on labelled images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convae.errors import ImageError, InputError
from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.evaluation.reconstruction import nothing_measured
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.defect_labels import NORMAL, kinds_in_order
from convae.images.sources.defect_masks import DefectMasks
from convae.images.sources.masks import Missing
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import PixelRanking, auroc, average_precision
from convae.metrics.resampling import auroc_interval

WORST = 6  # number of misses, and of false alarms, that are shown
MOST_PLACED = 24  # most kinds whose pixels are ranked separately: each takes about 25 MB
_TOGETHER = "\0"  # name for all kinds together where there are more; no folder has that name


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


@dataclass(frozen=True, kw_only=True)
class LabelledEvaluation:
    """The evaluation of a detector on labelled images.

    Attributes:
        images: the result for each image.
        false_alarms: how many of the normal images are called anomalous.
        every: all defects together.
        kinds: each kind of defect separately.
        left_out: images that were not measured, because the model was trained on them.
        trained_on: images that were measured although the model was trained on them.
        unlabelled: images without a label, which were not measured.
        skipped: images that could not be used, with reasons.
        bad_masks: masks that could not be used, with reasons.
        unmasked: anomalous images without a usable mask, although there are masks.
    """

    images: list[Scored]
    false_alarms: Proportion
    every: KindMeasured
    kinds: list[KindMeasured]
    left_out: int = 0
    trained_on: int = 0
    unlabelled: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    bad_masks: list[Skipped] = field(default_factory=list)
    unmasked: int = 0

    @property
    def misses(self) -> list[Scored]:
        """Anomalous images that are called normal, the lowest score first."""
        return sorted(
            (one for one in self.images if one.anomalous and not one.called),
            key=lambda one: one.score,
        )

    @property
    def alarms(self) -> list[Scored]:
        """Normal images that are called anomalous, the highest score first."""
        return sorted(
            (one for one in self.images if one.called and not one.anomalous),
            key=lambda one: -one.score,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "images": len(self.images),
            "normal_images": self.false_alarms.total,
            "false_alarms": self.false_alarms.to_dict(),
            **{name: value for name, value in self.every.to_dict().items() if name != "images"},
            "kinds": {one.kind: one.to_dict() for one in self.kinds},
            "left_out_because_trained_on": self.left_out,
            "measured_although_trained_on": self.trained_on,
            "without_label": self.unlabelled,
            "skipped": [[one.name, one.reason] for one in self.skipped],
            "masks_not_used": [[one.name, one.reason] for one in self.bad_masks],
            "anomalous_without_mask": self.unmasked,
        }


def evaluate_labelled(
    model: AnomalyDetector,
    X: Any,
    kinds: Sequence[str | None],
    *,
    masks: ImageSource | None = None,
    include_seen: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> LabelledEvaluation:
    """Measure a detector on labelled images.

    Args:
        model: the detector.
        X: any source of images.
        kinds: (n,) the kind of defect of each image; empty for a normal image, None for one without a label,
            which is left out.
        masks: of the anomalous images, matched by name; a pixel above half of a mask's maximum is anomalous.
        include_seen: whether images that the model was trained on are measured as well. By default they
            are left out, unless there are no others.
        progress: called with (images done, images in all).

    Raises:
        InputError: there are not as many kinds as images, no image has a label, none can be measured, or
            masks do not match.
    """
    source = model.open(X)
    if len(kinds) != len(source):
        raise InputError(f"kinds must be {len(source)}, one an image; got {len(kinds)}")
    known = {i: kind for i, kind in enumerate(kinds) if kind is not None}
    if not known:
        raise InputError(f"{source.description}: none of its images has a label")
    found = _Found(source, known, _masks_of(source, known, masks))
    found.measure(model, include_seen=include_seen, progress=progress)
    if not found.images and found.left_out:
        found = _Found(source, known, found.masks)
        found.measure(model, include_seen=True, progress=progress)
    if not found.images:
        raise nothing_measured(source, found.skipped)
    return found.result(unlabelled=len(source) - len(known))


def _masks_of(
    source: ImageSource, kinds: Mapping[int, str], masks: ImageSource | None
) -> DefectMasks | None:
    anomalous = [i for i, kind in kinds.items() if kind != NORMAL]
    if masks is None or not anomalous:
        return None
    return DefectMasks(masks, source.select(anomalous), anomalous)


class _Found:
    """The sums of one pass over the images; each map is ranked and then discarded."""

    def __init__(
        self, source: ImageSource, kinds: Mapping[int, str], masks: DefectMasks | None
    ) -> None:
        self.source, self.kinds, self.masks = source, kinds, masks
        self.images: list[Scored] = []
        self.skipped, self.bad_masks = list(source.skipped), list[Skipped]()
        self.left_out = self.trained_on = self.unmasked = 0
        named = kinds_in_order(list(kinds.values()))
        placed = [NORMAL, *(named if len(named) <= MOST_PLACED else [_TOGETHER])]
        self.places = {kind: PixelRanking() for kind in placed} if masks is not None else {}
        self.masked: dict[str, int] = {}

    def measure(
        self,
        model: AnomalyDetector,
        *,
        include_seen: bool,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Measure all images that have a label."""
        positions = list(self.kinds)

        def skip(error: ImageError) -> None:
            self.skipped.append(Skipped(error.name, error.reason))

        chosen = self.source.select(positions)
        for done, found in enumerate(model.iter_detect(chosen, on_bad=skip), start=1):
            if found.trained_on and not include_seen:
                self.left_out += 1
            else:
                self.trained_on += found.trained_on
                self._take(found, positions[found.index])
            if progress is not None:
                progress(done, len(positions))

    def _take(self, found: Detection, index: int) -> None:
        kind = self.kinds[index]
        self.images.append(
            Scored(
                index=index,
                name=found.image.info.name,
                kind=kind,
                score=found.score,
                p_value=found.p_value,
                called=found.anomalous,
                pixel_auroc=self._place(found, index, kind) if self.masks is not None else None,
            )
        )

    def _place(self, found: Detection, index: int, kind: str) -> float | None:
        """Rank the pixels of one image; return the AUROC of its own pixels."""
        scores = np.nan_to_num(found.map.astype(np.float32))
        if kind == NORMAL:
            self.places[NORMAL].update(scores, np.zeros(scores.shape, np.bool_))
            return None
        mask = self._mask(index, scores.shape)
        if mask is None:
            self.unmasked += 1
            return None
        self.masked[kind] = self.masked.get(kind, 0) + 1
        self.places.get(kind, self.places.get(_TOGETHER, self.places[NORMAL])).update(scores, mask)
        return None if mask.all() else auroc(scores.ravel(), mask.ravel())

    def _mask(self, index: int, size: tuple[int, ...]) -> Missing | None:
        assert self.masks is not None
        try:
            return self.masks.of(index, (size[0], size[1]))
        except ImageError as error:
            self.bad_masks.append(Skipped(error.name, error.reason))
            return None

    def result(self, *, unlabelled: int) -> LabelledEvaluation:
        """Return the evaluation."""
        normal = [one for one in self.images if not one.anomalous]
        odd = [one for one in self.images if one.anomalous]
        named = kinds_in_order([one.kind for one in odd])
        return LabelledEvaluation(
            images=self.images,
            false_alarms=_called(normal),
            every=self._measured("all defects", normal, odd, self._all_places()),
            kinds=[
                self._measured(kind, normal, [x for x in odd if x.kind == kind], self._one(kind))
                for kind in named
            ],
            left_out=self.left_out,
            trained_on=self.trained_on,
            unlabelled=unlabelled,
            skipped=self.skipped,
            bad_masks=self.bad_masks,
            unmasked=self.unmasked,
        )

    def _all_places(self) -> PixelRanking | None:
        if not self.masked:
            return None
        together = PixelRanking()
        for one in self.places.values():
            together.add(one)
        return together

    def _one(self, kind: str) -> PixelRanking | None:
        """Return the ranking of one kind, with the pixels of all normal images."""
        if kind not in self.places or kind not in self.masked:
            return None
        together = PixelRanking()
        together.add(self.places[NORMAL])
        together.add(self.places[kind])
        return together

    def _measured(
        self, kind: str, normal: list[Scored], odd: list[Scored], places: PixelRanking | None
    ) -> KindMeasured:
        scores = finite_scores([one.score for one in (*normal, *odd)])
        labels = np.repeat([False, True], [len(normal), len(odd)])
        both = bool(normal) and bool(odd)
        ranked = places if places is not None and places.complete else None
        return KindMeasured(
            kind=kind,
            detected=_called(odd),
            auroc=auroc(scores, labels) if both else None,
            average_precision=average_precision(scores, labels) if both else None,
            interval=auroc_interval(scores, labels) if both else None,
            masks=sum(self.masked.get(name, 0) for name in {one.kind for one in odd}),
            pixel_auroc=None if ranked is None else ranked.auroc(),
            aupro=None if ranked is None else ranked.aupro(),
        )


def _called(images: Sequence[Scored]) -> Proportion:
    return Proportion(sum(one.called for one in images), len(images))


def finite_scores(scores: Sequence[float]) -> np.ndarray:
    """Return (n,) finite scores in the same order; NaN and +inf rank above all others."""
    values = np.asarray(scores, dtype=np.float64)
    known = np.isfinite(values)
    top = float(values[known].max(initial=0.0))
    return np.where(known | np.isneginf(values), np.maximum(values, -1e300), top + 1 + abs(top))
