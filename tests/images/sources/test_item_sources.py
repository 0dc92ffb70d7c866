"""Generators of a known length and data sets with columns, in the order and with the labels they give.

Data sets of Hugging Face are a small stand-in with the attributes that are used; the real package is heavy.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import convae
from convae.errors import ImageError, InputError
from convae.images.sources.item_sources import IterableSource, images_from
from convae.images.sources.open_source import open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)


class Counted:
    """A generator function that counts how often it was started and how many images it made."""

    def __init__(self, count: int = 20, labels: bool = False) -> None:
        self.count, self.labels, self.starts, self.made = count, labels, 0, 0

    def __call__(self) -> Iterator[Any]:
        self.starts += 1
        for i in range(self.count):
            self.made += 1
            yield (IMAGES[i], i % 3) if self.labels else IMAGES[i]


def pixels(source: Any, i: int) -> Any:
    return source.read(i).pixels[..., 0]


def test_images_come_in_their_order_and_in_one_iteration() -> None:
    counted = Counted()
    source = images_from(counted, length=20)
    assert len(source) == 20
    for i in range(20):
        assert source.header(i).shape == (8, 8, 1)
        assert np.array_equal(pixels(source, i), IMAGES[i])
    assert (counted.starts, counted.made) == (1, 20)
    assert source.names[7] == "images[7]"
    assert source.labels is None


def test_any_order_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convae.images.sources.item_sources.PASSED_OVER", 3 * 64)
    counted = Counted()
    source = images_from(counted, length=20)
    for i in (5, 3, 19, 0, 0, 7, 6, 19):
        assert np.array_equal(pixels(source, i), IMAGES[i])
    # 3 images are kept: 3 (after 5) and 6 (after 7) need no new iteration, 0 does
    assert counted.starts == 2


def test_labels_come_along() -> None:
    source = images_from(Counted(labels=True), length=20)
    assert source.labels is not None
    assert source.labels.tolist() == [i % 3 for i in range(20)]
    assert source.label_names == ("0", "1", "2")
    assert np.array_equal(pixels(source, 4), IMAGES[4])


def test_a_model_is_that_of_the_array() -> None:
    def make() -> Any:
        return convae.ConvAutoencoder(latent_dim=2, epochs=1, architecture={"widths": (4,)})

    counted = Counted()
    model = make().fit(images_from(counted, length=20))
    want = make().fit(IMAGES)
    assert np.array_equal(model.transform(images_from(counted, length=20)), want.transform(IMAGES))
    assert counted.starts < 10


def test_resizing_reads_in_order_too() -> None:
    counted = Counted()
    model = convae.ConvAutoencoder(latent_dim=2, epochs=0, size=(6, 6))
    model.fit(images_from(counted, length=20))
    assert counted.made <= 20 * counted.starts
    assert counted.starts < 6


def test_streaming_is_refused() -> None:
    model = convae.ConvAutoencoder(latent_dim=2, epochs=0, preparation={"storage": "streamed"})
    with pytest.raises(InputError, match="storage 'streamed' reads images in a random order, and"):
        model.fit(images_from(Counted(), length=20))
    with pytest.raises(InputError, match="storage 'streamed' reads"):
        model.fit(images_from(Counted(), length=20).select(np.arange(10)))


def test_pairs_of_two_generators() -> None:
    model = convae.Denoiser(epochs=0, architecture={"widths": (4, 4), "blocks": 1})
    model.fit(images_from(Counted(), length=20), target=images_from(Counted(), length=20))
    assert model.denoise(IMAGES[:2]).shape == (2, 8, 8)


def test_a_generator_that_is_too_short_or_fails() -> None:
    source = images_from(Counted(5), length=20)
    with pytest.raises(
        ImageError, match=r"images\[9\]: it ended after 5 of 20 images: length must"
    ):
        source.read(9)
    assert np.array_equal(pixels(source, 4), IMAGES[4])

    counted = Counted()

    def fails() -> Iterator[Any]:
        counted.starts += 1
        yield from IMAGES[:3]
        raise OSError("the camera is off")

    source = images_from(fails, length=6)
    for i in (3, 4, 5, 3):
        with pytest.raises(ImageError, match=r"OSError: the camera is off"):
            source.read(i)
    assert counted.starts == 1  # what comes after an error is not tried again and again
    assert np.array_equal(pixels(source, 1), IMAGES[1])


@pytest.mark.parametrize(
    ("given", "length", "message"),
    [
        ((image for image in IMAGES), 20, r"a generator gives its images only once.*images_from\(func"),
        (iter(IMAGES), 20, "gives its images only once"),
        (5, 3, "images_from takes a generator function or an iterable; got a int"),
        (Counted(), None, "the number of images is not known: give length=N"),
        (Counted(), 0, "length must be a whole number of at least 1; got 0"),
        (Counted(), 2.0, "length must be a whole number"),
        (lambda: 5, 3, "must give something to iterate over; it gave a int"),
        (lambda: iter(()), 3, "it ended after 0 of 3 images"),
        (lambda: iter([None]), 1, r"images\[0\]"),
        (lambda: iter(["a.png"]), 1, r"images\[0\]"),
    ],
)  # fmt: skip
def test_what_is_no_generator_of_images_is_said(given: Any, length: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        images_from(given, length=length)


def test_a_function_that_gives_the_same_iterator_twice_is_found() -> None:
    once = iter(IMAGES)
    source = images_from(lambda: once, length=20)
    source._passed.clear()  # type: ignore[attr-defined]
    source.read(3)
    source._passed.clear()  # type: ignore[attr-defined]
    with pytest.raises(ImageError, match="gave the same iterator twice, which is used up"):
        source.read(0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((image for image in IMAGES), r"give convae.images_from\(function, length=N\)"),
        (map(np.copy, IMAGES), "gives its images only once"),
        (Counted(), r"the number of images of a Counted is not known: give convae.images_from\(it, "),
        ({"train": IMAGES}, r"is a table of several things \(train\): give one of them, such as data"),
        (torch.utils.data.DataLoader(list(IMAGES)), "DataLoader gives batches.*give its dataset"),  # type: ignore[arg-type]
        (object(), "cannot take images from a object"),
    ],
)  # fmt: skip
def test_open_source_says_how_to_give_it(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(given)


def test_an_iterable_with_a_length_is_opened_as_it_is() -> None:
    class Images(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return iter(IMAGES)

        def __len__(self) -> int:
            return len(IMAGES)

    source = open_source(Images())
    assert isinstance(source, IterableSource)
    assert np.array_equal(pixels(source, 3), IMAGES[3])
    values = dict(enumerate(IMAGES)).values()
    assert np.array_equal(pixels(open_source(values), 2), IMAGES[2])


# -- data sets with columns -----------------------------------------------------------------------


class Image:  # the names of the kinds of columns matter
    pass


class Value:
    pass


class ClassLabel:
    names = ["cat", "dog", "owl"]  # noqa: RUF012


class Hub:
    """What is used of ``datasets.Dataset``: columns with kinds, items by position, columns by name."""

    def __init__(self, columns: dict[str, Any], kinds: dict[str, Any]) -> None:
        self.columns_held, self.features, self.column_names = columns, kinds, list(columns)
        self.decoded = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns_held.values())))

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return self.columns_held[key]
        self.decoded += 1
        return {name: values[key] for name, values in self.columns_held.items()}


def hub(image: str = "picture", **further: Any) -> Hub:
    columns = {"id": list(range(20)), image: list(IMAGES), "species": [i % 3 for i in range(20)]}
    kinds = {"id": Value(), image: Image(), "species": ClassLabel()}
    return Hub({**columns, **{n: list(IMAGES) for n in further}}, {**kinds, **further})


def test_the_column_of_images_and_the_labels_are_those_of_its_features() -> None:
    data = hub()
    source = open_source(data)
    decoded = data.decoded
    assert source.labels is not None
    assert source.labels.tolist() == [i % 3 for i in range(20)]
    assert source.label_names == ("cat", "dog", "owl")
    assert data.decoded == decoded  # labels need no images
    assert np.array_equal(pixels(source, 4), IMAGES[4])


def test_of_several_columns_of_images_one_must_be_named() -> None:
    data = hub(mask=Image())
    with pytest.raises(InputError, match=r"Give column=..., one of picture, mask"):
        open_source(data)
    assert np.array_equal(pixels(open_source(data, column="mask"), 4), IMAGES[4])
    with pytest.raises(InputError, match="there is no column 'masks'; there are id, picture"):
        open_source(data, column="masks")
    assert np.array_equal(pixels(open_source(hub("image", mask=Image())), 4), IMAGES[4])


def test_images_that_are_not_decoded_are_refused() -> None:
    data = hub()
    data.columns_held["picture"] = [{"bytes": b"", "path": "a.png"}] * 20
    with pytest.raises(
        InputError, match=r"give dataset.cast_column\('picture', datasets.Image\(\)\)"
    ):
        open_source(data)


def test_features_of_another_data_set_mean_nothing() -> None:
    class Other:
        features: dict[str, int] = {"depth": 5}  # noqa: RUF012

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return {"scan": IMAGES[index], "label": index}

    source = open_source(Other(), column="scan")
    assert np.array_equal(pixels(source, 2), IMAGES[2])
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="without the key 'image': \\['label', 'scan'\\]"):
        open_source(Other())
