"""Noise from text, its levels, and what it does to the statistics of an image."""

import json

import pytest
import torch

from convae.corruption.noise import Noise, Piece, parse_noise
from convae.corruption.noise_kinds import KINDS
from convae.errors import InputError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(batch: int = 3, channels: int = 2, height: int = 40, width: int = 56) -> torch.Tensor:
    """Smooth images of several grey values in [0.1, 0.9]."""
    rows, columns = torch.linspace(0.1, 0.9, height), torch.linspace(0.2, 1.0, width)
    image = rows[:, None] * columns[None]
    return torch.stack([image * (1 - 0.1 * i) for i in range(batch * channels)]).reshape(
        batch, channels, height, width
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_shape_dtype_and_finiteness_and_follows_its_generator(kind: str) -> None:
    noise, clean = parse_noise(kind), images()
    before = clean.clone()
    noisy, level = noise.apply(clean, generator(1))
    again, same_level = noise.apply(clean, generator(1))
    assert noisy.shape == clean.shape
    assert level.shape == (3, 1, 1, 1)
    assert noisy.dtype == level.dtype == clean.dtype
    assert torch.isfinite(noisy).all()
    assert torch.equal(clean, before), "the clean images were changed"
    assert torch.equal(noisy, again)
    assert torch.equal(level, same_level)
    assert not torch.equal(noisy, clean)
    if kind not in ("jpeg", "blur"):  # of these, only the level is drawn
        assert not torch.equal(noisy, noise.apply(clean, generator(2))[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 5, 3, 7), (1, 3, 1, 9)])
def test_every_kind_takes_any_shape(kind: str, shape: tuple[int, ...]) -> None:
    noisy, level = parse_noise(kind).apply(torch.full(shape, 0.5), generator())
    assert noisy.shape == shape
    assert torch.isfinite(noisy).all()
    assert level.shape == (shape[0], 1, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_range_gives_each_image_a_level_of_its_own(kind: str) -> None:
    special = {"poisson": "poisson:5..5000", "jpeg": "jpeg:1..95", "blur": "blur:1..5"}
    spec = special.get(kind, f"{kind}:0.01..0.9")
    clean = images(1, 1).expand(8, 1, -1, -1).contiguous()
    _, level = parse_noise(spec).apply(clean, generator())
    assert len(level.unique()) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_level_told_is_the_deviation_found(kind: str) -> None:
    """On a large image the root of the mean squared change is the level, whatever the kind."""
    clean = images(2, 1, 256, 256)
    noisy, level = parse_noise(kind).apply(clean, generator())
    found = (noisy - clean).square().mean(dim=(1, 2, 3)).sqrt()
    # 256 offsets of stripes give their deviation within 1 / sqrt(2 * 256) = 4.4 % (one sigma).
    assert torch.allclose(found, level.flatten(), rtol=0.15 if "stripes" in kind else 0.01)


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "speckle", "poisson", "salt-and-pepper"])
def test_channels_and_images_have_noise_of_their_own(kind: str) -> None:
    clean = torch.full((2, 3, 64, 64), 0.5)
    noisy, _ = parse_noise(kind).apply(clean, generator())
    residuals = (noisy - clean).reshape(6, -1)
    correlation = torch.corrcoef(residuals) - torch.eye(6)
    assert correlation.abs().max() < 0.1  # six deviations of 1 / sqrt(4096)


def test_gaussian_noise_is_normal_with_its_mean() -> None:
    clean = torch.zeros(1, 1, 300, 300)
    noisy, _ = parse_noise("gaussian", sigma=0.5, mean=0.5).apply(clean, generator())
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.01)
    assert noisy.std().item() == pytest.approx(0.5, abs=0.01)
    below = (noisy < 0).float().mean().item()  # one deviation below the mean: Φ(-1) = 0.1587
    assert below == pytest.approx(0.1587, abs=0.005)


def test_the_classic_noise_of_digits() -> None:
    """Normal, mean 0.5, deviation 0.5, clipped: E max(0, min(1, n)) is 0.5 by symmetry."""
    noise = parse_noise("gaussian", sigma=0.5, mean=0.5, clip=True)
    noisy, level = noise.apply(torch.zeros(1, 1, 300, 300), generator())
    assert noisy.min() == 0
    assert noisy.max() == 1
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.01)
    assert level.item() == pytest.approx(0.5)


def test_uniform_noise_is_even_within_root_three_deviations() -> None:
    noisy, _ = parse_noise("uniform:0.1").apply(torch.zeros(1, 1, 200, 200), generator())
    assert noisy.abs().max().item() == pytest.approx(0.1 * 3**0.5, rel=0.01)
    assert noisy.std().item() == pytest.approx(0.1, rel=0.02)


def test_poisson_noise_has_the_variance_of_counts() -> None:
    """x + noise has the mean x and the variance x / photons."""
    clean = torch.stack([torch.full((1, 200, 200), x) for x in (0.1, 0.5, 1.0)])
    noisy, _ = parse_noise("poisson:20").apply(clean, generator())
    for one, x in zip(noisy, (0.1, 0.5, 1.0), strict=True):
        assert one.mean().item() == pytest.approx(x, rel=0.02)
        assert one.var().item() == pytest.approx(x / 20, rel=0.05)
    assert torch.allclose(noisy * 20, (noisy * 20).round(), atol=1e-4)


def test_salt_and_pepper_replaces_the_fraction_by_black_and_white() -> None:
    clean = torch.full((1, 1, 300, 300), 0.4)
    noisy, _ = parse_noise("salt-and-pepper:0.2").apply(clean, generator())
    assert (noisy == 1).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert (noisy == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert ((noisy == clean) | (noisy == 0) | (noisy == 1)).all()


@pytest.mark.parametrize(("kind", "constant"), [("row-stripes", 3), ("column-stripes", 2)])
def test_stripes_are_offsets_of_whole_lines(kind: str, constant: int) -> None:
    noisy, _ = parse_noise(kind).apply(torch.zeros(2, 2, 30, 40), generator())
    assert torch.equal(noisy.amax(dim=constant), noisy.amin(dim=constant))
    assert (noisy.std(dim=5 - constant) > 0.05).all()


def test_stripes_run_one_way_in_an_image_and_both_ways_in_many() -> None:
    noisy, _ = parse_noise("stripes").apply(torch.zeros(20, 1, 8, 8), generator())
    rows = (noisy.amax(dim=3) == noisy.amin(dim=3)).all(dim=(1, 2))
    columns = (noisy.amax(dim=2) == noisy.amin(dim=2)).all(dim=(1, 2))
    assert torch.equal(rows, ~columns)
    assert rows.any()
    assert columns.any()


def test_blur_is_that_of_scipy_with_a_deviation_per_image() -> None:
    from scipy.ndimage import gaussian_filter

    clean = torch.rand((2, 2, 30, 41), generator=generator())
    for level, image in zip((0.7, 2.5), clean, strict=True):
        noisy, _ = parse_noise(f"blur:{level}").apply(image[None], generator())
        for channel in range(2):
            expected = gaussian_filter(
                image[channel].double().numpy(), level, mode="nearest", truncate=6
            )
            assert noisy[0, channel].numpy() == pytest.approx(expected, abs=2e-4)
    assert torch.equal(parse_noise("blur:0").apply(clean, generator())[0], clean)


def test_jpeg_is_that_of_the_file() -> None:
    import io

    import numpy as np
    from PIL import Image

    clean = images(1, 3)
    noisy, _ = parse_noise("jpeg:10").apply(clean, generator())
    pixels = np.moveaxis((clean[0] * 255).round().byte().numpy(), 0, 2)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=10)
    with Image.open(file) as image:
        expected = np.moveaxis(np.asarray(image), 2, 0)
    assert torch.equal((noisy[0] * 255).round().byte(), torch.from_numpy(expected.copy()))


def test_a_lower_quality_is_a_larger_error() -> None:
    clean = torch.rand((1, 1, 64, 64), generator=generator())
    errors = [parse_noise(f"jpeg:{q}").apply(clean, generator())[1].item() for q in (90, 50, 10)]
    assert errors == sorted(errors)


def test_a_composition_does_one_after_the_other_and_adds_the_squares() -> None:
    noise = parse_noise("gaussian:0.03+column-stripes:0.04")
    clean = torch.full((1, 1, 20, 30), 0.5)
    noisy, level = noise.apply(clean, generator())
    assert level.item() == pytest.approx(0.05)
    chain = generator()
    first, _ = Noise(noise.pieces[:1]).apply(clean, chain)
    second, _ = Noise(noise.pieces[1:]).apply(first, chain)
    assert torch.equal(noisy, second)


def test_photons_are_drawn_evenly_by_their_logarithm() -> None:
    levels = Piece("poisson", 1.0, 100.0).levels(4000, generator())
    assert levels.median().item() == pytest.approx(10, rel=0.1)
    assert levels.min() >= 1
    assert levels.max() <= 100


def test_half_precision_comes_back_as_it_went_in() -> None:
    noisy, level = parse_noise("gaussian").apply(images().bfloat16(), generator())
    assert noisy.dtype == level.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("spec", "sigma", "expected"),
    [
        ("gaussian", "51/255", [("gaussian", 0.2, 0.2)]),
        ("gaussian", 0.1, [("gaussian", 0.1, 0.1)]),
        ("gaussian", ("0", "51/255"), [("gaussian", 0.0, 0.2)]),
        ("gaussian:0..51/255", None, [("gaussian", 0.0, 0.2)]),
        (" gaussian : 0.1 + stripes ", "0.3", [("gaussian", 0.1, 0.1), ("stripes", 0.3, 0.3)]),
        ("jpeg:20+gaussian", 0.5, [("jpeg", 20, 20), ("gaussian", 0.5, 0.5)]),
        ("poisson:10..100", None, [("poisson", 10, 100)]),
    ],
)
def test_noise_is_read_from_text(spec: str, sigma: object, expected: list[object]) -> None:
    noise = parse_noise(spec, sigma=sigma)  # type: ignore[arg-type]
    got = [(p.kind, pytest.approx(p.least), pytest.approx(p.most)) for p in noise.pieces]
    assert got == expected
    assert parse_noise(noise) is noise


def test_text_of_noise_reads_back() -> None:
    noise = parse_noise("gaussian:0.1..0.5 + salt-and-pepper:0.25 + jpeg:20")
    assert parse_noise(str(noise)) == noise


@pytest.mark.parametrize(
    ("spec", "arguments", "message"),
    [
        ("gausian", {}, "did you mean 'gaussian'"),
        ("gaussian+", {}, "unknown noise ''"),
        ("", {}, "unknown noise ''"),
        ("gaussian", {"sigma": "25"}, "for 8-bit images write 25/255"),
        ("gaussian", {"sigma": 25}, "for 8-bit images write 25/255"),
        ("gaussian", {"sigma": "0..55"}, "write 0..55/255"),
        ("gaussian", {"sigma": "25..50/255"}, "as in 25/255..50/255"),
        ("gaussian", {"sigma": "a lot"}, "must be a number such as 0.1 or 25/255"),
        ("gaussian", {"sigma": "25/0"}, "must be a number"),
        ("gaussian", {"sigma": "-0.1"}, "must be a number"),
        ("gaussian", {"sigma": "nan"}, "must be a number"),
        ("gaussian", {"sigma": "0..0.1..0.2"}, "must be a number"),
        ("gaussian:", {}, "must be a number"),
        ("stripes:30", {}, "the level of stripes must lie between 0 and 1"),
        ("gaussian:0.1", {"sigma": 0.2}, "sigma 0.2 has no place"),
        ("jpeg", {"sigma": 0.2}, "as in jpeg:20"),
        ("jpeg:0", {}, "from 1 to 100 (quality of the file)"),
        ("jpeg:101", {}, "from 1 to 100"),
        ("salt-and-pepper:1.5", {}, "fraction of values replaced"),
        ("poisson:0", {}, "photons"),
        ("jpeg", {"mean": 0.5}, "a mean is for additive noise"),
        (7, {}, "noise must be text"),
        ("+".join(["gaussian"] * 9), {}, "1 to 8 kinds"),
    ],
)
def test_wrong_noise_is_told(spec: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_noise(spec, **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_noise_comes_back_from_a_model_file() -> None:
    noise = parse_noise("gaussian+jpeg:10..30", sigma="0..55/255", mean=0.5, clip=True)
    assert Noise.from_dict(json.loads(json.dumps(noise.to_dict()))) == noise


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "must be a table"),
        ({}, "pieces must be a list"),
        ({"pieces": "gaussian"}, "pieces must be a list"),
        ({"pieces": [], "clip": False}, "1 to 8 kinds"),
        ({"pieces": [7]}, "noise piece: must be a table"),
        ({"pieces": [{"kind": "gaussian"}]}, "least, most is missing"),
        ({"pieces": [{"kind": "gauss", "least": 0, "most": 1}]}, "unknown noise 'gauss'"),
        ({"pieces": [{"kind": [], "least": 0, "most": 1}]}, "unknown noise []"),
        ({"pieces": [{"kind": "gaussian", "least": "0", "most": 1}]}, "got '0'"),
        ({"pieces": [{"kind": "gaussian", "least": 0, "most": True}]}, "got True"),
        ({"pieces": [{"kind": "gaussian", "least": 1, "most": 0.5}]}, "is above its most"),
        ({"pieces": [{"kind": "gaussian", "least": 0, "most": float("nan")}]}, "got nan"),
        ({"pieces": [{"kind": "gaussian", "least": 0, "most": 1, "size": 3}]}, "setting 'size'"),
        ({"pieces": [{"kind": "blur", "least": 0, "most": 1, "mean": 1}]}, "a mean is for"),
        ({"pieces": [{"kind": "blur", "least": 0, "most": 1}], "clip": 1}, "clip must be"),
        ({"pieces": [{"kind": "blur", "least": 0, "most": 1}], "clap": True}, "did you mean"),
    ],
)
def test_hostile_values_are_refused(values: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Noise.from_dict(values)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_additive_noise_has_the_unit_of_the_values() -> None:
    noise = parse_noise("gaussian:0..0.1+speckle:0.2", mean=0.05).rescaled(30)
    first = noise.pieces[0]
    assert [first.least, first.most, first.mean] == pytest.approx([0, 3, 1.5])
    assert noise.pieces[1] == Piece("speckle", 0.2, 0.2)


def test_a_place_in_the_ranges() -> None:
    noise = parse_noise("gaussian:0.1..0.5+poisson:10..1000+jpeg:20", clip=True)
    assert noise.ranged
    middle = noise.fixed(0.5)
    assert not middle.ranged
    assert [piece.least for piece in middle.pieces] == pytest.approx([0.3, 100, 20])
    assert middle.clip
    assert noise.fixed(1.0).pieces[0].most == pytest.approx(0.5)


def test_masks_hide_whole_patches_in_all_channels() -> None:
    """Half of the 12 patches of 4 x 4 pixels of a 10 x 14 image; those at two edges are cut."""
    clean = torch.rand((5, 3, 10, 14), generator=generator())
    noisy, _ = parse_noise("masks:0.5@4").apply(clean, generator(1))
    changed = noisy != clean
    assert torch.equal(changed.any(dim=1), changed.all(dim=1))
    patches = [
        changed[:, 0, i : i + 4, j : j + 4] for i in range(0, 10, 4) for j in range(0, 14, 4)
    ]
    whole = torch.stack([patch.flatten(1).all(dim=1) for patch in patches])
    some = torch.stack([patch.flatten(1).any(dim=1) for patch in patches])
    assert torch.equal(whole, some)
    assert whole.sum(dim=0).tolist() == [6] * 5
    assert len({tuple(column) for column in whole.T.tolist()}) > 1  # of each image its own


def test_a_hidden_pixel_has_the_mean_of_the_visible_ones_of_its_channel() -> None:
    clean = torch.rand((2, 3, 8, 8), generator=generator())
    noisy, _ = parse_noise("masks:0.5@2").apply(clean, generator(1))
    hidden = (noisy != clean)[0, 0]
    for channel in range(3):
        wanted = clean[0, channel][~hidden].mean()
        assert torch.allclose(noisy[0, channel][hidden], wanted)


@pytest.mark.parametrize(
    ("shape", "side"), [((28, 28), 4), ((32, 32), 4), ((8, 20), 2), ((256, 300), 32), ((5, 9), 2)]
)
def test_a_patch_is_an_eighth_of_the_shorter_side(shape: tuple[int, int], side: int) -> None:
    """28 / 8 = 3.5 is rounded to the even 4."""
    clean = torch.rand((1, 1, *shape), generator=generator())
    own, _ = parse_noise("masks:0.5").apply(clean, generator(1))
    given, _ = parse_noise(f"masks:0.5@{side}").apply(clean, generator(1))
    assert torch.equal(own, given)


def test_masks_leave_something_visible_and_may_hide_nothing() -> None:
    clean = torch.rand((3, 1, 4, 4), generator=generator())
    most, _ = parse_noise("masks:0.99@2").apply(clean, generator())
    assert ((most == clean).flatten(1).sum(dim=1) == 4).all()  # one of the four patches
    none, level = parse_noise("masks:0").apply(clean, generator())
    assert torch.equal(none, clean)
    assert not level.any()


@pytest.mark.parametrize(
    "text", ["masks:0.6", "masks:0.3..0.7@3", "masks:0.5@4 + gaussian:0.1", "gaussian:0.1"]
)
def test_masks_are_written_as_they_are_read(text: str) -> None:
    noise = parse_noise(text)
    assert str(noise) == text
    assert Noise.from_dict(json.loads(json.dumps(noise.to_dict()))) == noise
    assert str(parse_noise("masks:@4")) == "masks:0.6@4"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "masks:0.6@0",
            "the side of a patch must be a whole number of pixels from 1 to 65,536, as in",
        ),
        ("masks:0.6@x", "as in masks:0.6@4; got 'x'"),
        ("masks:0.6@", "got ''"),
        ("masks:1", "from 0 to 0.99 (fraction of the patches that are hidden); got 1.0"),
        ("gaussian:0.1@4", "the level of gaussian must be a number"),
    ],
)
def test_masks_that_cannot_be_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_noise(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kind": "masks", "least": 0.5, "most": 0.5, "patch": -1}, "patch must be a whole number"),
        (
            {"kind": "masks", "least": 0.5, "most": 0.5, "patch": 2.0},
            "patch must be a whole number",
        ),
        ({"kind": "blur", "least": 1, "most": 1, "patch": 2}, "a patch is for masks"),
    ],
)
def test_patches_in_a_file_that_cannot_be_are_refused(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        Piece(**values)  # type: ignore[arg-type]
