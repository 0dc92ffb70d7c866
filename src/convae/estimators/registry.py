"""Which estimators there are, by the name that model files use."""

from pathlib import Path

from convae.estimators.anomaly import AnomalyDetector
from convae.estimators.autoencoder import ConvAutoencoder
from convae.estimators.base import ImageEstimator, load_estimator
from convae.estimators.denoiser import Denoiser
from convae.estimators.inpainter import Inpainter
from convae.estimators.sparse import SparseAutoencoder
from convae.estimators.stacked import StackedAutoencoder
from convae.estimators.variational import VariationalAutoencoder

ESTIMATORS: dict[str, type[ImageEstimator]] = {
    "AnomalyDetector": AnomalyDetector,
    "ConvAutoencoder": ConvAutoencoder,
    "Denoiser": Denoiser,
    "Inpainter": Inpainter,
    "SparseAutoencoder": SparseAutoencoder,
    "StackedAutoencoder": StackedAutoencoder,
    "VariationalAutoencoder": VariationalAutoencoder,
}


def load(path: str | Path, *, device: str = "auto") -> ImageEstimator:
    """The model in a ``*.convae`` file, ready to use.

    Args:
        path: the file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ModelFileError: one sentence for a file that is missing, damaged, foreign or too new.
    """
    return load_estimator(path, ESTIMATORS, device)
