"""Synthetic defects: what is damaged and what is not, whatever the kind, size, depth and channels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.corruption.defect_shapes import SHAPES, Rng
from convae.corruption.defects import (
    AROUND,
    FILLINGS,
    VISIBLE,
    Defects,
    bent,
    colour,
    local_mean,
    piece,
    tone,
)
from convae.errors import InputError
from convae.metrics.difference_maps import smoothed


def images(count=4, channels=1, height=48, width=56):
    """Smooth images with a little texture."""
    generator = torch.Generator().manual_seed(1)
    ramp = torch.linspace(0.2, 0.7, width).expand(count, channels, height, width)
    return ramp + 0.05 * torch.rand(ramp.shape, generator=generator)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_outside_of_the_shape_stay(shape: str, filling: str) -> None:
    batch = images(12)
    kept = batch.clone()
    defects = Defects(share=1, most=1, shapes=(shape,), fillings=(filling,))
    damaged, mask = defects.apply(batch, seeded())
    assert torch.equal(batch, kept)
    assert mask.shape == (12, 1, 48, 56)
    assert mask.dtype == torch.float32
    assert set(mask.unique().tolist()) == {0, 1}
    changed = (damaged != batch).float()
    # A soft edge reaches beyond the mask, but most of the image is as it was.
    far = 24 if filling == "bend" else 14  # what is bent comes from up to ten pixels away
    near = torch.nn.functional.max_pool2d(mask, 2 * far + 1, stride=1, padding=far)
    assert (changed * (1 - near)).sum() < 0.2 * changed.sum()
    assert changed.mean() < 0.5
    seen = (smoothed((damaged - batch).abs(), AROUND) > VISIBLE).float()
    closer = torch.nn.functional.max_pool2d(mask, 2 * far - 7, stride=1, padding=far - 4)
    assert (seen * (1 - closer)).sum() < 0.2 * seen.sum()  # what is seen lies nearer still
    assert (seen * mask).sum() == mask.sum()
    assert 0 < mask.mean() < 0.5


def test_the_share_of_damaged_images() -> None:
    damaged, mask = Defects(share=0.6).apply(images(200, height=16, width=16), seeded(5))
    hit = (damaged != images(200, height=16, width=16)).flatten(1).any(1)
    assert 0.5 < hit.float().mean() < 0.7
    assert not mask[~hit].any()


def test_the_generator_decides_all() -> None:
    batch, defects = images(), Defects()
    torch.manual_seed(1)
    first = defects.apply(batch, seeded(3))
    torch.manual_seed(2)  # the global state has no part in it
    again = defects.apply(batch, seeded(3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], defects.apply(batch, seeded(4))[0])


def test_values_stay_in_range() -> None:
    damaged, _ = Defects(share=1, most=5).apply(images(20), seeded())
    assert damaged.min() >= 0
    assert damaged.max() <= 1
    beyond = 4 * images(20) - 1  # deep images need not end at 0 and 1
    damaged, _ = Defects(share=1, most=5).apply(beyond, seeded())
    assert damaged.min() >= beyond.min()
    assert damaged.max() <= beyond.max()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (5, 200)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_size_and_channels(size, channels: int) -> None:
    batch = torch.rand((16, channels, *size), generator=seeded())
    damaged, mask = Defects(share=1).apply(batch, seeded())
    assert damaged.shape == batch.shape
    assert mask.shape == (16, 1, *size)
    assert torch.isfinite(damaged).all()


def test_float64_stays_float64_and_constant_images_work() -> None:
    damaged, _ = Defects(share=1, fillings=("tone",)).apply(
        torch.full((6, 1, 32, 32), 0.5, dtype=torch.float64), seeded()
    )
    assert damaged.dtype == torch.float64
    assert (damaged != 0.5).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_covers_are_soft_and_of_many_sizes(shape: str) -> None:
    rng = Rng(seeded(2))
    covers = torch.stack([SHAPES[shape]((64, 80), rng) for _ in range(60)])
    assert covers.shape == (60, 64, 80)
    assert covers.min() >= 0
    assert covers.max() <= 1
    assert ((covers > 0) & (covers < 1)).any()
    areas = covers.mean(dim=(1, 2))
    assert areas.max() > 5 * areas[areas > 0].min()


def test_lines_are_long_and_thin() -> None:
    rng = Rng(seeded(0))
    covers = torch.stack([SHAPES["line"]((128, 128), rng) for _ in range(40)]) > 0.5
    area = covers.flatten(1).sum(1)
    extent = torch.maximum(covers.any(1).sum(1), covers.any(2).sum(1))
    seen = area > 0
    assert (area[seen] < 8 * extent[seen]).all()
    assert extent.max() > 60


def test_tone_shifts_keep_the_details() -> None:
    image = images()[0]
    for seed in range(20):
        toned = tone(image, Rng(seeded(seed)), shifted=True)
        assert (toned - image).mean().abs() > 0.3 * image.std()


def test_a_piece_may_take_on_the_brightness_of_its_place() -> None:
    image, source = images()[0], 1 - images()[1]
    distances = [
        float((local_mean(piece(image, source, Rng(seeded(seed)))) - local_mean(image)).std())
        for seed in range(20)
    ]
    assert min(distances) < 0.02 < max(distances)


def test_local_mean_of_a_constant_is_the_constant() -> None:
    assert torch.allclose(local_mean(torch.full((2, 37, 50), 0.3)), torch.tensor(0.3))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"share": 0}, "share must be above 0 and at most 1; got 0"),
        ({"most": 0}, "most must be at least 1; got 0"),
        ({"shapes": ()}, "defects need at least one shape: spot, patch, field, line"),
        ({"shapes": ("lime",)}, "unknown shape 'lime': did you mean 'line'"),
        ({"fillings": ("peace",)}, "unknown filling 'peace': did you mean 'piece'"),
    ],
)
def test_what_cannot_be(parameters, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Defects(**parameters)


@pytest.mark.parametrize("filling", FILLINGS)
def test_where_nothing_is_to_be_seen_there_is_no_defect(filling: str) -> None:
    batch = images(24)
    damaged, mask = Defects(share=1, fillings=(filling,)).apply(batch, seeded(3))
    change = smoothed((damaged - batch).abs().amax(dim=1, keepdim=True), AROUND)
    assert bool((change[mask > 0] > VISIBLE).all())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*((name,) for name in FILLINGS), FILLINGS]),
    st.integers(1, 4),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.0, 1e-4, 0.01, 0.1, 0.5]),
    st.integers(0, 2**16),
)
def test_the_mask_is_where_it_is_seen_whatever_the_images(
    fillings: tuple[str, ...], channels: int, height: int, width: int, contrast: float, seed: int
) -> None:
    batch = torch.rand((5, channels, height, width), generator=seeded(seed)) - 0.5
    batch = 0.5 + contrast * batch
    damaged, mask = Defects(share=0.8, most=3, fillings=fillings).apply(batch, seeded(seed + 1))
    change = smoothed((damaged - batch).abs().amax(dim=1, keepdim=True), AROUND)
    assert bool((change[mask > 0] > VISIBLE).all())
    assert set(mask.unique().tolist()) <= {0, 1}
    assert torch.isfinite(damaged).all()
    assert 0 <= float(damaged.min()) <= float(damaged.max()) <= 1
    same = (damaged == batch).flatten(1).all(dim=1)
    assert not mask[same].any()
    if contrast <= 1e-4 and not {"tone", "bend"} & set(
        fillings
    ):  # a line takes another tone for bent
        assert not mask.any()  # there is no other colour to be damaged with


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**16))
def test_bending_makes_no_new_values(channels: int, height: int, width: int, seed: int) -> None:
    image = 3 * torch.rand((channels, height, width), generator=seeded(seed)) - 1
    cover = torch.rand((height, width), generator=seeded(seed + 1))
    moved = bent(image, cover, Rng(seeded(seed + 2)))
    assert moved.shape == image.shape
    low, high = image.amin(dim=(1, 2)) - 1e-5, image.amax(dim=(1, 2)) + 1e-5
    assert bool((moved.amin(dim=(1, 2)) >= low).all())
    assert bool((moved.amax(dim=(1, 2)) <= high).all())
    still = bent(image, torch.zeros(height, width), Rng(seeded(seed + 2)))
    torch.testing.assert_close(still, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("filling", ["piece", "colour", "bend"])
def test_images_of_one_colour_have_nothing_to_be_damaged_with(filling: str) -> None:
    batch = torch.full((8, 1, 24, 24), 0.4)
    shapes = tuple(name for name in SHAPES if name != "line")  # a line takes another tone for bent
    defects = Defects(share=1, shapes=shapes, fillings=(filling,))
    damaged, mask = defects.apply(batch, seeded())
    torch.testing.assert_close(damaged, batch, atol=1e-5, rtol=0)
    assert not mask.any()


def test_a_colour_is_one_that_is_there() -> None:
    source = torch.zeros(3, 16, 16)
    source[:, :, 8:] = torch.tensor([0.9, 0.2, 0.4])[:, None, None]
    rng = Rng(seeded())
    found = torch.stack([colour(source, rng).flatten() for _ in range(60)])
    share = found[:, 0] / 0.9  # between the two colours near their border, else one of them
    assert bool(((share >= -1e-6) & (share <= 1 + 1e-6)).all())
    assert float(((share < 1e-6) | (share > 1 - 1e-6)).float().mean()) > 0.7
    torch.testing.assert_close(found[:, 1], 0.2 * share, atol=1e-6, rtol=0)


def test_what_is_bent_stays_where_nothing_covers_it() -> None:
    image = images(1)[0]
    cover = torch.zeros(48, 56)
    cover[20:28, 20:30] = 1
    moved = bent(image, cover, Rng(seeded()))
    assert moved.shape == image.shape
    assert moved.min() >= image.min() - 1e-6
    assert moved.max() <= image.max() + 1e-6
    torch.testing.assert_close(moved[:, :10], image[:, :10], atol=1e-5, rtol=0)
    assert (moved - image)[:, 20:28, 20:30].abs().mean() > 0.005
