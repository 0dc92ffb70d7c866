"""Images with channels first through an estimator: what comes back has its channels first as well."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.images.files.test_axes import Series

import convae
from convae import ConvAutoencoder, Denoiser
from convae.errors import InputError
from convae.images.files.axes import AmbiguousAxesError

TINY: dict[str, Any] = {"epochs": 1, "widths": (3,), "latent_dim": 2, "blocks": 1, "hidden": 4}
LAST = np.random.default_rng(0).integers(0, 256, (20, 8, 6, 3), dtype=np.uint8)
FIRST = np.ascontiguousarray(LAST.transpose(0, 3, 1, 2))


def test_a_model_of_images_with_channels_first(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"20 images of 8x6 pixels with 3 channels"):
        model = ConvAutoencoder.from_options(TINY).fit(FIRST)
    same = ConvAutoencoder.from_options(TINY).fit(LAST)
    assert model.image_shape_ == same.image_shape_ == (3, 8, 6)
    np.testing.assert_array_equal(model.transform(FIRST), same.transform(LAST))
    back, other = model.reconstruct(FIRST), same.reconstruct(LAST)
    assert back.shape == FIRST.shape
    assert back.dtype == FIRST.dtype
    np.testing.assert_array_equal(back, other.transpose(0, 3, 1, 2))
    decoded = model.inverse_transform(model.transform(FIRST))
    assert decoded.shape == FIRST.shape
    model.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    np.testing.assert_array_equal(loaded.reconstruct(FIRST), back)


def test_a_source_that_says_it_is_not_warned_of() -> None:
    source = convae.open_source(FIRST, channels_first=True)
    assert source.notes == []
    assert ConvAutoencoder.from_options(TINY).fit(source).reconstruct(FIRST).shape == FIRST.shape


def test_what_a_shape_leaves_open_is_read_as_that_of_the_fit_was() -> None:
    narrow = np.random.default_rng(0).integers(0, 256, (20, 3, 16, 3), dtype=np.uint8)
    with pytest.raises(
        AmbiguousAxesError, match="3x16 pixels with 3 channels, or 16x3 pixels with 3"
    ):
        ConvAutoencoder.from_options(TINY).fit(narrow)
    for first, shape in ((True, (3, 16, 3)), (False, (3, 3, 16))):
        model = ConvAutoencoder.from_options(TINY).fit(
            convae.open_source(narrow, channels_first=first)
        )
        assert model.image_shape_ == shape
        assert model.reconstruct(narrow).shape == narrow.shape
    with pytest.raises(AmbiguousAxesError):  # one fitted on grey images does not know either
        ConvAutoencoder.from_options(TINY).fit(LAST[..., 0]).reconstruct(narrow)


def test_rows_of_pixels_are_no_matter_of_axes() -> None:
    rows = LAST.reshape(20, -1)  # 144 pixels: a square
    assert ConvAutoencoder.from_options(TINY).fit(rows).image_shape_ == (1, 12, 12)
    strips = rows[:, :143]  # a strip one pixel high, (n, 1, 143, 1)
    model = ConvAutoencoder.from_options(TINY).fit(strips)
    assert model.reconstruct(strips).shape == strips.shape


def test_a_denoiser_gives_back_what_it_was_given() -> None:
    with pytest.warns(UserWarning, match="channels first"):
        model = Denoiser(epochs=1, noise="gaussian", sigma=0.1, architecture={"widths": (3,)}).fit(
            FIRST
        )
    assert model.denoise(FIRST).shape == FIRST.shape


def test_a_series_of_images_and_a_frame_of_pixels() -> None:
    want = ConvAutoencoder.from_options(TINY).fit(LAST[..., 0])
    model = ConvAutoencoder.from_options(TINY).fit(Series(LAST[..., 0]))
    np.testing.assert_array_equal(
        model.transform(Series(LAST[..., 0])), want.transform(LAST[..., 0])
    )
    objects = np.empty(20, object)
    objects[:] = list(LAST[..., 0])
    np.testing.assert_array_equal(model.transform(objects), want.transform(LAST[..., 0]))

    class Frame:  # what can be seen of a data frame, pandas' or another's
        columns = tuple(f"pixel{i}" for i in range(48))
        shape = (20, 48)

        def __len__(self) -> int:
            return 20

        def __getitem__(self, key: Any) -> Any:
            raise KeyError(key)

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return LAST[..., 0].reshape(20, -1).astype(dtype)

    assert ConvAutoencoder.from_options(TINY).fit(Frame()).n_features_in_ == 48

    class Texts:
        ndim, shape, iloc, columns = 2, (20, 2), None, ("a", "b")
        dtypes = (np.dtype(object), np.dtype("f4"))

        def __len__(self) -> int:
            return 20

        def __getitem__(self, key: Any) -> Any:
            raise KeyError(key)

    with pytest.raises(InputError, match="give one of its columns"):
        ConvAutoencoder.from_options(TINY).fit(Texts())
