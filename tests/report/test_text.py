import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.report.text import clean, duration, number, numbers, percent, shorten


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00431, "0.00431"),
        (-0.5, "−0.500"),
        (12345.6, "12,346"),
        (2.5e-7, "2.50×10⁻⁷"),
        (3e12, "3.00×10¹²"),
        (178001, "178,001"),
        (-4, "−4"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, "–"),
        (True, "True"),
        (np.float32(0.25), "0.250"),
        (np.int64(1200), "1,200"),
        ("28 × 28", "28 × 28"),
    ],
)
def test_number(value: Any, text: Any) -> None:
    assert number(value) == text


def test_numbers_share_their_decimals_and_stay_apart() -> None:
    assert numbers([0.0043, 0.0192, None, math.nan]) == ["0.00430", "0.01920", "–", "–"]
    assert numbers([0.93111, 0.93112]) == ["0.93111", "0.93112"]
    assert numbers([0.93111, 0.93112], distinct=False) == ["0.931", "0.931"]
    assert numbers([0.5, 0.5]) == ["0.500", "0.500"]


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=5))
def test_numbers_never_says_nan_or_inf(values: Any) -> None:
    for text in numbers(values):
        assert "nan" not in text
        assert "inf" not in text


def test_percent_and_duration() -> None:
    assert percent(-0.0042) == "−0.420\u00a0%"
    assert percent(math.nan) == "–"
    assert duration(59.96) == "60.0 s"
    assert duration(3600) == "1 h 0 min"
    assert duration(None) == "–"


@given(st.text(st.characters()), st.integers(1, 40))
def test_any_text_becomes_harmless(text: Any, length: Any) -> None:
    safe = clean(text)
    safe.encode("utf-8")
    assert len(safe) == len(text)
    assert not set(safe) & {"\x00", "\x1b", "\u202e", "\ufffe", "\r"}
    assert len(shorten(safe, length)) <= length


def test_clean_keeps_what_scripts_need() -> None:
    for name in ("Bäume/ночь/猫.png", "نمی\u200cخواهم.png", "👩\u200d🔬.png"):
        assert clean(name) == name
    assert clean("a\udcff.png") == "a\ufffd.png"


def test_shorten_keeps_the_end() -> None:
    assert shorten("a/very/long/path/to/image_0001.png", 20).endswith("0001.png")
    assert shorten("short.png", 20) == "short.png"
