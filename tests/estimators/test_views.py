"""Models show themselves: tables, drawings, results, pages and cards, for every job and any channels."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from tests.estimators.conftest import blobs, folder_of

from convae import (
    AnomalyDetector,
    ConvAutoencoder,
    Denoiser,
    Inpainter,
    InputError,
    VariationalAutoencoder,
)
from convae.networks.summary import Summary
from convae.report.drawing import Drawing

SMALL: dict[str, Any] = {"epochs": 1, "architecture": {"widths": (4,)}}
SIZES = {"grey": (16, 16), "seven": (12, 20, 7)}
MAKE: dict[str, Callable[[], Any]] = {
    "autoencoder": lambda: ConvAutoencoder(latent_dim=3, **SMALL),
    "variational": lambda: VariationalAutoencoder(latent_dim=3, **SMALL),
    "denoiser": lambda: Denoiser(noise="gaussian", sigma=0.1, **SMALL),
    "inpainter": lambda: Inpainter(**SMALL),
    "detector": lambda: AnomalyDetector(false_alarm_rate=0.2, **SMALL),
}
ROWS = {
    "autoencoder": ("original", "reconstruction", "error"),
    "variational": ("original", "reconstruction", "error"),
    "denoiser": ("image", "denoised", "removed"),
    "inpainter": ("original", "with holes", "filled"),
    "detector": ("image", "found", "nearest normal image"),
}


@pytest.fixture(scope="module")
def fitted() -> Callable[[str], Any]:
    """Each model, fitted once, on grey images."""
    made: dict[str, Any] = {}

    def of(kind: str) -> Any:
        if kind not in made:
            made[kind] = MAKE[kind]().fit(blobs(24, 16, 16))
        return made[kind]

    return of


def texts(drawing: Drawing) -> list[str]:
    root = ElementTree.fromstring(drawing.svg)
    return [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]


def pictures(drawing: Drawing) -> int:
    return len(list(ElementTree.fromstring(drawing.svg).iter("{http://www.w3.org/2000/svg}image")))


@pytest.mark.parametrize("kind", MAKE)
def test_every_kind_shows_itself(kind: str, fitted: Callable[[str], Any], tmp_path: Path) -> None:
    model = fitted(kind)
    assert isinstance(model.summary(), Summary)
    for drawing in (model.plot_history(), model.plot_architecture()):
        assert ElementTree.fromstring(drawing.svg).tag.endswith("svg")
    others = blobs(9, 16, 16, seed=3)
    drawing = model.plot_reconstructions(others, n=4)
    assert pictures(drawing) == 12
    assert [text for text in texts(drawing) if text in ROWS[kind]] == list(ROWS[kind])
    card = model._repr_html_()
    assert type(model).__name__ in card
    assert "training images" in card
    found = model.evaluate(others)
    assert "--" not in str(found)  # options of the command line
    assert repr(found) == str(found)
    assert f"Measured on {found.images} images" in found._repr_html_()
    page = model.report(tmp_path / "page.html", others)
    assert "<h1>page</h1>" in page.read_text(encoding="utf-8")
    alone = model.report(tmp_path / "alone.html").read_text(encoding="utf-8")
    assert "Training" in alone
    assert "Architecture" in alone or "<h2>Network</h2>" in alone


def test_a_network_of_seven_channels_shows_three_of_them() -> None:
    images = blobs(12, *SIZES["seven"], dtype="uint16")
    model = ConvAutoencoder(latent_dim=2, **SMALL).fit(images)
    drawing = model.plot_reconstructions(images, n=2)
    assert "Bands 7, 4 and 1 of 7 are shown as red, green and blue." in " ".join(texts(drawing))


def test_pictures_are_spread_over_the_images(fitted: Callable[[str], Any]) -> None:
    words = texts(fitted("autoencoder").plot_reconstructions(blobs(9, 16, 16), n=3))
    assert [word for word in words if word.startswith("array[")] == [
        "array[0]",
        "array[4]",
        "array[8]",
    ]


def test_unusable_images_are_left_out_and_counted(
    fitted: Callable[[str], Any], tmp_path: Path
) -> None:
    folder = folder_of(blobs(3, 16, 16), tmp_path / "some")
    (folder / "001.png").write_bytes(b"no image")
    drawing = fitted("autoencoder").plot_reconstructions(folder)
    assert pictures(drawing) == 6
    assert "1 image is not shown: 001.png: " in " ".join(texts(drawing))


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "4"])
def test_n_must_be_a_number_of_images(n: Any, fitted: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match="n must be a whole number of images from 1; got"):
        fitted("autoencoder").plot_reconstructions(blobs(3, 16, 16), n=n)


def test_the_masks_of_an_inpainter_are_those_of_the_chosen_images(
    fitted: Callable[[str], Any],
) -> None:
    images = blobs(4, 16, 16)
    masks = np.zeros((4, 16, 16), np.uint8)
    masks[3, 4:8, 4:8] = 255
    drawing = fitted("inpainter").plot_reconstructions(images, n=2, mask=masks)
    assert drawing.pixels is not None
    assert pictures(drawing) == 6
    with pytest.raises(
        InputError, match="mask is for inpainters, and this model was fitted to denoise"
    ):
        fitted("denoiser").plot_reconstructions(images, mask=masks)


def test_codes_are_coloured_by_their_labels(fitted: Callable[[str], Any]) -> None:
    model, images = fitted("autoencoder"), blobs(9, 16, 16)
    words = texts(model.plot_codes(images, labels=["cat", "dog", "cow"] * 3))
    assert {"cat", "dog", "cow"} <= set(words)
    assert pictures(model.plot_codes(images, pictures=True)) > 0
    with pytest.raises(
        InputError, match=r"labels must be one for each of 9 images; got shape \(2,\)"
    ):
        model.plot_codes(images, labels=[0, 1])
    with pytest.raises(InputError, match="at least 3 different ones are needed"):
        model.plot_codes(images[:2])
    assert not hasattr(fitted("denoiser"), "plot_codes")


def test_axes_of_matplotlib_are_drawn_into_and_returned(fitted: Callable[[str], Any]) -> None:
    model, images = fitted("autoencoder"), blobs(6, 16, 16)
    figure = Figure()
    axes = figure.subplots(2, 2).ravel()
    assert model.plot_history(ax=axes[0]) is axes[0]
    assert axes[0].get_xlabel() == "epoch"
    assert axes[0].get_ylabel() == "mse"
    model.plot_codes(images, labels=[0, 0, 1, 1, 2, 2], ax=axes[1])
    assert len(axes[1].collections) == 3
    model.plot_reconstructions(images, ax=axes[2])
    assert len(axes[2].images) == 1
    model.plot_architecture(ax=axes[3])
    assert len(axes[3].patches) > 3


def test_a_report_never_replaces_a_file_unasked(
    fitted: Callable[[str], Any], tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"exists already: give overwrite=True to replace it"):
        fitted("autoencoder").report(path)
    assert path.read_text() == "mine"
    fitted("autoencoder").report(path, overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(InputError, match="are for images: give X as well"):
        fitted("denoiser").report(tmp_path / "other.html", target=blobs(3, 16, 16))
    with pytest.raises(InputError, match=r"give a name that ends in \.html"):
        fitted("autoencoder").report(tmp_path / "page.pdf")


def test_labels_measure_a_detector_on_real_defects(fitted: Callable[[str], Any]) -> None:
    odd = blobs(8, 16, 16, seed=9)
    odd[:4, 4:9, 4:9] = 255
    found = fitted("detector").evaluate(odd, labels=[True] * 4 + [False] * 3 + [None])
    assert found.images == 7
    assert "images" in found._repr_html_()
    for options, sentence in (
        ({"masks": odd}, "give labels as well"),
        ({"target": odd}, "target is for denoisers"),
    ):
        with pytest.raises(InputError, match=sentence):
            fitted("detector").evaluate(odd, **options)


def test_a_detector_is_not_measured_on_images_it_was_trained_on(
    fitted: Callable[[str], Any],
) -> None:
    model, images = fitted("detector"), blobs(24, 16, 16)
    found = model.evaluate(images)
    assert found.images == len(model.held_out_)
    seen = np.setdiff1d(np.arange(24), model.held_out_)
    with pytest.raises(InputError, match="trained on all of its images: give others, or labels"):
        model.evaluate(images[seen])


def test_what_is_not_fitted_shows_its_parameters() -> None:
    model = ConvAutoencoder(latent_dim=5, loss="<script>")
    card = model._repr_html_()
    assert "not fitted" in card
    assert "latent_dim" in card
    assert "<script>" not in card
    assert "all parameters have their defaults" in ConvAutoencoder()._repr_html_()
    with pytest.raises(NotFittedError):
        model.summary()


def test_scikit_learn_can_turn_html_off(fitted: Callable[[str], Any]) -> None:
    model = fitted("autoencoder")
    assert set(model._repr_mimebundle_()) == {"text/plain", "text/html"}
    with sklearn.config_context(display="text"):
        assert set(model._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(model, "_repr_html_")


def test_subclasses_show_themselves_as_their_parent(fitted: Callable[[str], Any]) -> None:
    class Mine(ConvAutoencoder):
        pass

    model = Mine(latent_dim=2, **SMALL).fit(blobs(9, 16, 16))
    assert "Mine" in model._repr_html_()
