"""The page of a detector's results: how many anomalies, which, where, and the nearest normal image."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import numpy as np

from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.estimators.anomaly.regions import Region
from convae.evaluation.results.guarantee import guarantee, percent
from convae.filesystem.atomic import store
from convae.images.dataset.framing import resize
from convae.images.dataset.preparation import to_depth
from convae.images.dataset.scaling import Scaling
from convae.metrics.drift import Drift
from convae.report.findings import Finding, LinkedPicture, ScoreSpread
from convae.report.page.contents import DataFacts, Report
from convae.report.pictures.heatmaps import BRIGHT, boxed, overlay, side_by_side
from convae.report.pictures.pictures import fit_size, jpeg_bytes, png_bytes, to_display
from convae.report.text import number

FOLDER = "highest"  # next to the page: the pictures that it shows
SHOWN = 24  # images that the page shows large: those with the highest scores
MOST_SIDE = 1024  # largest side in pixels of a picture on the page
MOST_EXACT = 512  # longer side in pixels up to which such a picture is exact
NAMED = 6  # most regions of an image that the page names
SEEN, LARGEST = 192, 4096  # least and largest side in pixels of a picture in a file of its own
ROW_SIDE = 256  # largest side in pixels of a picture in a row of several images
Regions = Sequence[Region]


@dataclass(frozen=True)
class Pictures:
    """Pictures of a detection: the image, the heatmap over it, its regions, what is normal.

    Each is uint8 (H, W, 3).
    """

    image: np.ndarray
    overlay: np.ndarray
    boxed: np.ndarray
    nearest: np.ndarray

    @classmethod
    def of(cls, model: AnomalyDetector, found: Detection) -> "Pictures":
        """Build the pictures of a detection by a model."""
        image = _shown(to_depth(found.image, model.plan_.depth), model.scaling_)
        over = overlay(image, found.map, model.level_)
        kept = model.kept_[found.nearest].astype(np.float32) / 255
        nearest = to_display(np.moveaxis(kept, 2, 0)[None])[0]
        boxes = [region.box for region in found.regions]
        size = (image.shape[0], image.shape[1])
        return cls(image, over, boxed(image, boxes), resize(nearest, size))

    def row(self) -> np.ndarray:
        """Return all but the plain image side by side, uint8 (H, W, 3); tiny ones are enlarged."""
        three = np.stack([self.boxed, self.overlay, self.nearest])
        return side_by_side(list(fit_size(three, enlarge_to=SEEN, limit=LARGEST)))


@dataclass(frozen=True)
class Encoded:
    """A picture as a file of at most :data:`MOST_SIDE` pixels a side: small ones PNG, others JPEG."""

    what: str
    data: bytes
    suffix: str
    size: tuple[int, int]

    @classmethod
    def of(cls, what: str, picture: np.ndarray) -> "Encoded":
        """Encode a uint8 picture (H, W, 3)."""
        shown = fit_size(picture[None], enlarge_to=1, limit=MOST_SIDE)[0]
        size = (shown.shape[1], shown.shape[0])
        if max(size) <= MOST_EXACT:
            return cls(what, png_bytes(shown), ".png", size)
        return cls(what, jpeg_bytes(shown), ".jpg", size)


@dataclass
class Highest:
    """The images with the highest scores so far, with encoded pictures that a page shows large."""

    _kept: list[tuple[float, int, Finding, dict[str, Encoded]]] = field(default_factory=list)

    def add(self, finding: Finding, index: int, pictures: Pictures, regions: Regions) -> None:
        """Add an image; it is kept if its score is among the highest.

        Args:
            finding: the result for the image.
            index: position; of equal scores, the lower index counts as higher.
            pictures: of the image.
            regions: of the image, the highest first.
        """
        score = finding.score if math.isfinite(finding.score) else math.inf
        if len(self._kept) == SHOWN and score <= self._kept[0][0]:
            return
        shown = {
            "regions": ("image, with its regions" if regions else "image", pictures.boxed),
            "heatmap": ("heatmap over the image", pictures.overlay),
            "normal": ("nearest normal image", pictures.nearest),
        }
        encoded = {name: Encoded.of(what, picture) for name, (what, picture) in shown.items()}
        item = (score, -index, replace(finding, notes=region_notes(regions)), encoded)
        (heapq.heappush if len(self._kept) < SHOWN else heapq.heapreplace)(self._kept, item)

    def write(self, folder: Path) -> list[Finding]:
        """Write the pictures into :data:`FOLDER` of a folder; return the images, the highest first."""
        (folder / FOLDER).mkdir(exist_ok=True)
        items = sorted(self._kept, reverse=True, key=lambda item: item[:2])
        found = []
        for rank, (_, _, finding, encoded) in enumerate(items, start=1):
            pictures = []
            for name, one in encoded.items():
                path = PurePath(FOLDER, f"{rank:02d}-{name}{one.suffix}")
                store(folder / path, one.data)
                pictures.append(LinkedPicture(what=one.what, path=path, size=one.size))
            found.append(replace(finding, pictures=pictures))
        return found


def pictures_of(
    model: AnomalyDetector, found: Sequence[Detection], *, boxes: bool = True
) -> dict[str, np.ndarray]:
    """Return rows of pictures of some images, uint8 (n, H, W, 3), all in one size.

    Args:
        model: the detector.
        found: its results for the images, at least one.
        boxes: whether the regions are drawn into the images.
    """
    _, height, width = model.image_shape_
    factor = min(1.0, ROW_SIDE / max(height, width))
    size = (max(1, round(factor * height)), max(1, round(factor * width)))
    rows: dict[str, list[np.ndarray]] = {"image": [], "found": [], "nearest normal image": []}
    for one in found:
        pictures = Pictures.of(model, one)
        image = pictures.boxed if boxes else pictures.image
        for name, picture in zip(rows, (image, pictures.overlay, pictures.nearest), strict=True):
            rows[name].append(resize(picture, size))
    return {name: np.stack(pictures) for name, pictures in rows.items()}


def region_notes(regions: Regions) -> list[str]:
    """Return the regions in a sentence: where, how large, how high."""
    if not regions:
        return []
    texts = [
        f"{r.box[2]} × {r.box[3]} pixels at ({r.box[0]}, {r.box[1]}), score {number(r.score, 2)}"
        for r in regions[:NAMED]
    ]
    more = f"; {len(regions) - NAMED} more in regions.json" if len(regions) > NAMED else ""
    return [f"{'Regions' if len(regions) > 1 else 'Region'}: {'; '.join(texts)}{more}."]


def report_of_detections(
    model: AnomalyDetector,
    findings: Sequence[Finding],
    *,
    summary: Sequence[str],
    title: str,
    subtitle: str,
    command: str,
    data: DataFacts,
    drift: Drift | None = None,
) -> Report:
    """Build the page.

    Args:
        model: the detector.
        findings: the result for each image, those of :class:`Highest` with their pictures.
        summary, title, subtitle, command: text of the page.
        data: facts on the images.
        drift: whether the images still resemble the calibration images; None if there are none.
    """
    ordered = sorted(
        findings, key=lambda one: -one.score if math.isfinite(one.score) else -math.inf
    )
    judged = all(one.anomalous is not None for one in ordered)
    return Report(
        title=title,
        subtitle=subtitle,
        summary=summary,
        warnings=[drift.sentence] if drift is not None and drift.moved else [],
        findings=ordered,
        findings_note=f"{scale_note(model)} A click on a picture opens its file.",
        scores=_spread(model, ordered) if judged else _unjudged(ordered),
        scores_facts=_facts(model, ordered, drift) if judged else {},
        data=data,
        versions=model._stored.facts.get("versions", {}),
        command=command,
    )


def _spread(model: AnomalyDetector, findings: Sequence[Finding]) -> ScoreSpread:
    return ScoreSpread(
        scores=[one.score for one in findings],
        anomalous=[bool(one.anomalous) for one in findings],
        threshold=-model.offset_,
        calibration=model.calibration_.scores.tolist(),
    )


def _unjudged(findings: Sequence[Finding]) -> ScoreSpread:
    return ScoreSpread(scores=[one.score for one in findings])


def _facts(
    model: AnomalyDetector, findings: Sequence[Finding], drift: Drift | None
) -> dict[str, object]:
    return {
        "images": len(findings),
        "anomalous": sum(bool(one.anomalous) for one in findings),
        "threshold": number(float(-model.offset_)),
        "promised false-alarm rate": percent(model.false_alarm_rate_),
        "calibration images": len(model.calibration_.scores),
        "their median score": number(float(np.median(model.calibration_.scores))),
        **({} if drift is None else {"images are still like them": drift.summary}),
    }


def summary_of(model: AnomalyDetector, anomalous: int, images: int) -> list[str]:
    """State how many anomalies were found, and how many to expect if all images were normal."""
    return [
        f"{anomalous:,} of {images:,} flagged; {images:,} normal images would give "
        f"{by_chance(model.false_alarm_rate_ * images)} by chance.",
        guarantee(model),
    ]


def by_chance(expected: float) -> str:
    """Format the expected number of false alarms.

    >>> [by_chance(count) for count in (0.05, 0.45, 1.04, 2.25, 123.4)]
    ['about 0.05', 'about 0.5', 'about 1', 'about 2', 'about 123']
    """
    return f"about {expected:.1g}" if expected < 0.95 else f"about {round(expected):,}"


def scale_note(model: AnomalyDetector) -> str:
    """State what the colours of heatmaps mean."""
    return (
        f"All heatmaps have one scale: bright is {BRIGHT:g} times the level that "
        f"{percent(model.false_alarm_rate_)} of normal images reach anywhere."
    )


def _shown(pixels: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Convert stored pixels (H, W, C) to a picture; black and white as the model scales them."""
    ends = (min(scaling.low), max(scaling.high))
    picture: np.ndarray = to_display(np.moveaxis(pixels, 2, 0)[None], value_range=ends)[0]
    return picture
