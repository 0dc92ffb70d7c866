"""``convae reconstruct``: files come back as what they were."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.cli.conftest import FIT, Command, fill, waves

from convae.images.files.reading import read_image
from convae.images.files.writing import write_image, write_stack


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


@pytest.mark.parametrize(
    ("shape", "dtype", "suffix"),
    [
        ((12, 10, 1), "uint8", ".png"),
        ((8, 8, 4), "uint8", ".png"),
        ((8, 8, 3), "uint8", ".jpg"),
        ((9, 7, 1), "uint16", ".tif"),
        ((8, 8, 3), "uint16", ".png"),
        ((8, 10, 5), "uint8", ".tif"),
        ((8, 8, 2), "float32", ".tif"),
    ],
)
def test_size_depth_channels_and_kind_come_back(
    convae: Command, tmp_path: Path, shape: tuple[int, ...], dtype: str, suffix: str
) -> None:
    folder = fill(tmp_path / "in", waves(8, shape, dtype), suffix)
    model, out = tmp_path / "m.convae", tmp_path / "out"
    assert convae("fit", "autoencoder", folder, "--out", model, "--no-report", *FIT).code == 0
    done = convae("reconstruct", model, folder, "--out", out)
    assert done.code == 0
    assert sorted(p.name for p in out.glob("[!.]*")) == sorted(p.name for p in folder.iterdir())
    for path in folder.iterdir():
        before, after = read_image(path), read_image(out / path.name)
        assert after.pixels.shape == before.pixels.shape
        assert (after.info.depth, after.info.format) == (before.info.depth, before.info.format)
    assert "8 images" in done.out
    assert "PCA with 3 components" in done.out
    assert "were trained on" in done.out


def test_folders_below_are_kept_and_size_is_undone(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in" / "a" / "b", waves(6, (16, 12, 1)))
    fill(tmp_path / "in" / "c", waves(6, (10, 20, 1), seed=1))
    model, out = tmp_path / "m.convae", tmp_path / "out"
    arguments = ["--out", model, "--size", 8, 8, "--no-report", *FIT]
    assert convae("fit", "autoencoder", tmp_path / "in", *arguments).code == 0
    assert convae("reconstruct", model, tmp_path / "in", "--out", out).code == 0
    assert size_of(out / "a" / "b" / "3.png") == size_of(folder / "3.png")
    assert size_of(out / "c" / "3.png") == (20, 10)


def test_eight_bit_images_stay_so_beside_sixteen_bit_ones(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(6, (8, 8, 1), "uint16"))
    fill(folder / "small", waves(6, (8, 8, 1)))
    model, out = tmp_path / "m.convae", tmp_path / "out"
    assert convae("fit", "autoencoder", folder, "--out", model, "--no-report", *FIT).code == 0
    assert convae("reconstruct", model, folder, "--out", out).code == 0
    before = read_image(folder / "small" / "2.png").pixels.astype(int)
    after = read_image(out / "small" / "2.png").pixels
    assert after.dtype == np.uint8
    assert abs(before.mean() - after.mean()) < 60


def test_grey_images_for_a_model_of_colours_stay_grey(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(6, (8, 8, 3)))
    fill(folder / "grey", waves(6, (8, 8, 1)))
    model, out = tmp_path / "m.convae", tmp_path / "out"
    arguments = ["--out", model, "--channels", 3, "--no-report", *FIT]
    assert convae("fit", "autoencoder", folder, *arguments).code == 0
    assert convae("reconstruct", model, folder, "--out", out).code == 0
    assert mode_of(out / "grey" / "2.png") == "L"


def test_pages_become_pages(convae: Command, tmp_path: Path) -> None:
    images = waves(8, (8, 8, 1), "uint16")
    stack = write_stack(tmp_path / "in" / "stack.tif", images)
    write_image(tmp_path / "in" / "single.tif", images[0])
    model, out = tmp_path / "m.convae", tmp_path / "out"
    arguments = ["--out", model, "--no-report", *FIT]
    assert convae("fit", "autoencoder", stack.parent, *arguments).code == 0
    done = convae("reconstruct", model, stack.parent, "--out", out, "--json")
    assert (done.json["images"], done.json["files"]) == (9, 2)
    assert tifffile.imread(out / "stack.tif").shape == (8, 8, 8)
    assert tifffile.imread(out / "stack.tif").dtype == np.uint16
    done = convae(
        "reconstruct", model, stack, "--out", out, "--overwrite", "--format", "png", "--json"
    )
    assert done.json["files"] == 8
    assert size_of(out / "stack.tif-000007.png") == (8, 8)


def test_a_microscopes_stack_keeps_its_axes_and_pixel_size(convae: Command, tmp_path: Path) -> None:
    stack = waves(6, (8, 8, 1), "uint16")[..., 0]
    facts = {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
    options = {"imagej": True, "resolution": (9.5, 9.5), "metadata": facts}
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    tifffile.imwrite(folder / "stack.tif", stack, **options)
    tifffile.imwrite(folder / "one.tif", stack[0], **{**options, "metadata": {"unit": "um"}})
    tifffile.imwrite(folder / "part.tif", stack, compression="zlib", **options)
    with tifffile.TiffFile(folder / "part.tif") as tif:
        at = tif.pages[3].dataoffsets[0]
    with open(folder / "part.tif", "r+b") as file:
        file.seek(at)
        file.write(b"\0" * 8)  # the fourth page cannot be inflated
    model = tmp_path / "m.convae"
    assert convae("fit", "autoencoder", folder, "--out", model, "--no-report", *FIT).code == 0
    done = convae("reconstruct", model, folder, "--out", out, "--json")
    assert (done.json["images"], len(done.json["skipped"])) == (12, 1)
    for name in ("stack.tif", "one.tif", "part.tif"):
        with tifffile.TiffFile(folder / name) as before, tifffile.TiffFile(out / name) as after:
            assert after.pages.first.resolution == before.pages.first.resolution == (9.5, 9.5)
            assert after.series[0].dtype == np.uint16
            assert not after.is_bigtiff
            if name == "part.tif":  # the page that cannot be read keeps its place, without values
                assert [bool(page.asarray().any()) for page in after.pages] == [True] * 3 + [
                    False
                ] + [True] * 2
            assert after.imagej_metadata == before.imagej_metadata
            assert after.series[0].axes == before.series[0].axes
            assert after.series[0].shape == before.series[0].shape


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_an_array_becomes_an_array(convae: Command, tmp_path: Path, dtype: str) -> None:
    images = waves(12, (8, 7, 1), dtype)[..., 0]
    np.save(tmp_path / "images.npy", images)
    model, out = tmp_path / "m.convae", tmp_path / "out"
    data = tmp_path / "images.npy"
    assert convae("fit", "autoencoder", data, "--out", model, "--no-report", *FIT).code == 0
    assert convae("reconstruct", model, data, "--out", out).code == 0
    back = np.load(out / "reconstructions.npy", allow_pickle=False)
    assert (back.shape, back.dtype) == (images.shape, images.dtype)
    assert np.abs(back.astype(float) - images).mean() < np.abs(images - images.mean()).mean()
    done = convae("reconstruct", model, data, "--out", out, "--overwrite", "--format", "png")
    assert done.code == 0
    assert len(list(out.glob("images.npy-0000*"))) == 12  # PNG holds no floats: those are TIFF


def test_skips_and_lists_what_cannot_be_used(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(4, (12, 10, 1), seed=9))
    fill(folder / "other", waves(1, (5, 5, 1)))
    (folder / "broken.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out"
    done = convae("reconstruct", model, folder, "--out", out)
    assert done.code == 0
    assert "2 skipped" in done.out
    listed = (out / "skipped.csv").read_text(encoding="utf-8")
    assert "other/0.png" in listed
    assert "this model takes 12x10" in listed
    assert "broken.png" in listed
    done = convae("reconstruct", model, folder, "--out", out, "--strict", "--overwrite")
    assert done.code == 2


def test_nothing_usable_is_an_error(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(2, (5, 5, 1)))
    done = convae("reconstruct", model, folder, "--out", tmp_path / "out")
    assert done.code == 2
    assert "none of 2 images can be used" in done.err


def test_never_writes_over_the_images(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in" / "deep", waves(2, (12, 10, 1)))
    before = (folder / "0.png").read_bytes()
    for data, out in ((folder, folder), (folder / "0.png", folder), (f"{folder}/*.png", folder)):
        done = convae("reconstruct", model, data, "--out", out)
        assert (done.code, "choose another" in done.err) == (2, True)
    assert (folder / "0.png").read_bytes() == before


def test_a_link_to_the_image_is_not_written_over(
    convae: Command, model: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", waves(2, (12, 10, 1)))
    out = tmp_path / "out"
    out.mkdir()
    (out / "0.png").symlink_to(folder / "0.png")
    done = convae("reconstruct", model, folder, "--out", out)
    assert (done.code, "is one of the images that are read; choose another folder" in done.err) == (
        2,
        True,
    )


def test_images_that_differ_in_their_suffix_only(
    convae: Command, model: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", waves(1, (12, 10, 1)))
    with Image.open(folder / "0.png") as image:
        image.save(folder / "0.gif")
    done = convae("reconstruct", model, folder, "--out", tmp_path / "out", "--format", "png")
    assert done.code == 0
    assert len(list((tmp_path / "out").glob("[!.]*"))) == 2


def test_an_unknown_format_is_answered(convae: Command, model: Path, tmp_path: Path) -> None:
    done = convae("reconstruct", model, "digits", "--out", tmp_path / "o", "--format", "jpgg")
    assert (done.code, "did you mean 'jpeg'?" in done.err) == (2, True)


def test_names_stay_below_the_folder(tmp_path: Path) -> None:
    from convae.images.result_files import Places
    from convae.images.sources.array_sources import ArraySource
    from convae.images.sources.naming import below

    assert below("../../a.png") == "a.png"
    assert below("/etc/passwd") == "etc/passwd"
    assert below("..") == "image"
    source = ArraySource(np.zeros((2, 4, 4), np.uint8))
    places = Places(source, tmp_path)
    assert places.free("a.gif", tmp_path / "a.png") == tmp_path / "a.png"
    assert places.free("a.bmp", tmp_path / "a.png") == tmp_path / "a.bmp.png"
    assert places.free("a.png", tmp_path / "a.png") == tmp_path / "a.png"


def test_float_images_for_a_model_of_8_bit_ones(
    convae: Command, model: Path, tmp_path: Path
) -> None:
    whole = waves(3, (12, 10, 1))
    plain = fill(tmp_path / "in", whole)
    part = fill(tmp_path / "float", whole.astype(np.float32) / 255, ".tif")
    done = convae("reconstruct", model, part, "--out", tmp_path / "no")
    assert done.code == 2
    assert "none of 3 images can be used: 0.tif and 2 more: its pixels are float32" in done.err
    assert "--values 0..1" in done.err
    assert not (tmp_path / "no").exists()
    assert convae("reconstruct", model, plain, "--out", tmp_path / "plain").code == 0
    done = convae("reconstruct", model, part, "--out", tmp_path / "part", "--values", "0..1")
    assert done.code == 0, done.err
    for number in range(3):
        made = read_image(tmp_path / "part" / f"{number}.tif").pixels
        assert made.dtype == np.float32
        expected = read_image(tmp_path / "plain" / f"{number}.png").pixels
        np.testing.assert_array_equal(np.rint(made * 255), expected)
    for wrong in ("1..0", "0", "a..b", "0..inf"):
        done = convae("reconstruct", model, part, "--out", tmp_path / "no", "--values", wrong)
        assert (done.code, "takes two numbers" in done.err) == (2, True)
