"""Files are written in threads, a few at a time, and come out as if one after the other."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import fill

import convae
from convae.errors import InputError
from convae.filesystem.result_folders import MARKER
from convae.images import result_files
from convae.images.files.image import Image, ImageInfo
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image
from convae.images.result_files import WRITERS, Tally, write_files
from convae.images.sources.open_source import open_source

SOURCE = open_source(np.zeros((9, 4, 5), np.uint8))


def results(count: int = 9) -> Iterator[Any]:
    for i in range(count):
        pixels = np.full((4, 5, 1), i, np.uint8)
        image = Image(pixels, ImageInfo(name=f"{i}.png", format="PNG"))
        yield SimpleNamespace(index=i, image=image, pixels=pixels, holes=None)


def test_every_image_comes_to_its_place(tmp_path: Path) -> None:
    tally = Tally()
    write_files(SOURCE, results(), tmp_path, tally, None)
    assert tally.files == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{i}.png" for i in range(9)]
    assert all((read_image(tmp_path / f"{i}.png").pixels == i).all() for i in range(9))


def test_another_kind_than_was_asked_for_is_told(tmp_path: Path) -> None:
    def deep() -> Iterator[Any]:
        for done in results(3):
            image = Image(
                done.pixels.astype(np.float32),
                ImageInfo(name=done.image.info.name, depth="float32"),
            )
            yield SimpleNamespace(**{**vars(done), "image": image, "pixels": image.pixels})

    tally = Tally()
    write_files(SOURCE, deep(), tmp_path, tally, "jpg")
    assert tally.elsewhere == {"JPEG cannot hold these pixels: written as TIFF": 3}
    again = Tally()
    write_files(SOURCE, results(), tmp_path / "b", again, "jpg")
    assert not again.elsewhere


@pytest.mark.parametrize(
    ("own", "depth", "said"),
    [
        ("GIF", "uint8", "GIF cannot be written with these pixels: written as PNG"),
        ("JPEG2000", "uint8", "JPEG2000 cannot be written with these pixels: written as PNG"),
        ("BMP", "uint16", "BMP cannot be written with these pixels: written as PNG"),
        ("PNG", "float32", "PNG cannot be written with these pixels: written as TIFF"),
        ("MPO", "uint8", None),
        ("PGM", "uint16", None),
        ("PNG", "uint8", None),
    ],
)
def test_a_file_of_another_kind_than_its_own_is_told(
    tmp_path: Path, own: str, depth: str, said: str | None
) -> None:
    def read() -> Iterator[Any]:
        for done in results(2):
            info = ImageInfo(name=done.image.info.name, format=own, depth=depth)
            pixels = done.pixels.astype(depth)
            image = Image(pixels, info)
            yield SimpleNamespace(index=done.index, image=image, pixels=pixels, holes=None)

    source = open_source(fill(tmp_path / "in", np.zeros((2, 4, 5, 1), np.uint8)))
    tally = Tally()
    write_files(source, read(), tmp_path / "out", tally, None)
    assert dict(tally.elsewhere) == ({} if said is None else {said: 2})


def test_a_part_of_an_image_is_told(tmp_path: Path) -> None:
    def cut() -> Iterator[Any]:
        for done in results(2):
            yield SimpleNamespace(**{**vars(done), "pixels": done.pixels[:2]})

    tally = Tally()
    write_files(SOURCE, cut(), tmp_path, tally, None)
    assert tally.elsewhere == {
        "only the part of 2x5 pixels that the model takes is in the result": 2
    }


def test_an_image_is_written_while_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, overlapping = threading.Event(), []

    def wait(*_: Any, **__: Any) -> None:
        overlapping.append(made.wait(60))

    def two() -> Iterator[Any]:
        first, second = results(2)
        yield first
        made.set()  # whoever writes the first waits for this
        yield second

    monkeypatch.setattr(result_files, "write_image", wait)
    monkeypatch.setattr(result_files, "cores", lambda: 2)
    write_files(SOURCE, two(), tmp_path, Tally(), None)
    assert overlapping == [True, True]


def test_few_images_wait_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, alive = threading.Lock(), [0, 0]  # made and not yet written: now, and at most

    def counted() -> Iterator[Any]:
        for done in results():
            with lock:
                alive[0] += 1
                alive[1] = max(alive)
            yield done

    def written(*_: Any, **__: Any) -> None:
        with lock:
            alive[0] -= 1

    monkeypatch.setattr(result_files, "write_image", written)
    monkeypatch.setattr(result_files, "cores", lambda: 64)
    write_files(SOURCE, counted(), tmp_path, Tally(), None)
    assert alive[0] == 0
    assert alive[1] <= WRITERS + 1


def test_what_cannot_be_written_ends_it(tmp_path: Path) -> None:
    (tmp_path / "3.png").mkdir()
    tally = Tally()
    with pytest.raises(InputError, match=r"3\.png: is a folder; give the name of a file"):
        write_files(SOURCE, results(), tmp_path, tally, None)
    assert tally.files == 3


@dataclass
class Half:
    """An image at half of its values."""

    index: int
    image: Image
    pixels: Any
    holes: Any = None


def halves(source: Any) -> Iterator[Half]:
    for index in range(len(source)):
        image = source.read(index)
        yield Half(index, image, (image.pixels // 2).astype(image.pixels.dtype))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Files of several kinds and depths, one of them in a sub-folder."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5, 1) * 10
    write_image(folder / "a.png", grey)
    write_image(folder / "sub" / "b.tif", (grey.astype(np.uint16) * 200))
    write_image(folder / "c.bmp", grey)
    return folder


def test_results_from_python_keep_name_kind_depth_and_size(mixed: Path, tmp_path: Path) -> None:
    source = open_source(mixed)
    written = convae.write_images(source, halves(source), tmp_path / "out")
    assert (written.images, written.files) == (3, 3)
    for name in ("a.png", "sub/b.tif", "c.bmp"):
        before, after = (read_image(folder / name) for folder in (mixed, tmp_path / "out"))
        assert after.info.format == before.info.format
        assert after.pixels.dtype == before.pixels.dtype
        assert np.array_equal(after.pixels, before.pixels // 2)


def test_a_folder_of_results_is_replaced_when_that_is_asked_for(
    mixed: Path, tmp_path: Path
) -> None:
    source, out = open_source(mixed), tmp_path / "out"
    convae.write_images(source, halves(source), out)
    with pytest.raises(InputError, match="holds the results of an earlier"):
        convae.write_images(source, halves(source), out)
    convae.write_images(source, halves(source), out, format="png", overwrite=True)
    found = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {MARKER}
    assert found == {"a.png", "sub/b.png", "c.png"}


def test_a_run_that_fails_leaves_what_was_there(mixed: Path, tmp_path: Path) -> None:
    source, out = open_source(mixed), tmp_path / "out"
    convae.write_images(source, halves(source), out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def failing() -> Iterator[Half]:
        yield from itertools.islice(halves(source), 2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        convae.write_images(source, failing(), out, overwrite=True)
    after = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert set(after) == set(before)
    assert all(after[p] == before[p] for p in before if p.name != MARKER)


def test_nothing_of_the_user_is_written_over(mixed: Path, tmp_path: Path) -> None:
    source = open_source(mixed)
    with pytest.raises(InputError, match="is where the images are; choose another folder"):
        convae.write_images(source, halves(source), mixed)
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already"):
        convae.write_images(source, halves(source), own, overwrite=True)
    assert (own / "a.png").read_bytes() == b"mine"
    with pytest.raises(InputError, match="unknown format 'pngg': did you mean 'png'"):
        convae.write_images(source, halves(source), tmp_path / "x", format="pngg")


def test_results_of_an_array_become_one_array(tmp_path: Path) -> None:
    images = np.arange(5 * 4 * 3, dtype=np.uint16).reshape(5, 4, 3) * 9
    source = open_source(images)
    convae.write_images(images, halves(source), tmp_path / "out")
    assert np.array_equal(np.load(tmp_path / "out" / "images.npy"), images // 2)


def test_a_run_that_fails_leaves_no_folder(mixed: Path, tmp_path: Path) -> None:
    def failing() -> Iterator[Half]:
        raise RuntimeError("nothing at all")
        yield

    source, out = open_source(mixed), tmp_path / "a" / "b"
    with pytest.raises(RuntimeError, match="nothing at all"):
        convae.write_images(source, failing(), out)
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError, match="nothing at all"):
        convae.write_images(source, failing(), out)
    assert list((tmp_path / "a").iterdir()) == []
