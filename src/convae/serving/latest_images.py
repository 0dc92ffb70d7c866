"""Whether the images that a served detector judged still resemble its calibration images."""

import threading
from collections import deque

from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.metrics.drift import Drift, Look, find_drift

LATEST = 500  # images that are compared with the calibration images


class LatestImages:
    """Scores and appearance of the latest images, without those that the model was trained on."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Look]] = deque(maxlen=LATEST)
        self._lock = threading.Lock()

    def add(self, found: Detection) -> None:
        """Add a detection."""
        if not found.trained_on:
            with self._lock:
                self._seen.append((found.score, found.look))

    def drift(self, model: AnomalyDetector) -> Drift:
        """Compare the images with the calibration images, as ``convae detect`` does.

        Scores of a detector of folds are not compared: the lowest of several is below that of a single one.
        """
        with self._lock:
            seen = list(self._seen)
        return find_drift(
            model.calibration_,
            -model.offset_,
            model.looks_,
            scores=() if model.calibrated_by_folds_ else [score for score, _ in seen],
            looks=[look for _, look in seen],
        )
