"""Which estimators there are, by the name that model files use."""

from pathlib import Path

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.autoencoders.sparse import SparseAutoencoder
from convae.estimators.autoencoders.stacked import StackedAutoencoder
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator, load_estimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainter

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
