"""The set that training sees: the same from memory, cache and files; nothing is lost silently."""

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from convae.errors import DiskFullError, ImageError, InputError
from convae.images.dataset import storage as module
from convae.images.dataset import survey
from convae.images.dataset.framing import Framing, resize
from convae.images.dataset.image_set import ImageSet, prepare
from convae.images.dataset.preparation import Preparation, image_hash
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.unit_range import UnitRange, fill_missing
from convae.images.files.image import Image, Pixels
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image
from convae.images.sources.file_sources import FileSource
from convae.images.sources.open_source import open_source

STORAGES = ("resident", "cached", "streamed")
GOOD = 6


def picture(number: int, height: int = 8, width: int = 6, channels: int = 3) -> Pixels:
    random = np.random.default_rng(number)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


def write(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels.squeeze()).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good images with bad ones in between: text, an empty file, and one cut short behind its header."""
    path = tmp_path / "images"
    for number in range(GOOD):
        write(path / f"{number}0.png", picture(number))
    (path / "15.png").write_bytes(b"not an image")
    (path / "25.png").write_bytes(b"")
    whole = (path / "30.png").read_bytes()
    (path / "35.png").write_bytes(whole[: len(whole) // 2])
    return path


def prepared(data: Any, **wanted: Any) -> ImageSet:
    return prepare(open_source(data), Preparation(**wanted))


def refusal(data: Any, **wanted: Any) -> str:
    with pytest.raises(InputError) as caught:
        prepared(data, **wanted)
    return str(caught.value)


@pytest.mark.parametrize("storage", STORAGES)
def test_unreadable_files_in_the_middle_are_skipped(folder: Path, storage: str) -> None:
    images = prepared(folder, storage=storage)
    assert len(images) == GOOD
    assert images.storage == storage
    assert (images.shape, images.depth) == ((3, 8, 6), "uint8")
    assert [images.name(i) for i in range(GOOD)] == [f"{i}0.png" for i in range(GOOD)]
    assert sorted(s.name for s in images.skipped) == ["15.png", "25.png", "35.png"]
    assert all(s.reason for s in images.skipped)
    for i in range(GOOD):
        batch = images.batch(np.array([i]))
        assert np.array_equal(batch[0], np.moveaxis(picture(i), 2, 0))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"channels": 1},
        {"size": (5, 7)},
        {"size": (4, 4), "framing": "crop"},
        {"size": (4, 5), "framing": "random-crop"},
        {"size": (10, 12), "framing": "random-crop"},
    ],
    ids=str,
)
def test_all_storages_give_the_same_batches(folder: Path, wanted: dict[str, Any]) -> None:
    sets = [prepared(folder, storage=storage, **wanted) for storage in STORAGES]
    order = [np.array([4, 0]), np.array([5]), np.array([1, 1, 3])]
    for moment in (None, (3, 0), (3, 1)):
        singles = [[s.batch(p, moment) for p in order] for s in sets]
        streams = [list(s.batches(order, moment)) for s in sets]
        for given in (*singles[1:], *streams):
            assert len(given) == len(order)
            assert all(np.array_equal(a, b) for a, b in zip(given, singles[0], strict=True))
        assert {b.shape[1:] for b in singles[0]} == {sets[0].shape}
        assert all(b.flags.c_contiguous for b in singles[0])
    assert len({tuple(s.hashes.tolist()) for s in sets}) == 1


@pytest.mark.parametrize("storage", STORAGES)
def test_batches_can_be_left_early_and_may_be_none(folder: Path, storage: str) -> None:
    images = prepared(folder, storage=storage)
    assert list(images.batches([])) == []
    endless = images.batches(itertools.repeat(np.array([0, 1, 2])))
    assert [len(next(endless)) for _ in range(5)] == [3] * 5
    endless.close()  # type: ignore[attr-defined]


def test_images_of_many_sizes_are_cropped_at_random_from_each() -> None:
    arrays = [picture(i, 8 + i, 15 - i) for i in range(6)]
    for storage in STORAGES:
        images = prepared(arrays, storage=storage, size=(6, 6), framing="random-crop")
        batch = images.batch(np.arange(6), (1, 2))
        for i, array in enumerate(arrays):
            framing = Framing(size=(6, 6), mode="random-crop")
            assert np.array_equal(np.moveaxis(batch[i], 0, 2), framing.apply(array, (1, 2, i)))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("framing", [None, "crop"])
def test_positions_from_the_end_on_show_the_images_again(storage: str, framing: str | None) -> None:
    wanted: dict[str, Any] = {} if framing is None else {"size": (4, 5), "framing": framing}
    images = prepared([picture(i) for i in range(GOOD)], storage=storage, **wanted)
    order = [np.array([2, GOOD + 2, 3 * GOOD]), np.array([2 * GOOD - 1])]
    once = [positions % GOOD for positions in order]
    for again, first in zip(images.batches(order, (0, 0)), images.batches(once), strict=True):
        assert np.array_equal(again, first)
    assert np.array_equal(images.batch(order[0]), images.batch(once[0]))
    assert images.name(GOOD + 2) == images.name(2)


def crops(images: ImageSet, moment: tuple[int, int] | None, positions: Any = range(GOOD)) -> bytes:
    return images.batch(np.array(positions), moment).tobytes()


def test_a_random_crop_is_a_function_of_seed_epoch_and_image() -> None:
    arrays = [picture(i, 20, 20) for i in range(GOOD)]
    images = prepared(arrays, size=(6, 6), framing="random-crop")
    assert crops(images, (0, 0)) == crops(images, (0, 0))
    moments = [(seed, epoch) for seed in range(3) for epoch in range(3)]
    assert len({crops(images, moment) for moment in moments}) == 9
    backwards = images.batch(np.arange(GOOD)[::-1], (0, 0))[::-1]
    assert backwards.tobytes() == crops(images, (0, 0))  # whatever else is in the batch
    centre = images.batch(np.array([2]))
    assert np.array_equal(centre[0], np.moveaxis(arrays[2][7:13, 7:13], 2, 0))


def test_the_crop_goes_with_the_image_not_with_its_place(tmp_path: Path) -> None:
    """A bad file before it does not move it: the key is the position in the source."""
    for number in range(3):
        write(tmp_path / f"{number}.png", picture(number, 20, 20))
    wanted: dict[str, Any] = {"size": (6, 6), "framing": "random-crop"}
    before = crops(prepared(tmp_path, **wanted), (0, 0), [2])
    (tmp_path / "1.png").write_bytes(b"broken")
    whole = prepared(tmp_path, **wanted)
    assert whole.name(1) == "2.png"
    assert crops(whole, (0, 0), [1]) == before


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (lambda: [picture(0), picture(1, 9, 9)], "images of 2 sizes (1 of 8x6, 1 of 9x9)"),
        (lambda: [picture(0), picture(1, 8, 6, 1)], "images of different channel counts"),
        (
            lambda: [picture(0), picture(1).astype(np.float32)],
            "float images among integer ones (1 of uint8, 1 of float32)",
        ),
    ],
    ids=["sizes", "channels", "depths"],
)
def test_mixtures_are_refused(arrays: Callable[[], list[Pixels]], text: str) -> None:
    assert text in refusal(arrays())


@pytest.mark.parametrize("storage", STORAGES)
def test_eight_bits_among_sixteen(storage: str) -> None:
    deep = np.full((8, 6, 3), 1000, dtype=np.uint16)
    images = prepared([picture(0), deep], storage=storage)
    batch = images.batch(np.arange(2))
    assert batch.dtype == np.uint16
    assert np.array_equal(batch[0], np.moveaxis(picture(0).astype(np.uint16) * 257, 2, 0))
    assert (batch[1] == 1000).all()
    assert "1 8-bit image is read as 16-bit (x 257), like the others" in images.notes


@pytest.mark.parametrize("storage", STORAGES)
def test_missing_pixels_are_counted_and_filled(storage: str) -> None:
    arrays = np.random.default_rng(0).random((4, 5, 5)).astype(np.float32)
    arrays[1, 2, 2] = np.nan
    arrays[3] = np.nan
    images = prepared(arrays, storage=storage)
    assert len(images) == 3
    assert images.missing == 1
    assert [s.reason for s in images.skipped] == ["every pixel is NaN or nodata"]
    assert any("1 image holds NaN or nodata pixels" in note for note in images.notes)
    batch = images.batch(np.arange(3))
    assert np.isnan(batch).sum() == 1
    scaling = Scaling.fit([batch], "float32", "minmax")
    clean = UnitRange(scaling, torch.device("cpu"))(batch)
    assert bool(torch.isfinite(clean).all())
    known = clean[1].flatten()[torch.arange(25) != 12]
    assert clean[1, 0, 2, 2] == pytest.approx(float(known.mean()), rel=1e-5)


@pytest.mark.parametrize("storage", STORAGES)
def test_an_image_of_another_scale_is_skipped_and_the_others_stay(
    storage: str, tmp_path: Path
) -> None:
    arrays = [np.full((4, 5, 1), i + 1, np.float32) for i in range(6)]
    arrays[2][1, 1] = 1e30
    for i, pixels in enumerate(arrays):
        write_image(tmp_path / f"{i}.tif", pixels)
    images = prepared(tmp_path, storage=storage)
    assert [(s.name, "from 3 to 1e+30" in s.reason) for s in images.skipped] == [("2.tif", True)]
    assert images.index.tolist() == [0, 1, 3, 4, 5]
    assert [images.name(i) for i in range(5)] == ["0.tif", "1.tif", "3.tif", "4.tif", "5.tif"]
    assert [images.batch(np.array([i])).mean() for i in range(5)] == [1, 2, 4, 5, 6]
    assert images.batch(np.arange(5)).shape == (5, 1, 4, 5)
    assert images.extremes[:, 0].tolist() == [[v, v] for v in (1, 2, 4, 5, 6)]
    with pytest.raises(InputError, match=r"1 of 6 images cannot be used.*2\.tif: its values reach"):
        prepared(tmp_path, storage=storage, strict=True)


def test_filling_is_per_image_and_channel() -> None:
    x = torch.tensor([[[[1.0, 3.0, torch.nan]], [[5.0, torch.inf, 7.0]]], [[[torch.nan] * 3]] * 2])
    filled = fill_missing(x)
    assert filled[0].tolist() == [[[1, 3, 2]], [[5, 6, 7]]]
    assert not filled[1].any()
    whole = torch.rand(2, 1, 3, 3)
    assert fill_missing(whole) is whole


def test_unit_range_and_back() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    unit = UnitRange(Scaling.fit([values], "uint8", "dtype"), torch.device("cpu"))
    clean = unit(values)
    assert clean.dtype == torch.float32
    assert (float(clean.min()), float(clean.max())) == (0, 1)
    assert np.array_equal(unit.invert(clean), values)
    assert torch.equal(unit(torch.from_numpy(values)), clean)


def test_a_single_channel_has_the_strides_of_a_new_tensor() -> None:
    """Convolutions choose their algorithm by strides, also by those that mean nothing."""
    values = np.moveaxis(np.zeros((2, 5, 4, 1), np.uint8), 3, 1)
    unit = UnitRange(Scaling.fit([values], "uint8", "dtype"), torch.device("cpu"))
    assert unit(values).stride() == torch.empty(2, 1, 5, 4).stride()


def test_strict_refuses_what_is_skipped_otherwise(folder: Path) -> None:
    message = refusal(folder, strict=True)
    assert "images cannot be used, which strict=True forbids: " in message
    assert "15.png: " in message
    for bad in ("15.png", "25.png"):
        (folder / bad).unlink()
    message = refusal(folder, strict=True)  # its header is good: found when it is decoded
    assert "1 of 7 images cannot be used, which strict=True forbids: 35.png: " in message
    (folder / "35.png").unlink()
    assert len(prepared(folder, strict=True)) == GOOD


def test_nothing_readable(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"broken")
    message = refusal(tmp_path)
    assert "none of 5 images can be used: 0.png" in message
    assert message.endswith("0.png and 4 more: not an image: text")  # one reason, once


def test_hashes_tell_duplicates_wherever_they_are(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(1))
    write(tmp_path / "b.png", picture(2))
    write(tmp_path / "sub" / "c.png", picture(1))
    images = prepared(tmp_path)
    hashes = {images.name(i): int(images.hashes[i]) for i in range(3)}
    assert hashes["a.png"] == hashes[os.path.join("sub", "c.png")] != hashes["b.png"]
    assert hashes["a.png"] == image_hash(picture(1))
    again = prepared([picture(1)], size=None)
    assert int(again.hashes[0]) == hashes["a.png"]


def test_labels_follow_the_images(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / ("cat" if number % 2 else "dog") / f"{number}.png", picture(number))
    (tmp_path / "cat" / "1.png").write_bytes(b"broken")
    images = prepared(tmp_path)
    assert images.labels is not None
    for i, label in enumerate(images.labels):
        assert images.name(i).startswith(images.source.label_names[label])
    assert prepared([picture(0)]).labels is None


def test_the_way_there_is_told() -> None:
    told: list[tuple[int, int]] = []
    shapes: list[tuple[int, int, int]] = []
    source = open_source([picture(i) for i in range(3)])
    prepare(
        source,
        Preparation(size=(4, 5)),
        settled=shapes.append,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert set(shapes) == {(3, 4, 5)}


@pytest.mark.parametrize(
    ("memory", "disk", "storage"),
    [(10**6, 10**6, "resident"), (100, 10**6, "cached"), (100, 100, "streamed")],
)
def test_the_storage_is_chosen_by_what_there_is(
    monkeypatch: pytest.MonkeyPatch, memory: int, disk: int, storage: str
) -> None:
    class Usage:
        free = disk

    monkeypatch.setattr(module, "available_memory", lambda: memory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())
    images = prepared([picture(i) for i in range(3)])
    assert images.storage == storage
    assert np.array_equal(images.batch(np.array([1]))[0], np.moveaxis(picture(1), 2, 0))


def test_a_cache_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    images = prepared([picture(0)], storage="cached")
    assert list(tmp_path.iterdir()) == []
    assert images.batch(np.array([0])).shape == (1, 3, 8, 6)


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskFullError, match="144 bytes or more are needed") as caught:
        prepared([picture(0)], storage="cached")
    assert "the cache of images in" in str(caught.value)
    assert "or choose storage 'streamed'" in str(caught.value)


def test_a_streamed_file_that_vanishes_is_named_by_strict(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.png", picture(number))
    images = prepared(tmp_path, storage="streamed", strict=True)
    (tmp_path / "2.png").unlink()
    with pytest.raises(InputError, match=r"2\.png"):
        list(images.batches([np.array([0, 1]), np.array([2, 3])]))


BAD: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-60]),
    "larger": lambda path: write(path, picture(9, 16, 16)),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    ("order", "stands_in"),
    [
        ([0, 2, 3], [0, 3, 3]),  # the next one of the batch
        ([0, 2], [0, 0]),  # round to its first
        ([2, 2, 1], [1, 1, 1]),
    ],
)
def test_a_streamed_file_that_goes_bad_is_skipped(
    tmp_path: Path, kind: str, order: list[int], stands_in: list[int]
) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.png", picture(number))
    images = prepared(tmp_path, storage="streamed")
    BAD[kind](tmp_path / "2.png")
    for _ in range(2):
        (batch,) = images.batches([np.array(order)])
        assert np.array_equal(batch, images.batch(np.array(order)))
        for got, number in zip(batch, stands_in, strict=True):
            assert np.array_equal(got, np.moveaxis(picture(number), 2, 0))
    assert [item.name for item in images.skipped] == ["2.png"]  # once
    with pytest.raises(ImageError, match=r"2\.png"):  # nothing to stand in for it
        images.batch(np.array([2]))


def test_further_crops_of_an_image_lie_elsewhere() -> None:
    pixels = np.arange(2 * 40 * 40, dtype=np.uint16).reshape(2, 40, 40)
    images = prepare(open_source(pixels), Preparation(size=(8, 8), framing="random-crop"))
    places = np.array([1, 3, 5, 7])  # image 1, four times
    for moment in (None, (0, 1)):
        crops = images.batch(places, moment)
        assert len({int(crop[0, 0, 0]) for crop in crops}) == 4
        assert (crops >= 1600).all()
        assert np.array_equal(crops, images.batch(places, moment))
    assert not np.array_equal(images.batch(places, (0, 1)), images.batch(places, (0, 2)))
    assert images.name(5) == images.name(1) == "array[1]"


def photographs(path: Path) -> Path:
    """JPEG files of 96x128, with an edge that shows how they were made smaller."""
    path.mkdir()
    for number in range(4):
        pixels = np.full((96, 128, 3), 40 * number, np.uint8)
        pixels[:, 50 + number :] = 200
        PillowImage.fromarray(pixels).save(path / f"{number}.jpg", quality=90)
    return path


@pytest.mark.parametrize("storage", STORAGES)
def test_coarse_images_are_those_of_reading_for_the_size(tmp_path: Path, storage: str) -> None:
    folder = photographs(tmp_path / "photographs")
    images = prepared(folder, size=(16, 16), coarse=True, storage=storage)
    assert "4 images: JPEG decoded at a part of its size" in " ".join(images.notes)
    for i, batch in enumerate(images.batches([np.array([k]) for k in range(4)])):
        read = read_image(folder / f"{i}.jpg", for_size=(16, 16))
        assert read.pixels.shape == (48, 64, 3)
        assert np.array_equal(batch[0], np.moveaxis(resize(read.pixels, (16, 16)), 2, 0))
    whole = prepared(folder, size=(16, 16), storage=storage)
    assert whole.notes == []
    assert not np.array_equal(whole.hashes, images.hashes)


@pytest.mark.parametrize("framing", ["crop", "random-crop"])
def test_nothing_is_coarse_where_images_are_cut(tmp_path: Path, framing: str) -> None:
    folder = photographs(tmp_path / "photographs")
    sets = [prepared(folder, size=(8, 8), framing=framing, coarse=c) for c in (False, True)]
    assert np.array_equal(sets[0].hashes, sets[1].hashes)


@pytest.mark.parametrize("room", [0, 8 * 6 * 3 * 2, 2**20])
def test_small_files_are_opened_once_as_long_as_there_is_room(
    folder: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = prepared(folder)
    monkeypatch.setattr(survey, "_room", lambda: room)
    opened = Counter[str]()

    def counted(source: FileSource, index: int, **wanted: Any) -> Image:
        opened[source.names[index]] += 1
        return read(source, index, **wanted)

    read = FileSource.read
    monkeypatch.setattr(FileSource, "read", counted)
    images = prepared(folder)
    assert np.array_equal(images.hashes, expected.hashes)
    assert [s.name for s in images.skipped] == ["15.png", "25.png", "35.png"]
    assert max(opened.values(), default=0) <= 1
    if room == 2**20:
        assert not opened
    elif room == 0:
        assert {f"{i}0.png" for i in range(GOOD)} <= set(opened)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(7, 5, 6), (7, 5, 6, 1), (7, 5, 6, 3), (7, 5, 6, 2)])
@pytest.mark.parametrize("wanted", [{}, {"size": (3, 3), "framing": "random-crop"}], ids=str)
def test_a_stack_that_needs_nothing_is_taken_as_it_is(
    shape: tuple[int, ...], dtype: str, wanted: dict[str, Any]
) -> None:
    stack = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    told = list[tuple[int, int]]()
    at_once = prepare(
        open_source(stack), Preparation(**wanted), progress=lambda *done: told.append(done)
    )
    one_by_one = prepared(list(stack), **wanted)
    assert (at_once.shape, at_once.depth) == (one_by_one.shape, one_by_one.depth)
    assert np.array_equal(at_once.hashes, one_by_one.hashes)
    assert np.array_equal(at_once.index, one_by_one.index)
    for moment in (None, (2, 1)):
        order = np.array([6, 0, 0, 3])
        assert np.array_equal(at_once.batch(order, moment), one_by_one.batch(order, moment))
    assert told[-1] == (7, 7)
    assert at_once.notes == open_source(stack).notes


def test_what_may_be_missing_is_looked_through() -> None:
    stack = np.zeros((3, 4, 4), np.float32)
    stack[1, 2, 2] = np.nan
    images = prepared(stack)
    assert images.missing == 1
    assert open_source(stack).stack() is None


@pytest.mark.parametrize(
    ("dtype", "top", "dark"),
    [("uint8", 1, True), ("uint8", 0, False), ("uint8", 2, False), ("bool", 1, False)],
)
@pytest.mark.parametrize("as_files", [False, True])
def test_values_of_0_and_1_in_8_bits_are_said(
    tmp_path: Path, dtype: str, top: int, dark: bool, as_files: bool
) -> None:
    stack = np.zeros((3, 6, 5), np.uint8)
    stack[1:, 2:4] = top
    stack = stack.astype(dtype)
    for number, pixels in enumerate(stack):
        write(tmp_path / f"{number}.png", pixels)
    notes = prepared(tmp_path if as_files else stack).notes
    assert any("all 8-bit values are 0 or 1" in note for note in notes) is dark
