"""Processes that decode: the same answers as here, and none lost when a process is."""

import os
import signal
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageFile

from convae.errors import ImageError
from convae.images.dataset import prefetch, survey, worker_processes
from convae.images.dataset.image_set import prepare
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.worker_processes import Worker, Workers, decode_line, line_of
from convae.images.files.image import Answer, Header, Image, ImageInfo, ReadLimits, Request
from convae.images.files.metadata import Description, Resolution
from convae.images.files.reading import answer
from convae.images.sources.open_source import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(40):
        pixels = rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)
        kind = ("png", "jpg", "tif")[i % 3]
        PillowImage.fromarray(pixels).save(tmp_path / f"{i:02d}.{kind}", dpi=(72.5, 300))
    (tmp_path / "40.png").write_bytes(b"no image")
    return tmp_path


@pytest.fixture
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.close()


def requests(folder: Path, *, most_bytes: int | None = None) -> list[Request]:
    return [
        Request(
            path=str(path),
            name=path.name,
            page=0,
            limits=ReadLimits(),
            for_size=(4, 4),
            most_bytes=most_bytes,
        )
        for path in sorted(folder.iterdir())
    ]


def in_processes(monkeypatch: pytest.MonkeyPatch) -> list[Workers]:
    """Have images read in two processes however few there are; gives the pools that are made."""
    started: list[Workers] = []

    class Watched(Workers):
        def __init__(self, count: int) -> None:
            super().__init__(count)
            started.append(self)

    monkeypatch.setattr(prefetch, "Workers", Watched)
    monkeypatch.setattr(prefetch, "cores", lambda: 2)
    monkeypatch.setattr(prefetch, "LONG", 0.0)
    monkeypatch.setattr(prefetch, "TRIED", 8)
    return started


def assert_alike(some: list[Answer], others: list[Answer]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        if isinstance(one, ImageError):
            assert isinstance(other, ImageError)
            assert (one.name, one.reason) == (other.name, other.reason)
            continue
        assert isinstance(other, tuple)
        assert one[0] == other[0]
        if one[1] is None:
            assert other[1] is None
            continue
        assert other[1] is not None
        assert (one[1].info, one[1].reduced) == (other[1].info, other[1].reduced)
        assert one[1].pixels.dtype == other[1].pixels.dtype
        assert np.array_equal(one[1].pixels, other[1].pixels)


@pytest.mark.parametrize("most_bytes", [None, 0, 3000])
def test_a_process_answers_as_this_one_does(
    folder: Path, worker: Worker, most_bytes: int | None
) -> None:
    asked = requests(folder, most_bytes=most_bytes)
    here = [answer(request) for request in asked]
    assert_alike(worker.answers(asked), here)
    assert_alike(worker.answers(asked[:1]), here[:1])
    assert isinstance(here[-1], ImageError)


def test_what_is_told_comes_back() -> None:
    resolution = Resolution(x=Fraction(725, 10), y=Fraction(1, 3), unit="inch", size=(4, 5))
    description = Description(
        text=b"\x00\xff\n", shape=(4, 5, 1), depth="int16", images=3, apart=False
    )
    info = ImageInfo(
        name="näme\udc80\n.tif",  # a name that is not UTF-8
        conversions=("one", "two"),
        nodata=float("-inf"),
        resolution=resolution,
        description=description,
    )
    header = Header(shape=(4, 5, 1), depth="uint8", pages=1, format="PNG", stored="uint8", mode="L")
    line = line_of([info, header, ImageError("a", "b"), None])
    assert line.count(b"\n") == 1
    back = decode_line(line)
    assert back[:2] == [info, header]
    assert (back[2].name, back[2].reason) == ("a", "b")


def test_what_a_process_leaves_is_answered_here(folder: Path) -> None:
    asked = requests(folder)
    here = [answer(request) for request in asked]
    with Workers(2) as pool:
        os.kill(pool._all[0]._process.pid, signal.SIGKILL)
        for _ in range(4):  # each of the two comes up
            assert_alike(pool.answers(asked), here)


def test_the_callers_search_path_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And not the folder that one happens to be in, where anything may be called numpy."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    one = Worker()
    assert isinstance(one.answers(requests(tmp_path))[0], ImageError)
    one.close()


def test_a_search_path_may_hold_anything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, folder])
    one = Worker()
    assert isinstance(one.answers(requests(folder)[:1])[0], tuple)
    one.close()


@pytest.mark.parametrize("first", [0, 33])
def test_what_a_process_refuses_is_read_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """A caller who lets Pillow read what is cut off gets it wherever it is read."""
    cut = folder / f"{first:02d}.jpg"
    (folder / f"{first:02d}.png").unlink()
    rng = np.random.default_rng(0)
    PillowImage.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(cut)
    cut.write_bytes(cut.read_bytes()[:-1000])
    in_processes(monkeypatch)
    wanted = Preparation(size=(12, 10))
    assert [s.name for s in prepare(open_source(folder), wanted).skipped] == [cut.name, "40.png"]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert [s.name for s in prepare(open_source(folder), wanted).skipped] == ["40.png"]


def test_large_images_among_small_ones_are_read_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Preparation(size=(12, 10))
    before = prepare(open_source(folder), wanted)
    in_processes(monkeypatch)
    monkeypatch.setattr(prefetch, "LARGE", 3 * 30 * 40)  # the later half is larger
    monkeypatch.setattr(prefetch, "TRIED", 3)
    after = prepare(open_source(folder), wanted)
    assert np.array_equal(before.hashes, after.hashes)


def test_no_process_outlives_an_interruption(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even while somebody keeps the error, and the frames in it."""
    started = in_processes(monkeypatch)

    def interrupt(done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(survey, "_room", lambda: 0)
    with pytest.raises(KeyboardInterrupt) as caught:
        prepare(open_source(folder), Preparation(size=(12, 10)), progress=interrupt)
    assert len(started) == 2
    assert all(one._process.poll() is not None for pool in started for one in pool._all)
    assert caught.value is not None


def test_ctrl_c_is_not_for_them(folder: Path, worker: Worker) -> None:
    asked = requests(folder)[:2]
    worker.answers(asked)
    os.kill(worker._process.pid, signal.SIGINT)
    assert len(worker.answers(asked)) == 2


@pytest.mark.parametrize("size", [None, (12, 10)])
@pytest.mark.parametrize("coarse", [False, True])
def test_images_are_the_same_whoever_reads_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] | None, coarse: bool
) -> None:
    if size is None:  # all must have one size
        for path in sorted(folder.iterdir())[1:40]:
            path.unlink()
        rng = np.random.default_rng(1)
        for i in range(39):
            pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            PillowImage.fromarray(pixels).save(folder / f"{i:02d}.png")
    source, wanted = open_source(folder), Preparation(size=size, coarse=coarse)
    before = prepare(source, wanted)
    started = in_processes(monkeypatch)
    after = prepare(source, wanted)
    assert started
    assert np.array_equal(before.hashes, after.hashes)
    assert np.array_equal(before.index, after.index)
    assert (before.skipped, before.notes) == (after.skipped, after.notes)
    everyone = np.arange(len(before))
    assert np.array_equal(before.batch(everyone), after.batch(everyone))


@pytest.mark.parametrize(
    "reason", ["one core", "large images", "no interpreter", "no more processes", "not files"]
)
def test_no_processes_where_they_do_not_help(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def refused(count: int) -> Workers:
        if reason == "no more processes":
            raise OSError("no more")
        raise AssertionError("processes were started")

    monkeypatch.setattr(prefetch, "Workers", refused)
    monkeypatch.setattr(prefetch, "cores", lambda: 1 if reason == "one core" else 2)
    monkeypatch.setattr(prefetch, "LONG", 0.0)
    monkeypatch.setattr(prefetch, "TRIED", 8)
    if reason == "large images":
        monkeypatch.setattr(prefetch, "LARGE", 100)
    if reason == "no interpreter":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    source = open_source(folder)
    if reason == "not files":
        source = open_source([np.zeros((8, 8), np.uint8), np.zeros((9, 8), np.uint8)] * 20)
    images = prepare(source, Preparation(size=(6, 6)))
    assert len(images) == 40


def test_only_so_much_is_read_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "cores", lambda: 2)
    monkeypatch.setattr(prefetch, "LONG", 0.0)
    monkeypatch.setattr(prefetch, "TRIED", 2)
    monkeypatch.setattr(prefetch, "MOST", 1)
    seen = []

    def use(index: int, said: Answer) -> int:
        seen.append(index)
        return index

    results = prefetch.fetched(open_source(folder), range(40), use)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(seen) <= 3 + 2 * 2
    results.close()
    assert len(seen) < 20


def test_an_error_of_the_user_ends_the_processes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = in_processes(monkeypatch)

    def use(index: int, said: Answer) -> Image | None:
        if index == 15:
            raise KeyError("mine")
        return None

    with pytest.raises(KeyError, match="mine"):
        list(prefetch.fetched(open_source(folder), range(40), use))
    assert started
    assert all(one._process.poll() is not None for pool in started for one in pool._all)


def test_no_interpreter_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_processes.possible()
    for host in ("", "/usr/bin/qgis", "uwsgi"):
        monkeypatch.setattr(sys, "executable", host)
        assert not worker_processes.possible()
