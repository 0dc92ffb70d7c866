"""What a model makes of one image, before it is written as JSON, PNG, TIFF or NPY."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convae.estimators.anomaly.detector import Detection
from convae.images.files.facts import Missing
from convae.images.files.image import ImageInfo, Pixels


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result for one image.

    Attributes:
        facts: plain values on the result, ready for JSON.
        pixels: (H, W, C) the resulting image; None if the result is no image.
        like: where the image came from: the result gets its kind of file, depth and metadata.
        holes: (H, W) True where a pixel still has no value; None if each has one.
        array: a result that is no image: a code (k,) or (k, h, w) float32.
        heatmap: (H, W) float32, in standard deviations above normal images.
        overlay: (H, W, 3) uint8, the image with the heatmap over it.
        row: (H, W, 3) uint8: regions, heatmap and nearest normal image side by side.
        detection: of a detector.
        notes: sentences for the user.
    """

    facts: dict[str, Any]
    pixels: Pixels | None = None
    like: ImageInfo | None = None
    holes: Missing | None = None
    array: np.ndarray | None = None
    heatmap: np.ndarray | None = None
    overlay: np.ndarray | None = None
    row: np.ndarray | None = None
    detection: Detection | None = None
    notes: list[str] = field(default_factory=list)
