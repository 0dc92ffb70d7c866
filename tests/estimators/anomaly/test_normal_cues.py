"""What tells an image from normal ones without a network: against direct computations, and place by place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import Tensor

from convae.estimators.anomaly.normal_cues import (
    COMPONENTS,
    CUES,
    FLOOR,
    MOST_PIXELS,
    PRIOR,
    Cue,
    PlaceStatistics,
    filtered,
)

NAMES = sorted(CUES)


def normal(count: int, channels: int = 1, seed: int = 0) -> Tensor:
    """(n, C, 32, 40) stripes with noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.arange(40) / 4
    phase = 0.3 * torch.rand((count, channels, 1, 1), generator=generator)
    noise = 0.02 * torch.randn((count, channels, 32, 40), generator=generator)
    return 0.5 + 0.2 * torch.sin(x + phase) + noise


def fitted(name: str, images: Tensor) -> Cue:
    return CUES[name].fit(CUES[name].look(images))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_a_change_is_where_the_map_is_highest(name: str, channels: int) -> None:
    cue, other = fitted(name, normal(24, channels)), normal(3, channels, seed=1)
    changed = other.clone()
    changed[:, :, 8:14, 20:26] += 0.5
    before, after = (cue.map(cue.look(x)) for x in (other, changed))
    assert bool((after >= 0).all())
    assert bool((after.amax(dim=(1, 2, 3)) > 2 * before.amax(dim=(1, 2, 3))).all())
    height, width = after.shape[-2:]
    for one in after[:, 0]:
        y, x = divmod(int(one.argmax()), width)
        assert 6 <= (y + 0.5) * 32 / height <= 16
        assert 18 <= (x + 0.5) * 40 / width <= 28


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_measured_by_itself_and_after_a_file(name: str) -> None:
    cue, images = fitted(name, normal(12)), normal(5, seed=2)
    together = cue.map(cue.look(images))
    for i in range(5):
        alone = cue.map(cue.look(images[i : i + 1]))[0]
        torch.testing.assert_close(alone, together[i], rtol=1e-3, atol=1e-6)
    again = CUES[name].from_extras(cue.to_extras(), images.shape[1:])
    assert torch.equal(again.map(again.look(images)), together)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("images", [normal(2), torch.full((4, 1, 20, 20), 0.5), normal(1)])
def test_few_or_plain_images_are_enough(name: str, images: Tensor) -> None:
    cue = fitted(name, images)
    assert bool(torch.isfinite(cue.map(cue.look(images + 0.1))).all())


def test_components_are_those_of_scikit_learn() -> None:
    images, other = normal(30), normal(4, seed=1)
    known = PCA(COMPONENTS, svd_solver="full").fit(images.flatten(1).numpy())
    flat = other.flatten(1).numpy()
    want = np.square(flat - known.inverse_transform(known.transform(flat))).reshape(4, 32, 40)
    assert fitted("components", images).map(other)[:, 0].numpy() == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_fitted_cue_comes_back_bit_for_bit(name: str, channels: int) -> None:
    cue = fitted(name, normal(6, channels))
    extras = cue.to_extras()
    again = CUES[name].from_extras(extras, torch.Size((channels, 32, 40)))
    assert {key: value.dtype for key, value in again.to_extras().items()} == {
        key: value.dtype for key, value in extras.items()
    }
    assert all(torch.equal(again.to_extras()[key], value) for key, value in extras.items())
    other = normal(3, channels, seed=4)
    assert torch.equal(again.map(again.look(other)), cue.map(cue.look(other)))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_another_shape_is_refused(name: str) -> None:
    extras = fitted(name, normal(6)).to_extras()
    size = torch.Size((1, 32, 40))
    for key, value in extras.items():
        for wrong in (value[..., :1], value[None], value[:0]):
            if wrong.shape == value.shape or (key == "components" and len(wrong) == 0):
                continue  # no component at all is what one image has
            with pytest.raises(ValueError, match=f"^{name}.{key} is "):
                CUES[name].from_extras({**extras, key: wrong}, size)


def test_what_was_fitted_exactly_is_normal() -> None:
    """The mean image itself; images no more than the components; the images that were kept."""
    images = normal(COMPONENTS, 3)
    mean = images.mean(dim=0, keepdim=True)
    assert float(fitted("mean", images).map(mean).abs().max()) < 1e-12
    left = fitted("components", images).map(images)
    assert float(left.max()) < 1e-9  # n - 1 components explain n images
    kept = images.half().float()
    assert float(fitted("nearest", images).map(kept).max()) == 0


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.integers(1, 5),
    st.integers(1, 12),
    st.integers(1, 14),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 99),
)
def test_any_images_have_finite_maps_of_their_own(
    name: str, channels: int, height: int, width: int, count: int, plain: bool, seed: int
) -> None:
    """Whatever their size, channels and number, and where all are one constant."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, channels, height, width)
    images = torch.full(shape, 0.5) if plain else torch.rand(shape, generator=generator)
    cue = fitted(name, images)
    other = torch.cat([images[:1], torch.rand((2, *shape[1:]), generator=generator)])
    together = cue.map(cue.look(other))
    assert together.shape[:2] == (3, 1)
    assert bool(torch.isfinite(together).all())
    assert bool((together >= 0).all())
    # Rounding differs with the size of a batch; in squared standard deviations it is a little more.
    near = 1e-2 if name == "places" else 1e-6
    for i in range(3):
        alone = cue.map(cue.look(other[i : i + 1]))[0]
        torch.testing.assert_close(alone, together[i], rtol=1e-2, atol=near)
    assert all(bool(torch.isfinite(value).all()) for value in cue.to_extras().values())


@pytest.mark.parametrize("size", [(300, 40), (129, 128), (128, 128), (20, 16)])
def test_the_nearest_is_looked_for_at_most_so_large(size: tuple[int, int]) -> None:
    image = torch.rand((1, 1, *size), generator=torch.Generator().manual_seed(0))
    look = CUES["nearest"].look(image)
    assert max(look.shape[-2:]) == min(MOST_PIXELS, max(size))
    assert float(look.mean()) == pytest.approx(float(image.mean()), abs=0.02)
    if max(size) <= MOST_PIXELS:
        assert torch.equal(look, image)


def test_the_nearest_is_the_nearest() -> None:
    images = normal(6)
    cue = fitted("nearest", images)
    assert cue.map(cue.look(images)).max() < 1e-6  # 16 bits are kept
    assert cue.which(cue.look(images[[4, 1]])).tolist() == [4, 1]  # type: ignore[attr-defined]


def test_places_are_measured_by_a_covariance_drawn_to_that_of_all() -> None:
    """One place has (1 - s) own + s · all, with s = PRIOR / (PRIOR + n), by hand in double precision."""
    looks = torch.randn((9, 3, 2, 4), generator=torch.Generator().manual_seed(0))
    cue = PlaceStatistics.fit(looks)
    seen = ((looks - cue.centre[:, None, None]) / cue.spread[:, None, None] - cue.mean).double()
    rest = seen.permute(2, 3, 0, 1).reshape(8, 9, 3).numpy()
    everywhere = np.einsum("pni,pnj->ij", rest, rest) / 72 + FLOOR * np.eye(3)
    share = PRIOR / (PRIOR + 9)
    own = np.einsum("pni,pnj->pij", rest, rest) / 9
    inverse = np.linalg.inv((1 - share) * own + share * everywhere)
    want = np.einsum("pni,pij,pnj->np", rest, inverse, rest).reshape(9, 1, 2, 4)
    assert cue.map(looks).numpy() == pytest.approx(want, rel=2e-2, abs=1e-2)  # 16 bits


def test_filters_see_no_edge_in_a_plain_image() -> None:
    seen = filtered(torch.full((1, 1, 16, 20), 0.3))
    assert seen.shape[2:] == (4, 5)
    flat = seen[0].mean(dim=(1, 2))
    assert int((flat > 0.29).sum()) == 3  # brightness at three scales
    assert float(flat[flat < 0.29].abs().max()) < 1e-3
