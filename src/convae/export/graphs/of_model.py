"""The graph of a model."""

from convae.errors import InputError, unknown_name
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainter
from convae.export.graphs.detection import detection_graph
from convae.export.graphs.graph import Graph
from convae.export.graphs.reconstruction import reconstruction_graph
from convae.export.graphs.restoration import denoising_graph

PARTS = ("encoder", "decoder")


def graph_of(model: ImageEstimator, part: str | None = None) -> Graph:
    """Return the graph of a fitted model.

    Args:
        part: ``encoder`` or ``decoder`` of an autoencoder; None for the whole model.

    Raises:
        InputError: the model has no such part, or cannot be exported; the message says why.
    """
    if part is not None and part not in PARTS:
        raise unknown_name("part", part, PARTS)
    if isinstance(model, ConvAutoencoder):
        return reconstruction_graph(model, part)
    if part is not None:
        raise InputError(
            f"part {part!r}: only an autoencoder has an encoder and a decoder that are of use apart; this "
            f"model was fitted to {model.job}: leave part out"
        )
    if isinstance(model, AnomalyDetector):
        return detection_graph(model)
    if isinstance(model, Denoiser):
        return denoising_graph(model)
    if isinstance(model, Inpainter):
        raise InputError(
            "an inpainter cannot be exported yet: the classical fill that it starts from takes as many steps "
            "as an image needs, and no exported file has been shown to take the same; use it with convae"
        )
    raise InputError(f"a model that was fitted to {model.job} cannot be exported")
