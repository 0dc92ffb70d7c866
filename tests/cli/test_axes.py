"""--channels-first and --channels-last, and arrays that are given back with their axes as they were."""

from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command

LAST = np.random.default_rng(0).integers(0, 256, (20, 8, 6, 3), dtype=np.uint8)
FIT = ("--epochs", 1, "--latent-dim", 2, "--widths", "3", "--no-report")


def test_an_array_with_channels_first_comes_back_like_that(convae: Command, tmp_path: Path) -> None:
    data, model = tmp_path / "x.npy", tmp_path / "m.convae"
    np.save(data, LAST.transpose(0, 3, 1, 2))
    done = convae("fit", "autoencoder", data, "--out", model, *FIT)
    assert done.code == 0, done.err
    assert (
        "x.npy of shape (20, 3, 8, 6) is read with its channels first: 20 images of 8x6" in done.err
    )
    done = convae("reconstruct", model, data, "--channels-first", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "channels first" not in done.err  # it was said
    back = np.load(tmp_path / "out" / "reconstructions.npy", allow_pickle=False)
    assert back.shape == (20, 3, 8, 6)


@pytest.mark.parametrize(
    ("option", "size"), [("--channels-first", "16x3"), ("--channels-last", "3x16")]
)
def test_what_may_be_either_is_refused_until_an_option_says_it(
    option: str, size: str, convae: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((20, 3, 16, 3), np.uint8))
    done = convae("check", tmp_path / "x.npy")
    assert done.code == 2
    assert "may be 3x16 pixels with 3 channels, or 16x3 pixels with 3 channels" in done.err
    assert "choose with --channels-first or --channels-last" in done.err
    assert "open_source" not in done.err
    done = convae("check", tmp_path / "x.npy", option)
    assert done.code == 0, done.err
    assert size in done.out.replace(" x ", "x")


def test_the_option_is_for_arrays(convae: Command, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    done = convae("check", tmp_path, "--channels-last")
    assert done.code == 2
    assert "image files and sets state it" in done.err
