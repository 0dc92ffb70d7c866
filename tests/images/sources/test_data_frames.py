"""Data frames of paths and of images: pandas and polars where they are installed, and a small stand-in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

import convae
from convae.errors import InputError
from convae.images.sources.open_source import open_source


class Series:
    """What is used of a ``Series``, by the names that polars has."""

    dtype, is_null = "object", None

    def __init__(self, values: list[Any], name: str) -> None:
        self.values, self.name = values, name

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def to_list(self) -> list[Any]:
        return self.values


class Frame:
    """What is used of a ``DataFrame``: its columns, its shape, and a column by its name."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.held, self.columns = columns, list(columns)
        self.shape = (len(next(iter(columns.values()))), len(columns))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, name: str) -> Series:
        return Series(self.held[name], name)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(list(self.held.values()), dtype=object).T


def pandas(columns: dict[str, list[Any]]) -> Any:
    frame = pytest.importorskip("pandas").DataFrame(columns)
    return frame.set_axis([10 * i for i in range(len(frame))])  # positions are no labels of rows


def polars(columns: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(columns)


Make = Callable[[dict[str, list[Any]]], Any]
kinds = pytest.mark.parametrize("make", [Frame, pandas, polars])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Images of one grey level each, 0 to 11, in the working directory; in natural order by name."""
    for i in range(12):
        PillowImage.new("L", (8, 6), i).save(tmp_path / f"i{i}.png")
    monkeypatch.chdir(tmp_path)
    return [f"i{i}.png" for i in range(12)]


@kinds
@pytest.mark.parametrize("name", ["path", "file", "image"])
def test_rows_keep_their_order_and_paths_are_relative_to_the_working_directory(
    make: Make, name: str, files: list[str], tmp_path: Path
) -> None:
    mixed = [files[11], str(tmp_path / files[2]), files[7]]
    source = open_source(make({"other": [1, 2, 3], name: mixed}))
    assert [int(source.read(i).pixels[0, 0, 0]) for i in range(3)] == [11, 2, 7]
    assert list(source.names) == ["i11.png", "i2.png", "i7.png"]
    assert source.labels is None


@kinds
def test_a_column_of_another_name_and_a_series(make: Make, files: list[str]) -> None:
    frame = make({"picture": files[3:6], "note": ["a", "b", "c"]})
    for source in (open_source(frame, column="picture"), open_source(frame["picture"])):
        assert [int(source.read(i).pixels[0, 0, 0]) for i in range(3)] == [3, 4, 5]
    with pytest.raises(InputError, match="unknown column 'pictures': did you mean 'picture'"):
        open_source(frame, column="pictures")
    with pytest.raises(
        InputError, match=r"with the columns picture, note has none called path, file"
    ):
        open_source(frame)


@kinds
@pytest.mark.parametrize(
    ("values", "labels", "names"),
    [
        (["t10", "t9", "t10"], [1, 0, 1], ("t9", "t10")),  # natural order
        ([3, 1, 3], [3, 1, 3], ("0", "1", "2", "3")),
        ([True, False, True], [1, 0, 1], ("0", "1")),
    ],
)
@pytest.mark.parametrize("name", ["label", "class", "target"])
def test_labels_come_along(
    make: Make, name: str, values: list[Any], labels: list[int], names: Any, files: list[str]
) -> None:
    source = open_source(make({"path": files[:3], name: values}))
    assert source.labels is not None
    assert (source.labels.tolist(), source.label_names) == (labels, names)
    assert source.labels.dtype == np.int64


@kinds
def test_labels_that_cannot_be_used_are_noted(make: Make, files: list[str]) -> None:
    source = open_source(make({"path": files[:3], "label": ["a", None, "b"]}))
    assert source.labels is None
    assert source.notes == ["column 'label' has 1 empty cell and is not used for labels"]
    source = open_source(make({"path": files[:3], "label": [0.5, 1.5, 2.0]}))
    assert source.labels is None
    assert "holds neither texts nor whole numbers" in source.notes[0]


def test_the_pages_of_a_stack_have_the_label_of_its_row(files: list[str], tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite("stack.tif", np.zeros((2, 6, 8), np.uint8), photometric="minisblack")
    source = open_source(Frame({"path": [files[0], "stack.tif"], "label": ["a", "b"]}))
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 1]


@kinds
def test_a_bad_row_is_named(make: Make, files: list[str], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    gone = make({"path": [files[0], "gone.png", files[1]]})
    with pytest.raises(
        InputError,
        match=r"column 'path' must hold the path of a file .*row 1: gone.png: no such file",
    ):
        open_source(gone)
    for cell, message in (
        (None, "row 1: an empty cell|row 1: nan"),
        ("", "row 1: an empty text"),
        ("folder", "row 1: folder: it is a folder"),
        ("a\0b", "row 1: "),
    ):
        with pytest.raises(InputError, match=message):
            open_source(make({"path": [files[0], cell]}))
    with pytest.raises(InputError, match=r"row 0: g0: .*row 2: g2: no such file; and 2 more"):
        open_source(make({"path": [f"g{i}" for i in range(5)]}))
    with pytest.raises(InputError, match="column 'path' has no rows"):
        open_source(make({"path": []}))


@kinds
def test_a_column_of_numbers_holds_no_images(make: Make) -> None:
    with pytest.raises(InputError, match=r"column 'image' must hold an image in each row .* 0: 5"):
        open_source(make({"image": [5, 6], "label": ["a", "b"]}))


def test_a_column_may_hold_images(files: list[str]) -> None:
    images = [np.full((4, 5), 9, np.uint8), np.full((6, 5), 7, np.uint8)]
    source = open_source(Frame({"image": images, "label": ["b", "a"]}))
    assert [source.read(i).pixels.shape for i in range(2)] == [(4, 5, 1), (6, 5, 1)]
    assert source.labels is not None
    assert source.labels.tolist() == [1, 0]
    with pytest.raises(InputError, match="row 1: an empty cell"):
        open_source(Frame({"image": [images[0], None]}))
    with pytest.raises(InputError, match="row 0: array"):
        open_source(Frame({"path": [images[0], files[0]]}))


@kinds
def test_a_model_takes_a_frame(make: Make, files: list[str]) -> None:
    frame = make({"path": files, "label": ["a", "b"] * 6, "size": list(range(12))})
    model = convae.ConvAutoencoder(latent_dim=2, epochs=0, architecture={"widths": (4,)})
    assert model.fit(frame).transform(frame).shape == (12, 2)
    assert np.array_equal(model.transform(frame), model.transform(files))
    assert not hasattr(model, "n_features_in_")


def test_the_place_of_channels_and_a_column_are_for_what_has_them(files: list[str]) -> None:
    with pytest.raises(InputError, match="image files state it"):
        open_source(Frame({"path": files}), channels_first=True)
    with pytest.raises(InputError, match="column is for data frames"):
        open_source(files, column="path")
