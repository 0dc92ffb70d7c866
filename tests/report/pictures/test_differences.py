"""Differences in words, and which value of a table is marked as the best."""

import math

import pytest

from convae.metrics.resampling import Difference
from convae.report.page.contents import Metric, Report
from convae.report.page.html import render_report
from convae.report.pictures.differences import against, interval_of


def difference(value: float, low: float, high: float) -> Difference:
    return Difference(value=value, interval=(low, high), images=20)


ONE = Difference(value=0.5, interval=None, images=1)


def test_an_interval_in_words() -> None:
    assert interval_of(difference(-0.0012, -0.0015, -0.0009)) == (
        "−0.00120 (95 % interval −0.00150 to −0.00090)"
    )
    assert interval_of(ONE) == "0.50 (no interval: one image measured)"
    nothing = Difference(value=math.nan, interval=None, images=0)
    assert interval_of(nothing) == "– (no interval: 0 images measured)"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (difference(1.5, 1.0, 2.0), "1.50 dB above NLM (95 % interval of the difference +1.00 to +2.00 dB"),
        (difference(-1.5, -2.0, -1.0), "1.50 dB below NLM (95 % interval of the difference −2.00 to"),
        (difference(0.1, -1.0, 1.2), "which cannot be told apart from NLM (95 % interval of"),
        (ONE, "and whether that is better than NLM cannot be told: 0.50 (no interval: one image"),
    ],
)  # fmt: skip
def test_where_a_method_stands(one: Difference, words: str) -> None:
    assert against(one, "NLM", " dB").startswith(words)


@pytest.mark.parametrize(
    ("model", "other", "better", "marked"),
    [
        (18.7, math.inf, "higher", "∞"),
        (math.inf, 18.7, "higher", "∞"),
        (math.inf, math.inf, "higher", None),
        (math.nan, 18.7, "higher", None),
        (0.0, 0.1, "lower", "0"),
        (1.0, 1.0, "lower", None),
    ],
)
def test_the_best_value_is_marked(
    model: float, other: float, better: str, marked: str | None
) -> None:
    row = Metric(name="PSNR (dB)", model=model, baselines={"fill": other}, better=better)
    text = render_report(Report(title="t", metrics=[row]))
    assert text.count('<td class="wins">') == (marked is not None)
    if marked is not None:
        assert f'<td class="wins">{marked}' in text


def test_a_baseline_of_rounding_gives_no_percentage() -> None:
    row = Metric(name="MSE", model=0.0019, baselines={"PCA": 1e-16}, better="lower")
    text = render_report(Report(title="t", metrics=[row]))
    assert "%" not in text.split("<tbody")[1].split("</tbody>")[0]


def test_the_page_tells_the_interval_of_the_best_rival_and_does_not_colour_chance() -> None:
    def row(low: float) -> Metric:
        known = {"a": difference(0.1, low, 0.2), "b": difference(0.2, 0.1, 0.3)}
        others = {"a": 0.8, "b": 0.7}
        return Metric(name="SSIM", model=0.9, baselines=others, better="higher", differences=known)

    sure, chance = (render_report(Report(title="t", metrics=[row(low)])) for low in (0.05, -0.05))
    assert "model − a: 0.100 (95 % interval 0.050 to 0.200)" in sure
    assert '<td class="good">' in sure
    assert '<td class="good">' not in chance
    assert row(0).rival == "a"
