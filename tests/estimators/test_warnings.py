"""What limits a fit is a warning of Python, once, at the user's line; what informs is shown on request."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from tests.estimators.conftest import PRESETS, blobs, folder_of

from convae import ConvAutoencoder, Denoiser, FitWarning
from convae.filesystem.run_files import run_files
from convae.training.observers import Observers, Quiet

Small = Callable[..., ConvAutoencoder]


class Listener(Quiet):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, text: str) -> None:
        self.heard.append(text)


def test_skipped_files_are_warned_of_at_the_users_line(small: Small, tmp_path: Path) -> None:
    folder = folder_of(blobs(9, 8, 8), tmp_path / "images")
    (folder / "003.png").write_bytes(b"no image")
    listener = Listener()
    with pytest.warns(FitWarning, match=r"^1 image cannot be used: 003\.png: ") as caught:
        model = small().fit(folder, observers=[listener])
    skipped = [one for one in caught if "cannot be used" in str(one.message)]
    assert [one.filename for one in skipped] == [__file__]
    assert [one.name for one in model.skipped_] == ["003.png"]
    assert sum("cannot be used" in text for text in listener.heard) == 1


def test_a_fit_without_held_out_images_is_warned_of(small: Small) -> None:
    with pytest.warns(FitWarning, match="no images are held out, as all images are the same"):
        small().fit(np.zeros((3, 8, 8), np.uint8))
    with pytest.warns(FitWarning, match="no images are held out"):
        small().partial_fit(np.zeros((3, 8, 8), np.uint8))


def test_information_is_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    model = Denoiser(epochs=0, noise="gaussian", sigma=0.1, architecture={"widths": (4,)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(blobs(12, 16, 16), verbose="lines")
    assert "learning from clean images" in capsys.readouterr().err


def test_a_fit_is_silent_where_nobody_watches(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    images = blobs(12, 8, 8)
    small().fit_transform(images, verbose=False)
    small().fit(images)
    assert capsys.readouterr() == ("", "")
    small().fit(images, verbose=True)
    assert "epoch 1/1  loss " in capsys.readouterr().err


def test_a_command_gives_no_warning_but_the_message(small: Small) -> None:
    listener = Listener()
    with warnings.catch_warnings(), run_files(["fit"]):
        warnings.simplefilter("error", FitWarning)
        small().fit(np.zeros((3, 8, 8), np.uint8), observers=[listener])
    assert any("no images are held out" in text for text in listener.heard)


def test_a_grid_search_warns_once_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    same = np.zeros((9, 64), np.float32)
    search = GridSearchCV(
        ConvAutoencoder.from_options({**PRESETS["residual"], "epochs": 0}),
        {"latent_dim": [1, 2]},
        cv=2,
        refit=False,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(same)
    assert sum(isinstance(one.message, FitWarning) for one in caught) <= 1
    assert capsys.readouterr().err == ""


def test_observers_that_no_user_asked_for_give_no_warning() -> None:
    listener = Listener()
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        Observers([listener]).warn("too few")
    assert listener.heard == ["too few"]
    watch = Observers([], display=listener, warns=True)
    with pytest.warns(FitWarning, match="too few"):
        watch.warn("too few")
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        watch.warn("too few")  # once is enough
    assert listener.heard == ["too few"]  # what Python shows is not shown twice
