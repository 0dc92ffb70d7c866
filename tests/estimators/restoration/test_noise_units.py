"""Levels of noise in the unit of the files, whatever the network is scaled to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.corruption.noise import parse_noise
from convae.corruption.noise_levels import parse_level
from convae.estimators.restoration.noise_units import noise_text, stored_level, stretch, used_range
from convae.images.dataset.scaling import Scaling

TWELVE_BITS = Scaling((200.0,), (3000.0,), "uint16")
CT = Scaling((-1000.0,), (3000.0,), "float32")


@pytest.mark.parametrize(
    ("scaling", "factor"),
    [
        (Scaling((0.0,), (255.0,), "uint8"), 1),
        (TWELVE_BITS, 65535 / 2800),
        (CT, 1 / 4000),
        (Scaling((0.0, 0.0), (100.0, 155.0), "uint8"), 2),
    ],
)
def test_the_network_sees_values_further_apart(scaling: Scaling, factor: float) -> None:
    """By the mean over channels, which share one level."""
    assert stretch(scaling) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("scaling", "text"),
    [
        (Scaling((0.0,), (255.0,), "uint8"), "2.55/255"),
        (TWELVE_BITS, "28/65535"),  # 0.01 of 2800 values
        (CT, "40"),
        (Scaling((0.0,), (1.0,), "float32"), "0.01"),
    ],
)
def test_a_level_is_told_in_stored_values(scaling: Scaling, text: str) -> None:
    assert stored_level(0.01, scaling) == text


@settings(deadline=None)
@given(
    level=st.floats(0.001, 1),
    low=st.integers(0, 60000),
    span=st.integers(200, 65535),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_what_is_told_can_be_given_as_an_option(
    level: float, low: int, span: int, dtype: str
) -> None:
    """What is printed, read again by the options, is the level that was printed, to three digits."""
    scaling = Scaling((float(low),), (float(low + span),), dtype)
    told = parse_level(stored_level(level, scaling))[0]
    assert told * stretch(scaling) == pytest.approx(level, rel=0.006)
    noise = parse_noise(f"gaussian:0..{level:.6f}+stripes:{level:.6f}+jpeg:20..60")
    again = parse_noise(noise_text(noise, scaling), limited=False).rescaled(stretch(scaling))
    for one, other in zip(noise.pieces, again.pieces, strict=True):
        assert one.kind == other.kind
        assert other.least == pytest.approx(one.least, rel=0.006)
        assert other.most == pytest.approx(one.most, rel=0.006)


def test_what_is_clipped_is_said() -> None:
    scaling = Scaling((0.0,), (255.0,), "uint8")
    assert noise_text(parse_noise("speckle:0.2", clip=True), scaling) == "speckle:0.2, clipped"


def test_the_values_in_use_are_told_where_they_are_a_part() -> None:
    assert used_range(TWELVE_BITS) == "200 to 3000"
    assert used_range(Scaling((0.0,), (255.0,), "uint8")) == ""
    assert used_range(Scaling((1.0, 3.0), (7.0, 5.0), "float32")) == "1 to 7"
