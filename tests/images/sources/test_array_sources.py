from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from convae.errors import ImageError, InputError
from convae.images.files.axes import is_one_colour_image
from convae.images.sources.array_image import array_image
from convae.images.sources.item_sources import DatasetSource
from convae.images.sources.open_source import open_source

REAL = ["bool", "u1", "i1", ">u2", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", ">f4", "f8"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_arrays_of_any_real_dtype_keep_their_values(data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(REAL)))
    shapes = hnp.array_shapes(min_dims=3, max_dims=4, max_side=5)
    shape = data.draw(shapes.filter(lambda one: not is_one_colour_image(one)))
    finite: dict[str, Any] = (
        {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    )
    array = data.draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, **finite)))
    source = open_source(array, channels_first=False)
    image = source.read(len(array) - 1)
    header = source.header(len(array) - 1)
    assert image.pixels.shape == header.shape
    assert image.pixels.dtype.name == header.depth
    assert image.pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert image.pixels.flags.c_contiguous
    assert image.info.depth == header.stored == dtype.name
    with np.errstate(over="ignore"):
        wanted = array[-1].astype(np.float32) * (255 if dtype.kind == "b" else 1)
    wanted = np.where(np.isfinite(wanted), wanted, np.nan)
    np.testing.assert_array_equal(image.pixels.reshape(wanted.shape).astype(np.float32), wanted)


def test_array_names_and_description() -> None:
    source = open_source(np.zeros((12, 4, 5), np.uint8))
    assert (len(source), source.names[7], source.names[-1]) == (12, "array[7]", "array[11]")
    assert source.names[2:4] == ["array[2]", "array[3]"]
    assert source.description == "array (12, 4, 5)"
    with pytest.raises(IndexError):
        source.names[12]


def test_missing_pixels_are_counted_and_become_nan() -> None:
    array = np.ones((1, 3, 3, 2))
    array[0, 0, 0] = np.nan, np.inf
    array[0, 1, 1, 0] = -np.inf
    image = open_source(array).read(0)
    assert image.info.missing == 2
    assert int(np.isnan(image.pixels).sum()) == 3


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((4, 5)), r"one grey image is \(1, h, w\)"),
        (np.zeros((1, 2, 3, 4, 5)), "has 5 axes"),
        (np.zeros((0, 4, 4)), "is empty"),
        (np.zeros((2, 0, 4)), "is empty"),
        (np.zeros((2, 3, 32, 3)), r"3x32 pixels with 3 channels, or 32x3 .*channels_first=True"),
        (np.zeros((2, 4, 4), complex), "only real numbers"),
        (np.array([[None, "a"]], object), "only real numbers"),
        (np.array([["a"]]), "only real numbers"),
        (np.ma.masked_less(np.zeros((2, 3, 3)), 1), "masked arrays"),
    ],
)
def test_arrays_that_are_no_images(array: Any, text: Any) -> None:
    with pytest.raises(InputError, match=text):
        open_source(array)


def test_one_colour_image_is_one_image() -> None:
    array = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    source = open_source(array)
    assert len(source) == 1
    np.testing.assert_array_equal(source.read(0).pixels, array)
    assert "is read as one image of 20x30 pixels" in source.notes[0]
    strips = open_source(array[..., None])  # as the note says
    assert (len(strips), strips.header(0).shape, strips.notes) == (20, (30, 3, 1), [])
    assert (
        len(open_source(array[:4])) == 4
    )  # rather patches of 3 pixels than an image 4 pixels high
    assert "3 grey images" in open_source(array.transpose(2, 0, 1)).notes[0]


def test_list_of_arrays_of_different_sizes() -> None:
    images = [np.zeros((4, 5), np.uint8), np.ones((7, 3, 3), np.uint16)]
    source = open_source(images)
    assert [source.header(i).shape for i in range(2)] == [(4, 5, 1), (7, 3, 3)]
    assert source.read(1).pixels.dtype == np.uint16
    with pytest.raises(ImageError, match=r"array\[1\]: has 1 axes"):
        open_source([images[0], np.zeros(3)])
    with pytest.raises(InputError, match="paths or arrays"):
        open_source([images[0], "a.png"])
    with pytest.raises(InputError, match="empty"):
        open_source([])


def test_nested_lists_are_an_array() -> None:
    assert open_source([[[1, 2], [3, 4]]]).read(0).pixels.tolist() == [[[1], [2]], [[3], [4]]]
    with pytest.raises(InputError, match="must form one array"):
        open_source([[[1, 2], [3]]])


def test_select_is_a_view() -> None:
    source = open_source(np.arange(10, dtype=np.uint8).reshape(10, 1, 1))
    view = source.select([7, 2, 7])
    assert list(view.names) == ["array[7]", "array[2]", "array[7]"]
    assert [int(view.read(i).pixels[0, 0, 0]) for i in range(3)] == [7, 2, 7]
    assert view.select([1]).names[0] == "array[2]"
    assert len(source.select(np.arange(10) < 3)) == 3
    assert view.fingerprint() != source.fingerprint()
    with pytest.raises(InputError, match=r"indices must lie in 0\.\.9"):
        source.select([10])
    assert open_source(view) is view


def test_array_fingerprint_follows_values_dtype_and_shape() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    prints = [open_source(a).fingerprint() for a in (array, array + 1, array.reshape(2, 4, 3))]
    assert len(set(prints)) == 3
    assert open_source(array.copy()).fingerprint() == prints[0]


def test_array_image_checks_its_shape() -> None:
    with pytest.raises(ImageError, match="no pixels"):
        array_image(np.zeros((0, 3)), "x")


class Duck:
    def __init__(self, items: Any) -> None:
        self.items = items

    def __len__(self) -> Any:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]


def test_a_dataset_needs_no_torch() -> None:
    array = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    source = open_source(Duck([(array[0], 3), (array[1], np.int64(1))]))
    assert source.names[1] == "dataset[1]"
    assert source.labels is not None
    assert source.labels.tolist() == [3, 1]
    np.testing.assert_array_equal(source.read(1).pixels[..., 0], array[1])
    assert source.header(1).shape == (4, 5, 1)
    assert len(source.fingerprint()) == 64


def test_torch_tensors_and_datasets_are_channels_first() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).float()
    dataset = torch.utils.data.TensorDataset(tensor, torch.tensor([1, 0]))
    for source in (open_source(dataset), open_source(tensor)):
        assert source.read(1).pixels.shape == (4, 5, 3)
        np.testing.assert_array_equal(source.read(1).pixels, tensor[1].permute(1, 2, 0).numpy())
    assert open_source(dataset).labels.tolist() == [1, 0]  # type: ignore[union-attr]
    assert open_source(torch.zeros(2, 4, 5, dtype=torch.bfloat16)).header(0).shape == (4, 5, 1)


def test_dataset_items_may_be_pillow_images_or_dicts() -> None:
    picture = PillowImage.new("P", (5, 6))
    assert open_source(Duck([picture])).read(0).pixels.shape == (6, 5, 3)
    source = open_source(Duck([{"image": np.zeros((4, 5)), "label": 2}]))
    assert source.labels is not None
    with pytest.raises(InputError, match="without the key 'image'"):
        open_source(Duck([{"audio": 1}]))


def test_what_a_dataset_raises_is_an_image_error() -> None:
    class Broken(Duck):
        def __getitem__(self, index: Any) -> Any:
            if index == 1:
                raise RuntimeError("disk on fire")
            return super().__getitem__(index)

    source = open_source(Broken([np.zeros((4, 5)), None]))
    with pytest.raises(ImageError, match=r"dataset\[1\]: RuntimeError: disk on fire"):
        source.read(1)
    with pytest.raises(InputError, match="is empty"):
        open_source(Duck([]))


@pytest.mark.parametrize(("side", "quick"), [(16, True), (256, True), (257, False)])
def test_small_images_are_not_worth_a_thread(side: int, quick: bool) -> None:
    array = np.zeros((2, side, side), np.uint8)
    for source in (open_source(array), open_source(list(array))):
        assert source.quick == quick
        assert source.select([1]).quick == quick


def test_a_stack_is_there_where_nothing_has_to_be_done() -> None:
    random = np.random.default_rng(0)
    for dtype in ("uint8", "uint16"):
        for shape in ((3, 5, 4), (3, 5, 4, 2)):
            array = random.integers(0, 200, shape).astype(dtype)
            source = open_source(array)
            stack = source.stack()
            assert stack is not None
            assert np.shares_memory(stack, array)
            assert all(np.array_equal(stack[i], source.read(i).pixels) for i in range(3))
            assert source.select([0, 2]).stack() is None
    for other in ("bool", ">u2", "float32", "int16"):
        assert open_source(np.zeros((2, 3, 3), other)).stack() is None


def test_a_dataset_is_asked_once_for_a_small_image_with_its_header() -> None:
    class Counting:
        asked = 0

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> np.ndarray:
            self.asked += 1
            return np.full((4, 6), index, np.uint8)

    dataset = Counting()
    source = open_source(dataset)
    before = dataset.asked
    header, image = source.header_or_image(1, most_bytes=24)
    assert header.shape == (4, 6, 1)
    assert image is not None
    assert (image.pixels == 1).all()
    assert dataset.asked == before + 1
    assert source.header_or_image(1, most_bytes=23) == (header, None)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", None),
        ("RGB", None),
        ("LA", "straight"),
        ("RGBA", "straight"),
        ("RGBa", "premultiplied"),
    ],
)
def test_pillow_images_say_what_their_last_channel_is(mode: str, kind: str | None) -> None:
    picture = PillowImage.new("RGBA", (12, 9), (10, 20, 30, 128)).convert(mode)
    for source in (open_source([picture, picture]), DatasetSource([(picture, 0), (picture, 1)])):
        image = source.read(1)
        opacity = image.info.opacity
        assert (None if opacity is None else (opacity.kind, opacity.opaque)) == (
            kind and (kind, 255.0)
        )
    assert open_source([np.zeros((9, 12, 4), np.uint8)] * 2).read(0).info.opacity is None
