"""``convae inpaint``: known pixels bit for bit in files, masks of every kind, and refusals."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from tests.cli.conftest import Command, fill, waves

import convae as package
from convae.filesystem.result_folders import MARKER
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image

TINY: dict[str, Any] = {"epochs": 1, "widths": (4, 8), "blocks": 0, "latent_dim": 4}
SIZE = (24, 20)


@pytest.fixture(scope="session")
def inpainter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inpainter of grey images."""
    path = tmp_path_factory.mktemp("model") / "holes.convae"
    package.Inpainter.from_options(TINY).fit(waves(24, (16, 16, 1))).save(path)
    return path


def hole() -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[6:12, 5:14] = 255
    return mask


@pytest.mark.parametrize(("dtype", "suffix"), [("uint8", ".png"), ("uint16", ".tif")])
def test_known_pixels_come_back_in_files(
    convae: Command, inpainter: Path, tmp_path: Path, dtype: str, suffix: str
) -> None:
    images = waves(3, (*SIZE, 1), dtype)
    if dtype == "uint16":
        inpainter = tmp_path / "deep.convae"
        package.Inpainter.from_options(TINY).fit(images).save(inpainter)
    given = fill(tmp_path / "in", images, suffix)
    write_image(tmp_path / "mask.png", hole())
    done = convae(
        "inpaint", inpainter, given, "--mask", tmp_path / "mask.png", "--out", tmp_path / "o"
    )
    assert done.code == 0
    assert "11.25% of the pixels were missing" in done.out
    for i, image in enumerate(images):
        back = read_image(tmp_path / "o" / f"{i}{suffix}").pixels
        assert back.dtype == image.dtype
        assert np.array_equal(back[hole() == 0], image[hole() == 0])
        shown = read_image(tmp_path / "o" / "masks" / f"{i}{suffix}.png").pixels
        assert np.array_equal(shown[..., 0], hole())
    with (tmp_path / "o" / "holes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["missing"]) for row in rows] == [pytest.approx(0.1125)] * 3


def test_a_mask_for_each_image_and_inverted(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    images = waves(2, (*SIZE, 1))
    given = fill(tmp_path / "in", images)
    (tmp_path / "masks").mkdir()
    for i in range(2):
        write_image(tmp_path / "masks" / f"{i}_mask.png", 255 - hole())
    out = tmp_path / "o"
    done = convae(
        "inpaint",
        inpainter,
        given,
        "--mask",
        tmp_path / "masks",
        "--invert",
        "--out",
        out,
        "--json",
    )
    assert done.json["missing"] == pytest.approx(0.1125)
    back = read_image(out / "1.png").pixels
    assert np.array_equal(back[hole() == 0], images[1][hole() == 0])


def test_jpegs_keep_known_pixels_as_png_and_jpeg_masks_are_thresholded(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    image = waves(1, (*SIZE, 1))[0]
    (tmp_path / "in").mkdir()
    PillowImage.fromarray(image[..., 0]).save(tmp_path / "in" / "a.jpg", quality=90)
    PillowImage.fromarray(hole()).save(tmp_path / "mask.jpg", quality=60)
    done = convae(
        "inpaint",
        inpainter,
        tmp_path / "in",
        "--mask",
        tmp_path / "mask.jpg",
        "--out",
        tmp_path / "o",
    )
    assert done.code == 0
    assert "1 mask with values between black and white" in done.err
    assert "1 JPEG image written as PNG" in done.err
    before = read_image(tmp_path / "in" / "a.jpg").pixels
    after = read_image(tmp_path / "o" / "a.jpg.png").pixels
    known = read_image(tmp_path / "o" / "masks" / "a.jpg.png").pixels == 0
    assert np.array_equal(after[known], before[known])


def test_transparent_parts_are_filled(convae: Command, inpainter: Path, tmp_path: Path) -> None:
    image = waves(1, (*SIZE, 1))[0]
    (tmp_path / "in").mkdir()
    both = np.concatenate([image, 255 - hole()[..., None]], axis=2)
    PillowImage.fromarray(both, "LA").save(tmp_path / "in" / "a.png")
    done = convae(
        "inpaint", inpainter, tmp_path / "in", "--mask", "alpha", "--out", tmp_path / "o", "--json"
    )
    assert done.json["missing"] == pytest.approx(0.1125)
    back = read_image(tmp_path / "o" / "a.png").pixels
    assert np.array_equal(back[hole() == 0], image[hole() == 0])


def test_damage_is_looked_for(convae: Command, inpainter: Path, tmp_path: Path) -> None:
    given = fill(tmp_path / "in", waves(2, (*SIZE, 1)))
    done = convae("inpaint", inpainter, given, "--find-damage", "--out", tmp_path / "o", "--json")
    assert done.code == 0
    assert 0 <= done.json["damaged"] <= done.json["missing"] < 0.5
    assert (tmp_path / "o" / "masks" / "0.png.png").exists()


def test_masks_that_were_written_can_be_edited_and_given_back(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    """Names of every kind: two that differ in their suffix, in folders, of pages, very long ones."""
    images = waves(8, (*SIZE, 1))
    for image in images[:6]:
        image[4:14, 3:15] = 255
    given, out, again = tmp_path / "in", tmp_path / "o", tmp_path / "again"
    names = ["a.png", "a.tif", "b/a.png", f"{'n' * 251}.png", f"{'n' * 251}.bmp"]
    for name, image in zip(names, images[:5], strict=True):
        write_image(given / name, image)
    tifffile.imwrite(given / "stack.tif", images[5:8, ..., 0], photometric="minisblack")
    done = convae("inpaint", inpainter, given, "--find-damage", "--out", out)
    assert done.code == 0
    masks = sorted(path for path in (out / "masks").rglob("*") if path.is_file())
    assert len(masks) == 8
    edited = np.zeros((*SIZE, 1), np.uint8)
    edited[20:22, 5:9] = 255
    write_image(out / "masks" / "b" / "a.png.png", edited)
    done = convae("inpaint", inpainter, given, "--mask", out / "masks", "--out", again)
    assert done.code == 0, done.err
    for name in ("a.png", "a.tif", f"{'n' * 251}.png", "stack.tif"):
        assert (again / name).read_bytes() == (out / name).read_bytes()
    for path in masks:
        same = again / path.relative_to(out)
        assert np.array_equal(read_image(same).pixels, read_image(path).pixels)
    back = read_image(again / "b" / "a.png").pixels
    assert np.array_equal(back[edited == 0], images[2][edited == 0])


def test_known_pixels_of_jpegs_with_the_longest_names(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    given, out = tmp_path / "in", tmp_path / "o"
    given.mkdir()
    for end in ("a", "b"):
        image = PillowImage.fromarray(waves(1, (*SIZE, 1))[0, ..., 0])
        image.save(given / f"{'n' * 250}{end}.jpg")
    write_image(tmp_path / "mask.png", hole())
    done = convae("inpaint", inpainter, given, "--mask", tmp_path / "mask.png", "--out", out)
    assert done.code == 0, done.err
    assert len(list(out.glob("*.png"))) == 2
    again = convae("inpaint", inpainter, given, "--mask", out / "masks", "--out", tmp_path / "p")
    assert again.code == 0, again.err


def test_a_mask_for_all_that_cannot_be_used_is_no_fault_of_the_images(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    given = fill(tmp_path / "in", waves(3, (*SIZE, 1)))
    grey, cut = tmp_path / "grey.png", tmp_path / "cut.png"
    write_image(grey, waves(1, (*SIZE, 1))[0])
    cut.write_bytes(grey.read_bytes()[:60])
    for mask, words in ((grey, "--mask: grey.png: is no mask"), (cut, "--mask: cut.png: ")):
        done = convae("inpaint", inpainter, given, "--mask", mask, "--out", tmp_path / "o")
        assert done.code == 2
        assert words in done.err
        assert "images" not in done.err
        assert done.err.count("cut.png") + done.err.count("grey.png") == 1


def test_without_a_mask_nothing_is_filled_and_that_is_said(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    given = fill(tmp_path / "in", waves(1, (*SIZE, 1)))
    done = convae("inpaint", inpainter, given, "--out", tmp_path / "o")
    assert done.code == 0
    assert "no pixel was missing, so nothing was filled; give a --mask" in done.err


def test_what_cannot_be_is_one_sentence(
    convae: Command, inpainter: Path, pictures: Path, tmp_path: Path
) -> None:
    given = fill(tmp_path / "in", waves(2, (*SIZE, 1)))
    (tmp_path / "empty").mkdir()
    write_image(tmp_path / "small.png", hole()[:8])
    write_image(tmp_path / "others" / "x.png", hole())
    plain = tmp_path / "plain.convae"
    package.ConvAutoencoder(epochs=1, latent_dim=2).fit(waves(12, (8, 8, 1))).save(plain)
    out = ("--out", tmp_path / "o")
    for arguments, told in (
        ((inpainter, given, "--mask", tmp_path / "small.png"), "its mask small.png is 8x20"),
        (
            (inpainter, given, "--mask", tmp_path / "others"),
            "none of its names is that of an image",
        ),
        ((inpainter, given, "--mask", tmp_path / "nowhere"), "nowhere"),
        ((inpainter, given, "--mask", tmp_path / "empty"), "no image found"),
        ((inpainter, tmp_path / "empty"), "no image found"),
        ((inpainter, given, "--invert"), "--invert is for masks: give a --mask"),
        ((inpainter, given, "--mask", "alpha"), "no alpha channel"),
        ((plain, given), "this model was fitted to reconstruct and encode; use it with 'convae"),
    ):
        done = convae("inpaint", *arguments, *out)
        assert done.code == 2, arguments
        assert told in done.err
        assert "Traceback" not in done.err


def test_fit_measures_beside_the_classical_fills(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "holes.convae"
    flags = ("--epochs", "1", "--widths", "4,4", "--latent-dim", "4")
    done = convae("fit", "inpainter", pictures, "--out", out, *flags)
    assert done.code == 0
    for words in ("on images held out", "biharmonic", "scattered pixels", "seam error"):
        assert words in done.out
    folder = out.with_name("holes-report")
    assert {path.name for path in folder.iterdir()} == {
        MARKER, "report.html", "pictures.png", "loss.svg", "architecture.svg"
    }  # fmt: skip
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("held out from training", "PSNR in the holes", "with holes", "harmonic"):
        assert words in page
    assert isinstance(package.load(out), package.Inpainter)
    given = convae("inpaint", out, pictures, "--out", tmp_path / "o", "--json")
    assert given.json["missing"] == 0
    told = convae("evaluate", out, pictures, "--report", tmp_path / "report")
    assert told.code == 0
    assert "scattered pixels" in told.out
    assert (tmp_path / "report" / "pictures.png").exists()


def test_fit_on_one_kind_of_hole(convae: Command, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.convae"
    flags = ("--epochs", "1", "--widths", "4", "--latent-dim", "4", "--no-report", "--json")
    done = convae("fit", "inpainter", pictures, "--out", out, "--holes", "pixels:0.5", *flags)
    (found,) = done.json["evaluation"]["rounds"]
    assert (found["holes"], done.json["holes"]) == ("pixels", "pixels:0.5")
    assert found["missing"] == pytest.approx(0.5, abs=0.1)
    wrong = convae(
        "fit", "inpainter", pictures, "--out", out, "--holes", "pixel", "--overwrite", *flags
    )
    assert wrong.code == 2
    assert "did you mean 'pixels'" in wrong.err


def test_no_image_to_fit_is_refused_and_one_is_enough(convae: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    flags = ("--out", tmp_path / "m.convae", "--epochs", "1", "--widths", "4", "--latent-dim", "4")
    none = convae("fit", "inpainter", tmp_path / "empty", *flags)
    assert none.code == 2
    assert "no image found" in none.err
    one = convae("fit", "inpainter", fill(tmp_path / "in", waves(1, (*SIZE, 1))), *flags)
    assert one.code == 0
    assert "on training images" in one.out


def test_an_image_of_an_array_that_cannot_be_used_keeps_its_place(
    convae: Command, tmp_path: Path
) -> None:
    images = waves(6, (16, 16, 1))[..., 0].astype(np.float32) / 255
    package.Inpainter.from_options(TINY).fit(images).save(tmp_path / "m.convae")
    images[[1, 4, 5]] = np.nan
    images[0, 3, 3] = np.nan
    np.save(tmp_path / "x.npy", images)
    done = convae("inpaint", tmp_path / "m.convae", tmp_path / "x.npy", "--out", tmp_path / "o")
    assert done.code == 0
    assert (
        "3 images of stacks could not be used: an empty image keeps the place of each" in done.err
    )
    back = np.load(tmp_path / "o" / "inpainted.npy", allow_pickle=False)
    assert back.shape == images.shape
    assert np.isnan(back[[1, 4, 5]]).all()
    known = np.isfinite(images)
    assert np.array_equal(back[known], images[known])
    assert np.isfinite(back[0, 3, 3])
    strict = convae(
        "inpaint", tmp_path / "m.convae", tmp_path / "x.npy", "--out", tmp_path / "p", "--strict"
    )
    assert (strict.code, "x.npy[1]: every pixel is missing" in strict.err) == (2, True)


def test_a_file_with_one_flat_array_is_one_mask(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    given = fill(tmp_path / "in", waves(2, (*SIZE, 1)))
    np.save(tmp_path / "mask.npy", hole())
    done = convae(
        "inpaint", inpainter, given, "--mask", tmp_path / "mask.npy", "--out", tmp_path / "o"
    )
    assert "11.25% of the pixels were missing" in done.out


def test_masks_without_a_hole_are_said_to_be_black(
    convae: Command, inpainter: Path, tmp_path: Path
) -> None:
    given = fill(tmp_path / "in", waves(1, (*SIZE, 1)))
    write_image(tmp_path / "mask.png", hole() * 0)
    mask = ("--mask", tmp_path / "mask.png")
    done = convae("inpaint", inpainter, given, *mask, "--out", tmp_path / "o")
    assert "the masks are black throughout; with --invert black is missing" in done.err
    write_image(tmp_path / "mask.png", hole() * 0 + 255)
    done = convae("inpaint", inpainter, given, *mask, "--invert", "--out", tmp_path / "p")
    assert "the masks are white throughout" in done.err
