"""The estimators, by the names that model files use; each is imported when it is needed."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from convae.errors import ModelFileError
from convae.estimators.base import ImageEstimator
from convae.networks.custom import custom_parts
from convae.storage.model_file import load_model

if TYPE_CHECKING:
    from torch import nn

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


def load(
    path: str | Path,
    *,
    device: str = "auto",
    encoder: "nn.Module | None" = None,
    decoder: "nn.Module | None" = None,
) -> ImageEstimator:
    """Load the model of a ``*.convae`` file, ready to use.

    Args:
        path: the file.
        device: ``auto``, ``cpu`` or ``cuda``.
        encoder, decoder: for a model that was fitted with an encoder and a decoder of your own: modules of
            the same form, such as ``MyEncoder(latent_dim=8)``. They are copied, and the copies get the
            weights of the file. A file names their classes as text, and never imports or executes them.

    Raises:
        ModelFileError: the file is missing, damaged, foreign or too new, or its network needs modules that
            are not given or do not fit; the message is one sentence.
        InputError: only one module is given, or what is given is no module.
    """
    stored = load_model(path, custom_parts(encoder, decoder))
    if stored.kind not in _MODULES:
        raise ModelFileError(
            f"{path}: a model of kind {stored.kind!r:.100}, which this version does not know"
        )
    model = estimator_class(stored.kind)._from_file(path, stored, device)
    if encoder is not None:
        model.set_params(encoder=encoder, decoder=decoder)
    return model
