"""No verb gives a result that is no number: images are measured, or left out with a reason."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.estimators.conftest import blobs

from convae import AnomalyDetector, ConvAutoencoder, Denoiser, Inpainter, VariationalAutoencoder
from convae.errors import ImageError, InputError

SIDE = 16
SMALL: dict[str, Any] = {
    "epochs": 1,
    "latent_dim": 4,
    "widths": (4,),
    "blocks": 1,
    "random_state": 0,
}
METHODS = ("defects", "attributes", "likelihood")
float32 = st.floats(width=32, allow_nan=True, allow_infinity=True)
extreme = st.sampled_from(
    [3.4028235e38, -3.4028235e38, 1e30, -1e30, 1e19, 1e12, 1e7, 1e5, -1e4, 1e-40]
)
place = st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
size = st.integers(1, SIDE)

# Whether it is on another scale is not the question here.
pytestmark = pytest.mark.filterwarnings("ignore::convae.errors.ImageWarning")


def images(count: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return blobs(count, SIDE, SIDE, dtype=dtype, seed=seed)


@cache
def detector(method: str) -> AnomalyDetector:
    torch.set_num_threads(1)
    model = AnomalyDetector.from_options(
        {"method": method, "false_alarm_rate": 0.2, **{**SMALL, "latent_dim": 8}}
    )
    return model.fit(images(30))


@cache
def restorer(name: str) -> Any:
    torch.set_num_threads(1)
    kind = {one.__name__: one for one in (ConvAutoencoder, Denoiser, Inpainter)}[name]
    given = {"widths": (8,), "blocks": 1, "epochs": 1, "random_state": 0}
    return kind.from_options(SMALL if kind is ConvAutoencoder else given).fit(images(24))


def altered(value: float, where: tuple[int, int], size: int) -> np.ndarray:
    """A normal image with a square of one value."""
    pixels = images(1, seed=3)
    pixels[0, where[0] : where[0] + size, where[1] : where[1] + size] = value
    return pixels


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(value=float32 | extreme, where=place, size=size)
def test_a_score_is_a_number_or_the_image_is_left_out(
    method: str, value: float, where: tuple[int, int], size: int
) -> None:
    skipped: list[ImageError] = []
    model = detector(method)
    found = list(model.iter_detect(altered(value, where, size), on_bad=skipped.append))
    assert len(found) + len(skipped) == 1
    for error in skipped:
        assert error.name == "array[0]"
        assert error.reason
    for one in found:
        assert np.isfinite([one.score, one.p_value]).all()
        assert np.isfinite(one.map).all()
        assert one.anomalous == (one.score > -model.offset_)
        assert one.anomalous == (one.p_value <= model.false_alarm_rate_ + 1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [-3.4028235e38, 1e30, 1e12])
def test_what_is_far_beyond_the_fitted_range_is_never_normal(method: str, value: float) -> None:
    skipped: list[ImageError] = []
    images = np.concatenate([altered(0.5, (2, 2), 1), altered(value, (3, 3), 1)])
    found = list(detector(method).iter_detect(images, on_bad=skipped.append))
    assert [one.index for one in found] == [0]
    assert [error.name for error in skipped] == ["array[1]"]
    assert f"{np.float32(value):g}" in skipped[0].reason
    assert "(0 to 1)" in skipped[0].reason
    with pytest.raises(ImageError, match=r"array\[1\]: its values reach"):
        detector(method).predict(images)


VERBS = {
    "transform": "ConvAutoencoder",
    "reconstruct": "ConvAutoencoder",
    "score_samples": "ConvAutoencoder",
    "denoise": "Denoiser",
    "inpaint": "Inpainter",
}


@pytest.mark.filterwarnings("ignore:no pixel is missing:UserWarning")
@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=15, deadline=None)
@given(value=float32 | extreme, where=place, size=size)
def test_every_verb_gives_numbers_or_names_the_image(
    verb: str, value: float, where: tuple[int, int], size: int
) -> None:
    pixels = altered(value, where, size)
    known = np.isfinite(pixels)
    try:
        result = np.asarray(getattr(restorer(VERBS[verb]), verb)(pixels))
    except ImageError as error:
        assert error.name == "array[0]"  # noqa: PT017 - either is right
        return
    if verb == "inpaint":  # a hole over everything is refused; known pixels stay as they are
        assert np.array_equal(result[known], pixels[known])
    if result.shape == pixels.shape:  # what has no value in an image has none in its restoration
        result = result[known]
    assert np.isfinite(result).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_every_value_that_a_dtype_of_integers_can_hold_has_a_score(dtype: str, end: str) -> None:
    torch.set_num_threads(1)
    normal = images(30, dtype)
    model = AnomalyDetector.from_options({"false_alarm_rate": 0.2, **SMALL}).fit(normal)
    top = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    odd = np.full((1, SIDE, SIDE), 0 if end == "lowest" else top, dtype)
    assert np.isfinite(model.score_samples(odd)).all()


def test_a_network_whose_result_overflows_names_the_image() -> None:
    model = AnomalyDetector.from_options({"false_alarm_rate": 0.2, **SMALL}).fit(images(30))
    with torch.no_grad():
        for weight in model.network_.parameters():
            weight.fill_(1e30)
    skipped: list[ImageError] = []
    assert not list(model.iter_detect(images(2), on_bad=skipped.append))
    assert [error.name for error in skipped] == ["array[0]", "array[1]"]
    assert "the result for it is not finite (its values reach from 0.1" in skipped[0].reason


def test_a_network_whose_result_overflows_gives_no_codes_images_or_scores() -> None:
    model = ConvAutoencoder.from_options({**SMALL, "bypass": "none"}).fit(images(24))
    with torch.no_grad():
        for weight in model.network_.parameters():
            weight.fill_(1e30).flatten()[::2] *= -1
    for verb in (model.transform, model.reconstruct):
        with pytest.raises(ImageError, match="the result for it is not finite"):
            verb(images(2))
    with pytest.raises(InputError, match="result for an image is not finite"):
        model.score_samples(images(2))


def test_samples_are_images_or_an_error() -> None:
    model = VariationalAutoencoder.from_options(SMALL).fit(images(24))
    assert np.isfinite(model.sample(3, random_state=0)).all()
    with pytest.raises(InputError, match="the image of a code is not finite"):
        model.inverse_transform(np.full((1, 4), 3e38, np.float32))


def fitted_scaling(pixels: np.ndarray, **changes: Any) -> tuple[ConvAutoencoder, list[str]]:
    model = ConvAutoencoder.from_options({**SMALL, **changes}).fit(pixels)
    return model, [one.name for one in model.skipped_]


@pytest.mark.parametrize("scaling", ["auto", "minmax"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("value", [1e30, -3.4028235e38, 1e12])
def test_a_fit_leaves_out_the_image_that_would_decide_the_scale(
    scaling: str, whole: bool, value: float
) -> None:
    pixels = images(24)
    pixels[5] = value if whole else pixels[5]
    pixels[5, 3, 3] = value
    model, skipped = fitted_scaling(pixels, scaling=scaling)
    assert skipped == ["array[5]"]
    assert model.scaling_.high[0] == pytest.approx(1, abs=0.01)
    others, _ = fitted_scaling(np.delete(pixels, 5, axis=0), scaling=scaling)
    assert model.scaling_ == others.scaling_


def test_a_fit_on_images_that_all_hold_far_values_names_the_first() -> None:
    pixels = images(24)
    pixels[:, 3, 3] = 1e30
    with pytest.raises(
        InputError, match=r"array\[0\]: its values reach from 0.* to 1e\+30, over a mil.*24 of 24"
    ):
        ConvAutoencoder.from_options(SMALL).fit(pixels)


def test_images_of_large_values_are_no_strays_among_themselves() -> None:
    model, skipped = fitted_scaling(images(24) * np.float32(1e30))
    assert not skipped
    assert np.isfinite(model.score_samples(images(2) * np.float32(1e30))).all()


def test_a_further_pass_refuses_what_a_first_one_does() -> None:
    model = ConvAutoencoder.from_options(SMALL).fit(images(24))
    with pytest.raises(InputError, match="too far from those that the model is fitted on"):
        model.partial_fit(images(4) * np.float32(1e12))
