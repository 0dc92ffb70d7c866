"""A duration as text, and what nonsense is answered."""

import math

import pytest

from convae.config.durations import parse_duration
from convae.errors import InputError


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90s", 90), ("10min", 600), ("2h", 7200), ("45", 45), (" 1.5 h ", 5400), (7, 7), (0.5, 0.5)],
)
def test_times_and_numbers_of_seconds(given: object, seconds: float) -> None:
    assert parse_duration(given) == seconds


@pytest.mark.parametrize(
    "given",
    [
        "",
        "soon",
        "-5s",
        "0",
        "1e3s",
        "5 s s",
        0,
        -1,
        math.nan,
        math.inf,
        True,
        [5],
        "9" * 40,
    ],
)
def test_nonsense_is_answered_with_what_a_time_is(given: object) -> None:
    with pytest.raises(InputError, match="budget must be a time above 0, such as 90s, 10min or 2h"):
        parse_duration(given)
