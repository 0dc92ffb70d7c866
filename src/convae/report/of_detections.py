"""The page of what a detector found: how many, which, where, and what normal looks like."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from convae.estimators.anomaly import AnomalyDetector, Detection
from convae.images.framing import resize
from convae.images.preparing import to_depth
from convae.images.scaling import Scaling
from convae.report.contents import DataFacts, Panel, Report
from convae.report.heatmaps import boxed, overlay, side_by_side
from convae.report.of_anomaly import promise, scale_note
from convae.report.pictures import fit_size, to_display
from convae.report.text import number

SHOWN = 24  # images on the page: the highest scores
MOST_SIDE = 256  # pixels of a picture on the page
SEEN, LARGEST = 192, 4096  # pixels of a picture in a file of its own


@dataclass(frozen=True)
class Pictures:
    """A detection to look at: the image, the heatmap over it, its regions, what is normal.

    Each is uint8 (H, W, 3).
    """

    image: np.ndarray
    overlay: np.ndarray
    boxed: np.ndarray
    nearest: np.ndarray

    @classmethod
    def of(cls, model: AnomalyDetector, found: Detection) -> "Pictures":
        """Of a detection by a model."""
        image = _shown(to_depth(found.image, model.plan_.depth), model.scaling_)
        over = overlay(image, found.map, model.level_)
        kept = model.kept_[found.nearest].astype(np.float32) / 255
        nearest = to_display(np.moveaxis(kept, 2, 0)[None])[0]
        boxes = [region.box for region in found.regions]
        size = (image.shape[0], image.shape[1])
        return cls(image, over, boxed(image, boxes), resize(nearest, size))

    def row(self) -> np.ndarray:
        """All but the plain image beside each other, tiny ones enlarged."""
        three = np.stack([self.boxed, self.overlay, self.nearest])
        return side_by_side(list(fit_size(three, enlarge_to=SEEN, limit=LARGEST)))


@dataclass
class Highest:
    """The images with the highest scores so far, as small pictures of one size.

    Attributes:
        size: (height, width) of all.
    """

    size: tuple[int, int]
    _kept: list[tuple[float, int, str, list[np.ndarray]]] = field(default_factory=list)

    @classmethod
    def for_model(cls, model: AnomalyDetector) -> "Highest":
        """In the proportions that the model brings images to."""
        _, height, width = model.image_shape_
        factor = min(1.0, MOST_SIDE / max(height, width))
        return cls((max(1, round(factor * height)), max(1, round(factor * width))))

    def add(self, found: Detection, pictures: Pictures, told: str) -> None:
        """Take one more; it is kept if it is among the highest."""
        if len(self._kept) == SHOWN and found.score <= self._kept[0][0]:
            return
        three = (pictures.image, pictures.overlay, pictures.nearest)
        small = [resize(picture, self.size) for picture in three]
        item = (found.score, -found.index, f"{found.image.info.name}\n{told}", small)
        (heapq.heappush if len(self._kept) < SHOWN else heapq.heapreplace)(self._kept, item)

    def panel(self, note: str) -> Panel:
        """The pictures, the highest first."""
        items = sorted(self._kept, reverse=True, key=lambda item: item[:2])
        texts = [item[2].split("\n", 1) for item in items]
        rows = ("image", "found", "nearest normal image")
        return Panel(
            heading="The highest scores",
            rows={name: np.stack([item[3][k] for item in items]) for k, name in enumerate(rows)},
            names=[name for name, _ in texts],
            told=[told for _, told in texts],
            note=note,
        )


def report_of_detections(
    model: AnomalyDetector,
    highest: Highest,
    *,
    summary: Sequence[str],
    title: str,
    subtitle: str,
    command: str,
    data: DataFacts,
) -> Report:
    """The page."""
    return Report(
        title=title,
        subtitle=subtitle,
        summary=summary,
        panels=[highest.panel(scale_note(model))],
        data=data,
        versions=model._stored.facts.get("versions", {}),
        command=command,
    )


def summary_of(model: AnomalyDetector, anomalous: int, images: int) -> list[str]:
    """How many were found, beside how many there would be if all were normal."""
    rate = model.false_alarm_rate_
    return [
        f"{anomalous:,} of {images:,} images are anomalous; of as many normal images at most "
        f"{rate * images:.3g} would be called so, on average.",
        promise(model),
    ]


def told_of(found: Detection) -> str:
    """Score and p-value below a picture."""
    return f"score {number(found.score, 3)}, p {number(found.p_value, 2)}"


def _shown(pixels: np.ndarray, scaling: Scaling) -> np.ndarray:
    """(H, W, C) as stored to a picture; black and white as the model scales them."""
    ends = (min(scaling.low), max(scaling.high))
    picture: np.ndarray = to_display(np.moveaxis(pixels, 2, 0)[None], value_range=ends)[0]
    return picture
