"""What ConvAutoencoder refuses, in one sentence and before it reads an image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.conftest import PRESETS, blobs

import convae
from convae import ConvAutoencoder, InputError
from convae.images.sources.open_source import open_source

Small = Callable[..., ConvAutoencoder]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"preset": "residul"}, "unknown preset 'residul': did you mean 'residual'"),
    ({"preset": ["residual"]}, "preset must be a name"),
    ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
    ({"optimizer": None}, "unknown optimizer None"),
    ({"loss": "mes"}, "unknown loss 'mes': did you mean 'mse'"),
    ({"loss": "-1*mse"}, "weight of mse must be a finite number above 0"),
    ({"loss": ""}, "loss"),
    ({"loss": "bce", "output": "linear"}, "loss 'bce' needs output 'sigmoid', which gives"),
    ({"schedule": "step"}, "unknown schedule"),
    ({"precision": "float8"}, "unknown precision"),
    ({"storage": "ram"}, "unknown storage"),
    ({"scaling": "max"}, "unknown scaling"),
    ({"framing": "stretch"}, "unknown mode 'stretch'"),
    ({"framing": "pad"}, "framing 'pad' needs size="),
    ({"size": (0, 3)}, r"size must be \(height, width\), .* got \(0, 3\)"),
    ({"size": 8}, r"size must be \(height, width\); got 8"),
    ({"size": (8, 8, 8)}, r"size must be \(height, width\)"),
    ({"channels": 2}, r"channels must be 1 \(grey\), 3 \(RGB\) or None; got 2"),
    ({"epochs": -1}, "epochs must be a whole number of at least 0; got -1"),
    ({"epochs": 2.5}, "epochs must be a whole number"),
    ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
    ({"patience": None}, "patience must be a whole number"),
    ({"learning_rate": float("nan")}, "learning_rate must be a number from 0 to 10; got nan"),
    ({"learning_rate": "fast"}, "learning_rate must be a number"),
    ({"clip": float("inf")}, "clip must be a number"),
    ({"ema": 1.0}, "ema must be a number from 0 to 0.99999; got 1.0"),
    ({"warmup": 2}, "warmup must be a number from 0 to 1; got 2"),
    ({"validation_fraction": 2}, "validation_fraction must be a number from 0 to below 1; got 2"),
    ({"validation_fraction": -0.1}, "validation_fraction must be a number"),
    ({"validation_fraction": float("nan")}, "validation_fraction must be a number"),
    ({"random_state": -1}, r"random_state must be a whole number from 0 to 2\*\*32 - 1; got -1"),
    ({"random_state": 0.5}, "random_state must be a whole number"),
    ({"random_state": "0"}, "random_state must be a whole number"),
    ({"strict": "yes"}, "strict must be True or False; got 'yes'"),
    ({"device": "gpu"}, "unknown device 'gpu'"),
    ({"device": "cuda:x"}, "device 'cuda:x' is none"),
    ({"device": None}, "device must be a name"),
    ({"widths": 8}, "widths must be whole numbers, one a stage; got 8"),
    ({"widths": []}, "widths must name 1 to 12 stages"),
    ({"widths": (4, 0)}, "each of widths must be a whole number from 1"),
    ({"latent_dim": 0}, "latent_dim must be a whole number from 1"),
    ({"latent_dim": 2.0}, "latent_dim must be a whole number from 1"),
    ({"kernel_size": 2}, "kernel_size must be odd; got 2"),
    ({"blocks": -1}, "blocks must be a whole number from 0"),
    ({"hidden": -1}, "hidden must be a whole number from 0"),
    ({"output": "softmax"}, "output must be one of sigmoid, linear, clamp; got 'softmax'"),
    ({"down": "pool"}, "down must be one of"),
    ({"code": "flat"}, "code must be one of dense, spatial; got 'flat'"),
    ({"norm": 3}, "norm must be one of"),
    ({"widths": (4,) * 3, "padding_mode": "reflect"}, "needs maps of at least 2 pixels a side"),
    ({"hidden": 8, "code": "spatial"}, "hidden requires code 'dense'"),
    ({"output": "sigmoid", "bypass": "pca"}, "would bend the linear bypass"),
]


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
@pytest.mark.parametrize(("change", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_wrong_parameters_are_refused_before_an_image_is_read(
    change: dict[str, Any], sentence: str, verb: str
) -> None:
    model = ConvAutoencoder.from_options({**PRESETS["residual"], "hidden": None, **change})
    source = open_source(blobs(12, 8, 8))
    source.read = None  # type: ignore[assignment, method-assign]  # calling it is an error of another kind
    with pytest.raises(InputError, match=sentence) as caught:
        getattr(model, verb)(source)
    assert "\n" not in str(caught.value)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    "shape", [(7, 7), (2, 8, 8), (64,), 64, (8, 8.0), (0, 8, 8), (2, 2, 4, 4), "8x8"], ids=str
)
def test_an_image_shape_that_does_not_fit_is_refused(shape: Any, small: Small) -> None:
    with pytest.raises(InputError, match=r"image_shape must be \(height, width\) or .*; got "):
        small(image_shape=shape).fit(blobs(6, 8, 8).reshape(6, 64))


@pytest.mark.parametrize("groups", [[1, 2], np.zeros((12, 2)), 3])
def test_groups_of_the_wrong_length_are_refused(groups: Any, small: Small) -> None:
    with pytest.raises(InputError, match="groups must name the group of each of 12 images"):
        small().fit(blobs(12, 8, 8), groups=groups)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there(small: Small, tmp_path: Path) -> None:
    sentence = "^device 'cuda': no CUDA device is usable here"
    with pytest.raises(InputError, match=sentence):
        small(device="cuda").fit(blobs(6, 8, 8))
    small().fit(blobs(6, 8, 8)).save(tmp_path / "a.convae")
    with pytest.raises(InputError, match=sentence):
        convae.load(tmp_path / "a.convae", device="cuda")
    with pytest.raises(InputError, match=r"^unknown device 'gpu'"):
        convae.load(tmp_path / "a.convae", device="gpu")


@pytest.mark.parametrize(
    ("codes", "got"),
    [
        (np.zeros((2, 3)), r"\(2, 3\)"),
        (np.zeros(2), r"\(2,\)"),
        ([[1], [2, 3]], ""),
        ("far", "far"),
    ],
)
def test_codes_of_another_model_are_refused(codes: Any, got: str, small: Small) -> None:
    with pytest.raises(InputError, match=rf"codes must be .*\(n, 2\).*{got}"):
        small().fit(blobs(6, 8, 8)).inverse_transform(codes)


def test_no_images_are_refused(small: Small, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = np.zeros((0, 8, 8), np.uint8)
    sources: list[Any] = [empty, [], tmp_path / "empty", tmp_path / "missing", 5]
    for source in sources:
        with pytest.raises(InputError):
            small().fit(source)
