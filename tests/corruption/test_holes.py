"""Hole masks: shapes, shares, what is always kept, determinism, text and refusals."""

import pytest
import torch

from convae.corruption.holes import KINDS, Holes, parse_holes
from convae.errors import InputError

EVERY = [*KINDS, "mixed"]


def drawn(
    holes: Holes | str, count: int = 20, size: tuple[int, int] = (48, 64), seed: int = 0
) -> torch.Tensor:
    return parse_holes(holes).sample(count, size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("size", [(1, 2), (3, 1), (8, 8), (5, 90), (64, 48)])
def test_every_mask_has_missing_and_known_pixels(kind: str, size: tuple[int, int]) -> None:
    masks = drawn(kind, 40, size)
    assert masks.shape == (40, 1, *size)
    assert masks.dtype == torch.float32
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    missing = masks.sum(dim=(1, 2, 3))
    assert missing.min() >= 1
    assert missing.max() <= size[0] * size[1] - 1


@pytest.mark.parametrize("kind", EVERY)
def test_the_generator_decides_all(kind: str) -> None:
    assert torch.equal(drawn(kind), drawn(kind))
    assert not torch.equal(drawn(kind), drawn(kind, seed=1))


def test_a_generator_goes_on() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (Holes("boxes").sample(4, (32, 32), generator) for _ in range(2))
    assert not torch.equal(first, second)


def test_pixels_go_missing_at_the_share_asked_for() -> None:
    for share in (0.1, 0.5, 0.9):
        assert float(drawn(f"pixels:{share}", 40).mean()) == pytest.approx(share, abs=0.01)
    shares = drawn("pixels", 200).mean(dim=(1, 2, 3))
    assert shares.min() < 0.15
    assert shares.max() > 0.85
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.06)


def test_boxes_are_filled_rectangles_of_at_most_that_side() -> None:
    for mask in drawn("boxes:0.25", 60):
        rows, columns = mask[0].any(dim=1), mask[0].any(dim=0)
        longest = max(_runs(rows), default=0), max(_runs(columns), default=0)
        assert longest[0] <= 5 * 12
        assert longest[1] <= 5 * 12
    single = [m[0] for m in drawn("boxes:0.25", 200) if _is_one_rectangle(m[0])]
    assert single
    assert all(max(m.any(dim=1).sum(), m.any(dim=0).sum()) <= 12 for m in single)


def test_strokes_grow_with_their_width() -> None:
    thin, thick = drawn("strokes:0.02", 60).mean(), drawn("strokes:0.15", 60).mean()
    assert 0.005 < thin < 0.5 * thick
    assert thick < 0.6


def test_letters_are_thin_and_many() -> None:
    masks = drawn("text", 60, (64, 64))
    assert 0.01 < float(masks.mean()) < 0.3
    # Letters are little thicker than a few pixels: hardly anything is left when the mask is worn off.
    worn = -torch.nn.functional.max_pool2d(-masks, 7, 1)
    assert float(worn.mean()) < 0.02 * float(masks.mean())


def test_a_mixture_holds_every_kind() -> None:
    mixed = drawn("mixed", 300)
    changes = (mixed.diff(dim=-1).abs().mean(dim=(1, 2, 3))) / mixed.mean(dim=(1, 2, 3))
    assert (changes > 0.4).float().mean() > 0.3  # scattered
    assert (changes < 0.35).float().mean() > 0.15  # in few pieces


@pytest.mark.parametrize(
    "spec", ["mixed", "pixels", "pixels:0.5", "pixels:0.1..0.9", "boxes:0.05..0.4"]
)
def test_text_and_plain_values_lead_back(spec: str) -> None:
    holes = parse_holes(spec)
    assert str(holes) == spec
    assert parse_holes(holes) is holes
    assert Holes.from_dict(holes.to_dict()) == holes


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("boxs", "unknown holes 'boxs': did you mean 'boxes'?"),
        ("pixels:0", "above 0 and at most 1 (the part of all pixels that is missing); got 0.0"),
        ("pixels:50", "above 0 and at most 1"),
        ("pixels:0.9..0.1", "a range runs from its least to its most"),
        ("pixels:", "must be a number such as"),
        ("mixed:0.5", "mixed holes have no level of their own"),
        (7, "holes must be text such as 'mixed' or 'pixels:0.5'; got 7"),
    ],
)
def test_what_is_no_hole_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_holes(spec)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"kind": "cracks"},
        {"kind": 3},
        {"kind": "pixels", "least": "0.1", "most": 0.5},
        {"kind": "pixels", "least": 0.5, "most": 0.1},
        {"kind": "pixels", "least": 0.1},
        {"kind": "mixed", "least": 0.1, "most": 0.5},
        {"kind": "pixels", "colour": 1},
    ],
)
def test_hostile_values_are_refused(values: object) -> None:
    with pytest.raises(InputError):
        Holes.from_dict(values)


def test_one_pixel_is_too_few() -> None:
    with pytest.raises(InputError, match="at least two pixels; got 1x1"):
        drawn("pixels", 1, (1, 1))


def _runs(line: torch.Tensor) -> list[int]:
    text = "".join("1" if value else "0" for value in line.tolist())
    return [len(run) for run in text.split("0") if run]


def _is_one_rectangle(mask: torch.Tensor) -> bool:
    rows, columns = mask.any(dim=1), mask.any(dim=0)
    whole = bool((mask.bool() == (rows[:, None] & columns[None, :])).all())
    return whole and len(_runs(rows)) == len(_runs(columns)) == 1
