"""``convae fit denoiser`` and ``convae denoise``: what they write, say and refuse."""

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, fill, outside, waves

import convae as package
from convae.cli import run
from convae.filesystem.result_folders import MARKER
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image

TINY = ("--epochs", "2", "--widths", "4", "--blocks", "1", "--latent-dim", "4", "--quiet")


@pytest.fixture(autouse=True)
def without_bm3d(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is slow, and not installed everywhere."""
    monkeypatch.setattr("convae.evaluation.denoising.has_bm3d", lambda: False)


def noisy(images: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 25, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def denoiser(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A denoiser of 24 grey 12x10 images."""
    path = tmp_path_factory.mktemp("model") / "clean.convae"
    arguments = ["fit", "denoiser", str(pictures), "--out", str(path), "--no-report", *TINY]
    assert run(arguments) == 0
    return path


def test_fit_from_clean_images(convae: Command, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.convae"
    done = convae("fit", "denoiser", pictures, "--out", out, "--sigma", "25/255", *TINY[:-1])
    assert done.code == 0
    assert "learning from clean images" in done.err
    assert "because the noise to add was named" in done.err
    assert "If the images are noisy already, add --learn noisy" in done.err
    assert "non-local means" in done.out
    assert "on images held out" in done.out
    folder = out.with_name("clean-report")
    assert {path.name for path in folder.iterdir()} == {
        MARKER, "report.html", "pictures.png", "loss.svg", "architecture.svg"
    }  # fmt: skip
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("held out from training", "median", "clean images, to which noise", "denoised"):
        assert words in page
    assert isinstance(package.load(out), package.Denoiser)


def test_fit_from_pairs_and_evaluate(convae: Command, tmp_path: Path) -> None:
    images = waves(24, (16, 16, 1))
    clean, given = fill(tmp_path / "clean", images), fill(tmp_path / "noisy", noisy(images))
    out = tmp_path / "pairs.convae"
    done = convae("fit", "denoiser", given, "--target", clean, "--out", out, "--json", *TINY)
    assert done.json["learnt_from"] == "pairs"
    (found,) = done.json["evaluation"]["rounds"]
    assert found["PSNR (dB)"]["model"] > 0
    told = convae("evaluate", out, given, "--target", clean, "--report", tmp_path / "report")
    assert told.code == 0
    assert "median" in told.out
    assert (tmp_path / "report" / "pictures.png").exists()


def test_fit_from_noisy_images_alone_says_why(convae: Command, tmp_path: Path) -> None:
    given = fill(tmp_path / "noisy", noisy(waves(24, (32, 32, 1))))
    done = convae("fit", "denoiser", given, "--out", tmp_path / "m.convae", *TINY[:-1])
    assert done.code == 0
    assert (
        "learning from noisy images alone, by hidden pixels, because the images look noisy"
        in done.err
    )
    assert "If the images are clean, add --learn clean" in done.err
    assert "The images look noisy" in done.out
    assert "whiteness" in done.out
    assert "Without clean images nobody can say" in done.out
    told = convae("evaluate", tmp_path / "m.convae", given, "--json")
    assert told.json["verdict"].startswith("Of noise of ")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_size_depth_and_bands_come_back(
    convae: Command, tmp_path: Path, dtype: str, channels: int
) -> None:
    images = waves(12, (16, 16, channels), dtype)
    given = fill(tmp_path / "in", images, ".tif")
    out = tmp_path / "m.convae"
    assert convae("fit", "denoiser", given, "--out", out, "--no-report", *TINY).code == 0
    write_image(tmp_path / "more" / "large.tif", waves(1, (45, 70, channels), dtype)[0])
    done = convae("denoise", out, tmp_path / "more", "--out", tmp_path / "out")
    assert done.code == 0
    back = read_image(tmp_path / "out" / "large.tif").pixels
    assert (back.shape, back.dtype) == ((45, 70, channels), np.dtype(dtype))


def test_denoise_lists_the_levels(convae: Command, denoiser: Path, tmp_path: Path) -> None:
    given = fill(tmp_path / "noisy", noisy(waves(3, (40, 52, 1))))
    done = convae("denoise", denoiser, given, "--out", tmp_path / "out")
    assert done.code == 0
    with (tmp_path / "out" / "levels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["0.png", "1.png", "2.png"]
    assert all(float(row["noise_level"]) == pytest.approx(25 / 255, rel=0.4) for row in rows)
    assert "estimated" in done.out
    told = convae(
        "denoise", denoiser, given, "--out", tmp_path / "b", "--sigma", "10/255", "--json"
    )
    assert told.json["noise_level"] == pytest.approx(10 / 255)
    eight = convae("denoise", denoiser, given, "--out", tmp_path / "c", "--ensemble", "--json")
    assert eight.json["ensemble"] is True


def test_info_knows_the_job(convae: Command, denoiser: Path) -> None:
    done = convae("info", denoiser)
    assert done.code == 0
    assert "Denoiser" in done.out


def test_a_model_of_another_job_is_refused(
    convae: Command, model: Path, denoiser: Path, pictures: Path, tmp_path: Path
) -> None:
    done = convae("denoise", model, pictures, "--out", tmp_path / "out")
    assert done.code == 2
    assert (
        "this model was fitted to reconstruct and encode; use it with 'convae reconstruct'"
        in done.err
    )
    done = convae("encode", denoiser, pictures, "--out", tmp_path / "codes.npy")
    assert done.code == 2
    assert "this model was fitted to denoise; use it with 'convae denoise'" in done.err
    done = convae("evaluate", model, pictures, "--target", pictures)
    assert "--target is for denoisers" in done.err


def test_wrong_input_is_answered_in_a_sentence(
    convae: Command, pictures: Path, denoiser: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    other = fill(tmp_path / "other", waves(4, (9, 9, 1)))
    for i, path in enumerate(sorted(other.iterdir())):
        path.rename(other / f"scan{i}.png")
    sizes = fill(tmp_path / "sizes", waves(24, (9, 9, 1)))
    fit = ("fit", "denoiser")
    out = ("--out", tmp_path / "m.convae", *TINY)
    for arguments, sentence in (
        ((*fit, tmp_path / "empty", *out), "no image"),
        ((*fit, pictures, "--target", other, *out), "name"),
        ((*fit, pictures, "--target", sizes, *out), "12x10"),
        ((*fit, pictures, "--target", tmp_path / "nowhere", *out), "nowhere"),
        ((*fit, pictures, "--noise", "gausian", *out), "did you mean 'gaussian'"),
        ((*fit, pictures, "--sigma", "25", *out), "25/255"),
        ((*fit, pictures, "--learn", "pairs", *out), "needs target"),
        (("denoise", denoiser, tmp_path / "empty", "--out", tmp_path / "o"), "no image"),
        (("denoise", denoiser, pictures, "--out", tmp_path / "o", "--sigma", "0..1"), "one level"),
        (("denoise", denoiser, pictures, "--out", pictures), "where the images are"),
    ):
        done = convae(*arguments)
        assert done.code == 2, arguments
        assert sentence in done.err, (arguments, done.err)
        assert "Traceback" not in done.err
    assert not (tmp_path / "m.convae").exists()


def test_one_image_is_enough_and_is_said_to_be_what_was_measured(
    convae: Command, tmp_path: Path
) -> None:
    alone = fill(tmp_path / "alone", waves(1, (100, 120, 1)))
    done = convae("fit", "denoiser", alone, "--out", tmp_path / "m.convae", *TINY[:-1])
    assert done.code == 0
    assert "on training images" in done.out
    assert "Careful: the images measured were trained on" in done.out


def test_in_a_process_of_its_own(denoiser: Path, pictures: Path, tmp_path: Path) -> None:
    done = outside("denoise", denoiser, pictures, "--out", tmp_path / "out", "--json")
    assert done.code == 0
    assert done.json["images"] == 24
    assert len(list((tmp_path / "out").glob("*.png"))) == 24
