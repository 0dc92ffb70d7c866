"""What cannot be exported is refused with the reason."""

import pytest

import convae
from convae.errors import InputError
from convae.export.graphs.of_model import graph_of


def test_an_inpainter_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match="an inpainter cannot be exported yet: the classical fill"):
        graph_of(convae.Inpainter())


def test_only_autoencoders_have_parts() -> None:
    with pytest.raises(
        InputError, match="this model was fitted to detect anomalies: leave part out"
    ):
        graph_of(convae.AnomalyDetector(), "encoder")
    with pytest.raises(InputError, match="unknown part 'code': did you mean 'encoder'"):
        graph_of(convae.ConvAutoencoder(), "code")
