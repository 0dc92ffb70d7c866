import contextlib
import hashlib
import json
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from convae.errors import ImageError, InputError
from convae.images.sources.file_sources import FileSource
from convae.images.sources.open_source import open_source


def save(path: Path, value: int = 0, size: tuple[int, int] = (4, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.full(size, value, np.uint8)).save(path)
    return path


# -- folders, globs, lists of paths -----------------------------------------------------------------


def test_folder_with_a_subfolder_for_each_class(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/deep/2.png", "cat/10.png"):
        save(tmp_path / name, int(Path(name).stem))
    source = open_source(tmp_path)
    assert list(source.names) == ["cat/10.png", "cat/deep/2.png", "dog/1.png"]
    assert source.label_names == ("cat", "dog")
    assert source.labels is not None
    assert source.labels.tolist() == [0, 0, 1]
    assert source.read(0).pixels.flat[0] == 10
    assert source.read(0).info.name == "cat/10.png"
    assert source.header(0).shape == (4, 6, 1)


@pytest.mark.parametrize("names", [("a/1.png", "a/2.png"), ("a/1.png", "b/1.png", "2.png")])
def test_no_labels_when_folders_are_no_classes(tmp_path: Path, names: Any) -> None:
    for name in names:
        save(tmp_path / name)
    source = open_source(str(tmp_path))
    assert source.labels is None
    assert source.label_names == ()


def test_folder_without_images_says_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match=r"no image found \(.*\.txt 1; pipe\.png: a named pipe"):
        open_source(tmp_path)


def test_glob(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/b/2.png", "3.png", "a/4.bmp"):
        save(tmp_path / name)
    assert list(open_source(f"{tmp_path}/**/*.png").names) == ["3.png", "a/1.png", "a/b/2.png"]
    assert list(open_source(f"{tmp_path}/a/*.png").names) == ["1.png"]
    with pytest.raises(InputError, match="no image found"):
        open_source(f"{tmp_path}/*.jpg")
    with pytest.raises(InputError, match="there is no folder"):
        open_source(f"{tmp_path}/nowhere/*.jpg")


def test_a_file_whose_name_looks_like_a_glob_is_opened(tmp_path: Path) -> None:
    assert len(open_source(str(save(tmp_path / "a[1].png")))) == 1


def test_list_of_paths_keeps_its_order_and_skips_what_is_missing(tmp_path: Path) -> None:
    paths = [save(tmp_path / "b/2.png"), tmp_path / "gone.png", save(tmp_path / "a/1.png")]
    source = open_source(paths)
    assert list(source.names) == ["b/2.png", "a/1.png"]
    assert [item.reason for item in source.skipped] == ["no such file"]
    with pytest.raises(InputError, match="none of the paths"):
        open_source([str(tmp_path / "gone.png")])


def test_several_folders_are_one_source(tmp_path: Path) -> None:
    for name in ("x/1.png", "x/deep/2.png", "y/1.png", "z/lone.png"):
        save(tmp_path / name)
    (tmp_path / "y" / "notes.txt").touch()
    source = open_source(
        [tmp_path / "y", tmp_path / "z/lone.png", tmp_path / "x", tmp_path / "none"]
    )
    assert list(source.names) == ["y/1.png", "z/lone.png", "x/1.png", "x/deep/2.png"]
    assert [item.name for item in source.skipped] == [str(tmp_path / "none")]
    assert source.notes == ["skipped 1 file that is not an image: .txt 1"]
    assert source.labels is None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["x", "x"], ["1.png", "deep/2.png"]),
        (["x/deep", "x"], ["deep/2.png", "1.png"]),
        (["x", "x/1.png"], ["1.png", "deep/2.png"]),
        (["x/../x", "x/deep/2.png"], ["1.png", "deep/2.png"]),
    ],
)
def test_an_image_in_two_of_several_folders_is_read_once(
    tmp_path: Path, given: list[str], names: list[str]
) -> None:
    for name in ("x/1.png", "x/deep/2.png"):
        save(tmp_path / name)
    source = open_source([tmp_path / name for name in given])
    assert list(source.names) == names
    assert "listed already" in source.notes[0]


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        (("cat/1.png", "dog/2.png"), ("cat", "dog")),
        # with sub-folders in all of them, these are the classes
        (("cat/a/1.png", "dog/b/2.png", "dog/a/3.png"), ("a", "b")),
        (("cat/a/1.png", "dog/2.png"), ("cat", "dog")),
    ],
)
def test_classes_of_several_folders(
    tmp_path: Path, files: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    for name in files:
        save(tmp_path / name)
    source = open_source([tmp_path / "cat", tmp_path / "dog"])
    assert source.label_names == classes
    assert source.labels is not None
    assert len(source.labels) == len(files)


def test_several_folders_without_images(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="no image found"):
        open_source([tmp_path / "a", tmp_path / "b"])


def test_names_are_never_absolute(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png")
    for data in (path, [path], tmp_path, f"{tmp_path}/*.png"):
        assert list(open_source(data).names) == ["x.png"]


def test_pages_of_a_tiff_are_images(tmp_path: Path) -> None:
    stack = np.arange(5 * 4 * 6, dtype=np.uint16).reshape(5, 4, 6)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    save(tmp_path / "z/one.tif", 7)
    save(tmp_path / "y/one.tif", 8)
    alone = open_source(tmp_path / "stack.tif")
    assert len(alone) == 5
    assert alone.names[3] == "stack.tif[3]"
    np.testing.assert_array_equal(alone.read(3).pixels[..., 0], stack[3])
    source = open_source(tmp_path)
    assert list(source.names)[4:] == ["stack.tif[4]", "y/one.tif", "z/one.tif"]
    assert source.read(6).pixels.flat[0] == 7
    assert "each is an image" in source.notes[0]
    with pytest.raises(IndexError):
        source.read(7)


def test_bands_of_a_tiff_are_channels(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).random((7, 9, 5)).astype(np.float32)
    tifffile.imwrite(tmp_path / "b.tif", bands, photometric="minisblack", planarconfig="contig")
    source = open_source(tmp_path / "b.tif")
    assert len(source) == 1
    np.testing.assert_array_equal(source.read(0).pixels, bands)


def test_labels_are_repeated_for_pages(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png")
    (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "b/s.tif", np.zeros((3, 4, 4), np.uint8), photometric="minisblack")
    source = open_source(tmp_path)
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 1, 1]


def test_file_fingerprint_follows_content_and_not_the_place(tmp_path: Path) -> None:
    save(tmp_path / "a/x.png", 1)
    before = open_source(tmp_path / "a").fingerprint()
    (tmp_path / "a").rename(tmp_path / "b")
    assert open_source(tmp_path / "b").fingerprint() == before
    save(tmp_path / "b/x.png", 2)
    os.utime(tmp_path / "b/x.png", ns=(5, 5))
    assert open_source(tmp_path / "b").fingerprint() != before


def test_a_damaged_file_alone_is_refused_and_in_a_folder_read_raises(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ImageError, match=r"b\.png"):
        open_source(tmp_path / "b.png")
    source = open_source(tmp_path)
    with pytest.raises(ImageError):
        source.read(1)


def test_names_of_a_hundred_thousand_files_are_lean() -> None:
    tracemalloc.start()
    names = [f"class_{i % 10}/image_{i:06d}.png" for i in range(100_000)]
    source = FileSource(Path("nowhere"), names, description="many")
    source.label_by_folder()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(source) == 100_000
    assert used < 15e6


# -- what is nothing --------------------------------------------------------------------------------


def test_unknown_names_and_missing_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="did you mean 'mnist'"):
        open_source("mnits")
    with pytest.raises(InputError, match=r"holiday: no such file or folder \(known sets: digits"):
        open_source("holiday")
    with pytest.raises(InputError, match=r"a/b\.png: no such file or folder$"):
        open_source("a/b.png")
    with pytest.raises(InputError, match="cannot take images from a int"):
        open_source(5)
    with pytest.raises(InputError, match="unknown split 'dev'"):
        open_source("digits", split="dev")  # type: ignore[arg-type]
    for path in ("", "a\0b"):
        with pytest.raises(InputError, match="is no path"):
            open_source(path)
    os.mkfifo("pipe")
    with pytest.raises(InputError, match="named pipe"):
        open_source("pipe")


def test_a_folder_wins_over_the_set_of_its_name_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "digits/a.png")
    source = open_source("digits")
    assert list(source.names) == ["a.png"]
    assert "'digits' is a folder here and is read as one" in source.notes[0]
    assert open_source("./digits").notes == []
    (tmp_path / "digits/a.png").unlink()
    with pytest.raises(InputError, match="no image found"):  # never the set instead
        open_source("digits")


def test_no_hostile_file_does_more_than_raise_an_image_error(shared_data: Path) -> None:
    source = open_source(shared_data / "robustness")
    seen = {item.name for item in source.skipped}
    for index in range(len(source)):
        with contextlib.suppress(ImageError):  # any other error fails the test
            source.read(index)
        seen.add(source.names[index].partition("[")[0])
    listed = {
        entry["file"]
        for entry in json.loads((shared_data / "robustness/manifest.json").read_text())
    }
    assert listed <= seen


def test_opening_a_folder_does_not_load_torch() -> None:
    heavy = "'torch' in sys.modules or 'sklearn' in sys.modules"
    code = f"import convae.images.sources.open_source, sys; sys.exit({heavy})"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_checksums_are_of_files_and_of_bytes(tmp_path: Path) -> None:
    array = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    tifffile.imwrite(tmp_path / "stack.tif", array, photometric="minisblack")
    gone = save(tmp_path / "z.png")
    source = open_source(tmp_path)
    whole = hashlib.sha256((tmp_path / "stack.tif").read_bytes()).hexdigest()
    assert [source.checksum(i) for i in range(2)] == [whole, whole]
    assert source.select([1]).checksum(0) == whole
    assert open_source(array).checksum(1) == hashlib.sha256(array[1].tobytes()).hexdigest()
    gone.unlink()
    with pytest.raises(ImageError, match=r"z\.png: cannot be read: No such file"):
        source.checksum(2)
