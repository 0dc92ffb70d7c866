"""Convolutional autoencoders that do real work on your own images.

    import convae
    model = convae.ConvAutoencoder(latent_dim=32).fit("my_images/")
    codes = model.transform("my_images/")
    model.save("my.convae")

What is listed here is loaded when it is first used, so that importing convae costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from convae.version import __version__

if TYPE_CHECKING:
    from convae.config.parameters import (
        ArchitectureSettings,
        PreparationSettings,
        TrainingSettings,
    )
    from convae.errors import (
        ConvaeError,
        ConvaeWarning,
        FitWarning,
        ImageError,
        ImageWarning,
        InputError,
        ModelFileError,
        TrainingError,
    )
    from convae.estimators.anomaly.detector import AnomalyDetector
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
    from convae.estimators.autoencoders.sparse import SparseAutoencoder
    from convae.estimators.autoencoders.stacked import StackedAutoencoder
    from convae.estimators.autoencoders.variational import VariationalAutoencoder
    from convae.estimators.registry import load
    from convae.estimators.restoration.denoiser import Denoiser
    from convae.estimators.restoration.inpainter import Inpainter
    from convae.evaluation.comparison.compare import compare
    from convae.evaluation.tuning.tune import tune
    from convae.export.export import export_model
    from convae.images.result_files import write_images
    from convae.images.sources.item_sources import images_from
    from convae.images.sources.open_source import open_source
    from convae.networks.architecture import Architecture
    from convae.networks.autoencoder import Autoencoder
    from convae.networks.presets import make_architecture
    from convae.report.plot_images import plot_images
    from convae.training.trackers import MLflowTracker, TensorBoardTracker, WandbTracker

_HOMES = {
    "AnomalyDetector": "estimators.anomaly.detector",
    "Architecture": "networks.architecture",
    "ArchitectureSettings": "config.parameters",
    "Autoencoder": "networks.autoencoder",
    "ConvAutoencoder": "estimators.autoencoders.autoencoder",
    "ConvaeError": "errors",
    "ConvaeWarning": "errors",
    "Denoiser": "estimators.restoration.denoiser",
    "FitWarning": "errors",
    "ImageError": "errors",
    "ImageWarning": "errors",
    "Inpainter": "estimators.restoration.inpainter",
    "InputError": "errors",
    "MLflowTracker": "training.trackers",
    "ModelFileError": "errors",
    "PreparationSettings": "config.parameters",
    "SparseAutoencoder": "estimators.autoencoders.sparse",
    "StackedAutoencoder": "estimators.autoencoders.stacked",
    "TensorBoardTracker": "training.trackers",
    "TrainingError": "errors",
    "TrainingSettings": "config.parameters",
    "VariationalAutoencoder": "estimators.autoencoders.variational",
    "WandbTracker": "training.trackers",
    "export_model": "export.export",
    "images_from": "images.sources.item_sources",
    "compare": "evaluation.comparison.compare",
    "load": "estimators.registry",
    "make_architecture": "networks.presets",
    "open_source": "images.sources.open_source",
    "plot_images": "report.plot_images",
    "tune": "evaluation.tuning.tune",
    "write_images": "images.result_files",
}

__all__ = [
    "AnomalyDetector",
    "Architecture",
    "ArchitectureSettings",
    "Autoencoder",
    "ConvAutoencoder",
    "ConvaeError",
    "ConvaeWarning",
    "Denoiser",
    "FitWarning",
    "ImageError",
    "ImageWarning",
    "Inpainter",
    "InputError",
    "MLflowTracker",
    "ModelFileError",
    "PreparationSettings",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "TensorBoardTracker",
    "TrainingError",
    "TrainingSettings",
    "VariationalAutoencoder",
    "WandbTracker",
    "__version__",
    "compare",
    "export_model",
    "images_from",
    "load",
    "make_architecture",
    "open_source",
    "plot_images",
    "tune",
    "write_images",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convae' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"convae.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
