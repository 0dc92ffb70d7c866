"""Maps to one score: standardised by normal images, kinds averaged, joined by a soft maximum."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convae.estimators.anomaly.fusion import (
    POOLINGS,
    SHARPNESS,
    Fusion,
    distances,
    pooled,
    soft_maximum,
)

NUMBERS = st.lists(st.floats(-20, 60), min_size=1, max_size=6)


@given(NUMBERS)
def test_a_soft_maximum_lies_between_the_mean_and_the_maximum(numbers: list[float]) -> None:
    x = torch.tensor(numbers, dtype=torch.float64)
    found = float(soft_maximum(x))
    assert float(x.mean()) - 1e-6 <= found <= float(x.max()) + 1e-6
    by_hand = math.log(sum(math.exp(SHARPNESS * n) for n in numbers) / len(numbers)) / SHARPNESS
    assert found == pytest.approx(by_hand, abs=1e-6)


@given(NUMBERS, st.integers(0, 5), st.floats(0.1, 5))
def test_it_rises_with_each_of_them(numbers: list[float], place: int, more: float) -> None:
    x = torch.tensor(numbers, dtype=torch.float64)
    higher = x.clone()
    higher[place % len(x)] += more
    assert float(soft_maximum(higher)) >= float(soft_maximum(x))


def test_normal_images_lie_around_zero_with_a_spread_of_one() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = 5 + 3 * torch.randn((400, 3, POOLINGS), generator=generator)
    fusion = Fusion.fit(normal, torch.tensor([0, 0, 1]))
    kinds = fusion.by_kind(normal)
    assert kinds.shape == (400, 2)
    assert kinds.mean(dim=0).tolist() == pytest.approx([0, 0], abs=0.15)
    assert kinds.std(dim=0).tolist() == pytest.approx([1, 1], abs=1e-4)
    again = Fusion.from_extras(fusion.to_extras(), fusion.kinds)
    assert torch.equal(again.score(normal), fusion.score(normal))


def separated(higher: list[float], covariance: list[list[float]]) -> Fusion:
    """Two kinds of one cue each, whose values are those of their single pooling."""
    normal = torch.randn((300, 2, POOLINGS), generator=torch.Generator().manual_seed(0))
    fusion = Fusion.fit(normal, torch.arange(2))
    return fusion.separating(torch.tensor(higher).double(), torch.tensor(covariance).double())


def test_the_discriminant_by_hand() -> None:
    """(C + 0.5 I) w = h with C = [[1.5, 1], [1, 1.5]] and h = (3, 2): w = (4/3, 1/3), in all 5/3."""
    found = separated([3.0, 2.0], [[1.5, 1.0], [1.0, 1.5]]).discriminant
    assert found is not None
    assert found.tolist() == pytest.approx([0.8, 0.2])


def test_a_kind_that_only_repeats_another_gets_no_weight_and_none_gets_a_negative_one() -> None:
    found = separated([3.0, 1.0], [[1.5, 1.4], [1.4, 1.5]]).discriminant
    assert found is not None
    assert found.tolist() == [1.0, 0.0]
    nothing = separated([-1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])
    assert nothing.discriminant is None  # joined as in the map


@given(st.integers(0, 1), st.floats(-20, 60), st.floats(0, 40))
def test_a_score_never_falls_where_a_kind_rises(place: int, value: float, more: float) -> None:
    fusion = separated([3.0, 2.0], [[1.0, 0.2], [0.2, 1.0]])
    values = torch.zeros(2, 2, POOLINGS, dtype=torch.float64)
    values[:, place] = value
    values[1, place] += more
    lower, higher = fusion.score(values).tolist()
    assert higher >= lower


def test_an_image_far_below_normal_is_not_more_normal_than_one_a_little_below() -> None:
    fusion = separated([3.0, 2.0], [[1.0, 0.2], [0.2, 1.0]])
    values = torch.full((2, 2, POOLINGS), -1e4)
    values[1] = -1e6
    low, lowest = fusion.score(values).tolist()
    assert -20 < lowest < low < -3  # in order, but by their logarithms


def test_a_discriminant_is_stored_and_older_files_have_none() -> None:
    fusion = separated([3.0, 2.0], [[1.0, 0.2], [0.2, 1.0]])
    extras, values = fusion.to_extras(), torch.randn(9, 2, POOLINGS)
    assert torch.equal(Fusion.from_extras(extras, fusion.kinds).score(values), fusion.score(values))
    with pytest.raises(ValueError, match=r"^fusion.discriminant is not one weight for each kind"):
        Fusion.from_extras({**extras, "fusion.discriminant": torch.ones(3)}, fusion.kinds)
    del extras["fusion.discriminant"]
    assert Fusion.from_extras(extras, fusion.kinds).discriminant is None


def test_what_is_of_another_shape_is_refused() -> None:
    fusion = Fusion.fit(torch.randn(20, 3, POOLINGS), torch.tensor([0, 0, 1]))
    extras = fusion.to_extras()
    for key, value in extras.items():
        with pytest.raises(ValueError, match=f"^{key} is not"):
            Fusion.from_extras({**extras, key: value[None]}, fusion.kinds)
    with pytest.raises(ValueError, match="of other cues"):
        Fusion.from_extras(extras, torch.tensor([0, 1, 1]))


def test_the_example_by_hand() -> None:
    """log((1 + exp(6 s)) / 2) / s, and of equal values that value."""
    want = math.log((1 + math.exp(6 * SHARPNESS)) / 2) / SHARPNESS
    found = soft_maximum(torch.tensor([[0.0, 0.0], [0.0, 6.0], [3.0, 3.0]]))
    assert found.tolist() == pytest.approx([0, want, 3], abs=1e-5)
    assert want == pytest.approx(4.3496, abs=1e-4)


def test_every_pooled_value_of_normal_images_has_its_middle_at_zero() -> None:
    """Of an odd number of images; of a kind with one cue the score is the mean of standardised values."""
    normal = torch.randn((51, 2, POOLINGS), generator=torch.Generator().manual_seed(3)) * 7 - 2
    fusion = Fusion.fit(normal, torch.tensor([0, 1]))
    standard = (normal - fusion.middle) / fusion.spread
    assert bool((standard.median(dim=0).values == 0).all())
    torch.testing.assert_close(standard.std(dim=0), torch.ones(2, POOLINGS))
    cues = standard.mean(dim=2)
    torch.testing.assert_close(fusion.by_kind(normal), cues / cues.std(dim=0))


@given(st.integers(0, 3), st.integers(0, POOLINGS - 1), st.floats(0.01, 100), st.integers(0, 50))
def test_the_score_rises_with_every_value(cue: int, pooling: int, more: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    fusion = Fusion.fit(
        torch.randn((20, 4, POOLINGS), generator=generator), torch.tensor([0, 0, 1, 2])
    )
    values = torch.randn((3, 4, POOLINGS), generator=generator)
    higher = values.clone()
    higher[1, cue, pooling] += more
    before, after = fusion.score(values), fusion.score(higher)
    assert float(after[1]) > float(before[1])
    assert after[[0, 2]].tolist() == before[[0, 2]].tolist()  # the others stay


def test_cues_of_one_kind_are_averaged_in_a_score() -> None:
    """Two cues that say the same are one: the score is as it is with one of them."""
    generator = torch.Generator().manual_seed(5)
    one, other = (torch.randn((30, 1, POOLINGS), generator=generator) for _ in range(2))
    alone = Fusion.fit(torch.cat([one, other], dim=1), torch.tensor([0, 1]))
    twice = Fusion.fit(torch.cat([one, one, other], dim=1), torch.tensor([0, 0, 1]))
    new = torch.randn((4, 2, POOLINGS), generator=generator)
    repeated = new[:, [0, 0, 1]]
    torch.testing.assert_close(twice.score(repeated), alone.score(new), rtol=1e-4, atol=1e-4)


def test_the_units_of_a_cue_do_not_matter() -> None:
    normal = torch.randn((50, 2, POOLINGS), generator=torch.Generator().manual_seed(1))
    new = torch.randn((5, 2, POOLINGS), generator=torch.Generator().manual_seed(2))
    kinds = torch.tensor([0, 1])
    factor = torch.tensor([100.0, 0.01]).view(1, 2, 1)
    scores = Fusion.fit(normal, kinds).score(new)
    others = Fusion.fit(factor * normal + 3, kinds).score(factor * new + 3)
    assert others.tolist() == pytest.approx(scores.tolist(), rel=1e-3)


def test_cues_of_one_kind_are_averaged_in_a_map() -> None:
    maps = torch.zeros(1, 3, 2, 2)
    maps[0, 0, 0, 0], maps[0, 1, 0, 0], maps[0, 2, 1, 1] = 2.0, 4.0, 6.0
    one = Fusion.fit(torch.randn(9, 3, POOLINGS), torch.tensor([0, 0, 1])).map(maps)
    assert one.shape == (1, 1, 2, 2)
    pairs = torch.tensor([[3.0, 0.0], [0.0, 6.0]])
    want = soft_maximum(pairs)
    assert [float(one[0, 0, 0, 0]), float(one[0, 0, 1, 1])] == pytest.approx(want.tolist())
    assert float(one[0, 0, 0, 1]) == pytest.approx(0, abs=1e-6)


def test_a_kind_is_weighted_by_what_it_tells() -> None:
    """√2 Φ⁻¹(AUROC) and 0.2, over their mean: 0.76025 is an AUROC of two normals one deviation apart."""
    fusion = Fusion.fit(torch.randn(9, 3, POOLINGS), torch.tensor([0, 1, 2]))
    assert fusion.weights.tolist() == [1, 1, 1]
    known = fusion.weighted_by(
        distances(torch.tensor([0.5, 0.76025, 0.3]), 32), 32
    )  # worse than chance is chance
    assert known.weights.tolist() == pytest.approx(
        [0.2 / 0.53333, 1.2 / 0.53333, 0.2 / 0.53333], rel=1e-3
    )
    maps = torch.zeros(1, 3, 1, 1)
    maps[0, 1] = 2.0
    want = soft_maximum(torch.tensor([[0.0, 4.5, 0.0]]))
    assert known.map(maps).flatten().tolist() == pytest.approx(want.tolist(), rel=1e-3)
    again = Fusion.from_extras(known.to_extras(), known.kinds)
    assert torch.equal(again.weights, known.weights)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_weights_are_one_in_the_mean_and_orders_the_kinds(aurocs: list[float]) -> None:
    count = len(aurocs)
    fusion = Fusion.fit(torch.randn(9, count, POOLINGS), torch.arange(count))
    weights = fusion.weighted_by(distances(torch.tensor(aurocs), 10), 10).weights
    assert float(weights.mean()) == pytest.approx(1, abs=1e-5)
    assert float(weights.min()) > 0
    order = torch.tensor(aurocs).argsort()
    assert bool((weights[order].diff() >= -1e-6).all())


def test_a_single_normal_image_is_enough() -> None:
    fusion = Fusion.fit(torch.ones(1, 2, POOLINGS), torch.tensor([0, 1]))
    assert float(fusion.score(torch.ones(1, 2, POOLINGS))[0]) == pytest.approx(0, abs=1e-6)
    # Nothing is known of its spread, which counts as 1: each kind is 2 above.
    assert float(fusion.score(torch.full((1, 2, POOLINGS), 3.0))[0]) == pytest.approx(2, abs=1e-5)


def test_what_is_pooled_is_the_highest_and_the_mean_of_the_highest_hundredth() -> None:
    maps = torch.zeros(1, 1, 100, 100)
    maps[..., 40:60, 40:60] = 2.0
    values = pooled(maps, logarithm=False)[0]
    assert values.shape == (POOLINGS,)
    assert values[0] == pytest.approx(2.0, abs=1e-5)
    assert values[1] == pytest.approx(2.0, abs=1e-2)  # 100 pixels are all inside
    logs = pooled(maps, logarithm=True)[0]
    assert logs.tolist() == pytest.approx(values.log().tolist())
