"""The estimators, by the names that model files use; each is imported when it is needed."""

import importlib
from pathlib import Path

from convae.errors import ModelFileError
from convae.estimators.base import ImageEstimator
from convae.storage.model_file import load_model

_MODULES = {
    "AnomalyDetector": "anomaly.detector",
    "ConvAutoencoder": "autoencoders.autoencoder",
    "Denoiser": "restoration.denoiser",
    "Inpainter": "restoration.inpainter",
    "SparseAutoencoder": "autoencoders.sparse",
    "StackedAutoencoder": "autoencoders.stacked",
    "VariationalAutoencoder": "autoencoders.variational",
}
ESTIMATORS = tuple(_MODULES)


def estimator_class(kind: str) -> type[ImageEstimator]:
    """Return the class of this name, one of :data:`ESTIMATORS`."""
    module = importlib.import_module(f"convae.estimators.{_MODULES[kind]}")
    found: type[ImageEstimator] = getattr(module, kind)
    return found


def load(path: str | Path, *, device: str = "auto") -> ImageEstimator:
    """Load the model of a ``*.convae`` file, ready to use.

    Args:
        path: the file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ModelFileError: the file is missing, damaged, foreign or too new; the message is one sentence.
    """
    stored = load_model(path)
    if stored.kind not in _MODULES:
        raise ModelFileError(
            f"{path}: a model of kind {stored.kind!r:.100}, which this version does not know"
        )
    return estimator_class(stored.kind)._from_file(path, stored, device)
