"""Where the channels of an array are: one rule for all containers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convae.errors import InputError
from convae.images.files.axes import (
    AmbiguousAxesError,
    channels_first_by_shape,
    is_one_colour_image,
    settle_all,
)
from convae.images.sources.open_source import open_source

# shape of an image: whether its channels are first; None: it may be either
TABLE = {
    (28, 28, 1): False, (32, 32, 3): False, (480, 640, 4): False, (64, 48, 2): False, (28, 4, 1): False,
    (1, 28, 28): True, (3, 32, 32): True, (4, 480, 640): True, (2, 48, 64): True, (1, 4, 28): True,
    (3, 32, 128): True, (32, 3, 3): False, (8, 8, 1): False, (3, 8, 8): True,
    (64, 64, 13): False, (13, 64, 64): True, (12, 60, 80): True, (60, 80, 12): False, (30, 40, 25): False,
    (9, 9, 200): False, (64, 8, 8): True,
    (4, 4, 3): False, (3, 4, 4): True, (1, 1, 1): False, (3, 3, 1): False,
    (3, 32, 3): None, (1, 28, 1): None, (4, 5, 3): None, (3, 3, 3): None, (3, 3, 200): None, (8, 8, 8): None,
    (24, 32, 64): None, (30, 40, 35): None,
}  # fmt: skip


@pytest.mark.parametrize("shape", TABLE)
def test_the_table(shape: tuple[int, int, int]) -> None:
    assert channels_first_by_shape(shape) is TABLE[shape]


sides, few = st.integers(5, 40), st.integers(1, 4)


@given(sides, sides, few)
def test_usual_images_are_told_either_way(height: int, width: int, channels: int) -> None:
    assert channels_first_by_shape((height, width, channels)) is False
    assert channels_first_by_shape((channels, height, width)) is True


@given(st.tuples(*[st.integers(1, 60)] * 3))
@example((1, 1, 1))
def test_the_mirrored_shape_is_never_read_in_the_same_way(shape: tuple[int, int, int]) -> None:
    """(a, b, c) with channels first is the transpose of (c, b, a) with channels last."""
    said, mirrored = channels_first_by_shape(shape), channels_first_by_shape(shape[::-1])
    if said is not None and mirrored is not None and shape != (1, 1, 1):
        assert said is not mirrored


def containers(images: np.ndarray, folder: Path) -> dict[str, Any]:
    """The same images (n, ., ., .) in everything that holds arrays."""
    import torch

    folder.mkdir(exist_ok=True)
    np.save(folder / "a.npy", images)
    np.savez(folder / "a.npz", x=images, y=np.arange(len(images)))
    tensor = torch.from_numpy(images)
    return {
        "array": images,
        "fortran": np.asfortranarray(images),
        "npy": folder / "a.npy",
        "npz": folder / "a.npz",
        "npz key": f"{folder}/a.npz:x",
        "list": list(images),
        "tuple": tuple(images),
        "nested": images.tolist(),
        "objects": _objects(images),
        "tensor": tensor,
        "tensors": list(tensor),
        "dataset": torch.utils.data.TensorDataset(tensor, torch.arange(len(images))),
        "items": Items([{"image": image} for image in images]),
        "series": Series(images),
    }


def _objects(images: np.ndarray) -> np.ndarray:
    made = np.empty(len(images), object)
    made[:] = list(images)
    return made


class Items:
    def __init__(self, items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class Series:
    """As much of a pandas ``Series`` as tells it from an array; positions are no labels in it."""

    ndim, iloc = 1, None

    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, label: Any) -> Any:
        raise KeyError(label)

    def tolist(self) -> list[Any]:
        return self.items


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_container_reads_the_same(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)))
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    first = channels_first_by_shape(shape)
    for name, held in containers(images, tmp_path_factory.mktemp("axes")).items():
        for said in (None, True, False):
            if said is None and first is None:
                with pytest.raises(AmbiguousAxesError, match="channels_first=True"):
                    open_source(held)
                continue
            source = open_source(held, channels_first=said)
            told = first if said is None else said
            want = np.moveaxis(images, 1, 3) if told else images
            assert len(source) == 3, name
            for i in range(3):
                np.testing.assert_array_equal(source.read(i).pixels, want[i], err_msg=name)
                assert source.header(i).shape == want[i].shape, name
            noted = any("channels first" in note for note in source.notes)
            assert noted == (told and said is None), name


def test_a_list_is_read_alike_by_those_that_tell() -> None:
    assert settle_all([(3, 9, 3), (3, 30, 40), (20, 30)], None, "x")
    assert not settle_all([(3, 9, 3), (30, 40, 3)], None, "x")
    with pytest.raises(
        AmbiguousAxesError, match=r"\(3, 30, 40\) has its channels first and one of"
    ):
        settle_all([(3, 30, 40), (30, 40, 3)], None, "x")
    mixed = [np.zeros((3, 20, 30), np.uint8), np.ones((3, 7, 3), np.uint8)]
    assert [open_source(mixed).header(i).shape for i in range(2)] == [(20, 30, 3), (7, 3, 3)]


def test_three_axes_are_grey_images_or_one_colour_image() -> None:
    one = {shape for shape in ((100, 28, 3), (5, 5, 4), (64, 48, 3)) if is_one_colour_image(shape)}
    assert len(one) == 3
    for shape in ((100, 28, 28), (100, 28, 1), (100, 3, 3), (100, 4, 3), (4, 28, 3), (3, 64, 64)):
        assert not is_one_colour_image(shape)
        assert len(open_source(np.zeros(shape, np.uint8))) == shape[0]


def test_labels_tell_a_stack_from_one_image(tmp_path: Path) -> None:
    images = np.zeros((20, 30, 3), np.uint8)
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(20))
    np.savez(tmp_path / "b.npz", x=images)
    assert [len(open_source(tmp_path / name)) for name in ("a.npz", "b.npz")] == [20, 1]


def test_image_files_say_themselves_where_their_channels_are(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    for held in (tmp_path, tmp_path / "a.png", f"{tmp_path}/*.png", [tmp_path / "a.png"]):
        assert open_source(held).header(0).shape == (5, 6, 3)
        with pytest.raises(InputError, match="image files and sets state it"):
            open_source(held, channels_first=False)
    paths = Series([str(tmp_path / "a.png")])
    assert open_source(paths).header(0).shape == (5, 6, 3)


def test_what_is_no_list_of_images() -> None:
    class Frame:
        ndim, shape, iloc, columns = 2, (3, 2), None, ["a", "b"]

        def __getitem__(self, name: str) -> Any:
            raise KeyError(name)

        def __len__(self) -> int:
            return 3

    with pytest.raises(InputError, match=r"a Frame with the columns a, b has none called path, fi"):
        open_source(Frame())
    unequal = np.empty(2, object)
    unequal[:] = [np.zeros((6, 5, 3), np.uint8), np.zeros((7, 5), np.uint8)]
    assert [open_source(unequal).header(i).shape for i in range(2)] == [(6, 5, 3), (7, 5, 1)]
    with pytest.raises(InputError, match="either paths or arrays"):
        open_source(np.array(["a.png", np.zeros((3, 3))], object))
