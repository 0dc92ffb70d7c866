"""How well a detector separates images with real defects from normal ones: evaluated on labelled images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from convae.errors import ImageError, InputError
from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.evaluation.reconstruction import nothing_measured
from convae.evaluation.results.guarantee import guarantee
from convae.evaluation.results.labelled_anomaly import KindMeasured, LabelledEvaluation, Scored
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.defect_labels import NORMAL, kinds_in_order
from convae.images.sources.defect_masks import DefectMasks
from convae.images.sources.masks import Missing
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import PixelRanking, auroc, average_precision
from convae.metrics.resampling import auroc_interval

MOST_PLACED = 24  # most kinds whose pixels are ranked separately: each takes about 25 MB
_TOGETHER = "\0"  # name for all kinds together where there are more; no folder has that name


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
    places = _masks_of(source, known, masks)
    measured = _Pass(source, known, places)
    measured.measure(model, include_seen=include_seen, progress=progress)
    if not measured.scored and measured.left_out:
        measured = _Pass(source, known, places)
        measured.measure(model, include_seen=True, progress=progress)
    if not measured.scored:
        raise nothing_measured(source, measured.bad_images)
    return measured.result(model, unlabelled=len(source) - len(known))


def _masks_of(
    source: ImageSource, kinds: Mapping[int, str], masks: ImageSource | None
) -> DefectMasks | None:
    anomalous = [i for i, kind in kinds.items() if kind != NORMAL]
    if masks is None or not anomalous:
        return None
    return DefectMasks(masks, source.select(anomalous), anomalous)


class _Pass:
    """One pass over the images; each map is ranked and then discarded."""

    def __init__(
        self, source: ImageSource, kinds: Mapping[int, str], masks: DefectMasks | None
    ) -> None:
        self.source, self.kinds, self.masks = source, kinds, masks
        self.scored: list[Scored] = []
        self.bad_images, self.bad_masks = list(source.skipped), list[Skipped]()
        self.left_out = self.seen = self.unmasked = 0
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
            self.bad_images.append(Skipped(error.name, error.reason))

        chosen = self.source.select(positions)
        for done, found in enumerate(model.iter_detect(chosen, on_bad=skip), start=1):
            if found.trained_on and not include_seen:
                self.left_out += 1
            else:
                self.seen += found.trained_on
                self._take(found, positions[found.index])
            if progress is not None:
                progress(done, len(positions))

    def _take(self, found: Detection, index: int) -> None:
        kind = self.kinds[index]
        self.scored.append(
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

    def result(self, model: AnomalyDetector, *, unlabelled: int) -> LabelledEvaluation:
        """Return the evaluation."""
        normal = [one for one in self.scored if not one.anomalous]
        odd = [one for one in self.scored if one.anomalous]
        named = kinds_in_order([one.kind for one in odd])
        return LabelledEvaluation(
            scored=self.scored,
            false_alarms=_called(normal),
            every=self._measured("all defects", normal, odd, self._all_places()),
            kinds=[
                self._measured(kind, normal, [x for x in odd if x.kind == kind], self._one(kind))
                for kind in named
            ],
            threshold=float(-model.offset_),
            false_alarm_rate=model.false_alarm_rate_,
            guarantee=guarantee(model),
            left_out=self.left_out,
            seen=self.seen,
            unlabelled=unlabelled,
            bad_images=self.bad_images,
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
