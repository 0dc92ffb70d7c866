"""A model with a network of a user's own: every verb refuses its file with the way to use it."""

from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command
from torch import nn

import convae as package

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def custom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("custom")
    np.save(folder / "images.npy", IMAGES)
    model = package.ConvAutoencoder(
        encoder=nn.Sequential(nn.Flatten(), nn.Linear(64, 2)),
        decoder=nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8))),
        epochs=0,
    )
    model.fit(IMAGES).save(folder / "my.convae")
    return folder


@pytest.mark.parametrize("verb", ["info", "encode", "evaluate", "reconstruct", "probe"])
def test_a_verb_refuses_it(convae: Command, custom: Path, tmp_path: Path, verb: str) -> None:
    out = {"encode": ["--out", tmp_path / "c.npy"], "reconstruct": ["--out", tmp_path / "r"]}
    images = [] if verb == "info" else [custom / "images.npy"]
    done = convae(verb, custom / "my.convae", *images, *out.get(verb, []))
    assert done.code == 2
    assert "holds the weights of a custom encoder and decoder, whose code is not in the file" in (
        " ".join(done.err.split())
    )
    assert "convae.load(path, encoder=..., decoder=...)" in " ".join(done.err.split())
    assert "Traceback" not in done.err
