"""A small model and its file, for the tests of model files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convae
from convae import ConvAutoencoder, ModelFileError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> ConvAutoencoder:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    parameters: dict[str, Any] = {
        "widths": (3,),
        "latent_dim": 2,
        "blocks": 1,
        "hidden": 4,
        "epochs": 1,
    }
    fitted = ConvAutoencoder.from_options(
        {**parameters, "size": (6, 5), "loss": "0.5*mse+0.5*l1"}
    ).fit(IMAGES)
    torch.set_num_threads(threads)
    return fitted


@pytest.fixture(scope="module")
def file(model: ConvAutoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("models") / "good.convae"
    model.save(path)
    return path


def refused(path: Path, sentence: str = ".") -> str:
    """The one sentence that both readers of the file give."""
    with pytest.raises(ModelFileError, match=sentence) as caught:
        convae.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < len(str(path)) + 700
    return message
