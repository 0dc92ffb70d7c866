"""Findings on a page: verdicts, pictures in files beside it, the table of all others."""

import os
from html import unescape
from pathlib import Path, PurePath
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.report.page.test_html import HOSTILE, Page

from convae.report.findings import (
    MOST_LISTED,
    MOST_SHOWN,
    Finding,
    LinkedPicture,
    ScoreSpread,
    address,
)
from convae.report.page.contents import Report
from convae.report.page.folder import write_folder
from convae.report.page.html import render_report


def found(name: str = "a.png", *, large: bool = False, **changes: object) -> Finding:
    picture = LinkedPicture(what="image", path=PurePath("highest", "01.png"), size=(900, 600))
    given = {
        "name": name,
        "anomalous": True,
        "score": 7.25,
        "p_value": 0.01,
        "regions": 2,
        "links": {"overlay": PurePath("overlays", name)},
        "pictures": [picture] if large else [],
        **changes,
    }
    return Finding(**given)  # type: ignore[arg-type]


def page_of(*findings: Finding) -> Page:
    return Page(render_report(Report(title="x", findings=findings)))


def test_large_ones_have_verdict_score_and_pictures_and_the_others_are_rows() -> None:
    seen = page_of(
        found("worst.png", large=True, notes=["Region: here."]), found("fine.png", anomalous=False)
    )
    said = " ".join(word.strip() for word in seen.words if word.strip())
    assert "anomalous worst.png score 7.25, p 0.010" in said
    assert "Region: here." in said
    assert "The other image" in " ".join(said.split())
    assert "normal" in said
    assert seen.addresses.count("highest/01.png") == 2  # the picture, and the link to its file
    assert seen.addresses.count("overlays/worst.png") == 1
    assert seen.addresses.count("overlays/fine.png") == 1
    assert seen.tags.count("table") == 1


def test_without_others_there_is_no_table_and_without_findings_no_section() -> None:
    assert "table" not in page_of(found(large=True)).tags
    assert "section" not in page_of().tags


def test_without_verdicts_and_p_values_there_are_no_empty_columns() -> None:
    seen = page_of(found(anomalous=None, p_value=None))
    assert not {"verdict", "p-value", "anomalous"} & set(seen.words)
    assert "score" in seen.words


def test_only_pages_with_files_beside_them_may_load_files() -> None:
    assert "file:" not in render_report(Report(title="x", scores=ScoreSpread(scores=[1.0, 2.0])))
    loose = render_report(Report(title="x", findings=[found(large=True)]))
    assert "img-src data: 'self' file:\"" in unescape(loose)


def test_thousands_of_images_are_listed_up_to_a_limit() -> None:
    many = [found(f"{k}.png") for k in range(MOST_LISTED + 3)]
    seen = page_of(*many)
    assert seen.tags.count("tr") == MOST_LISTED + 1
    assert any("5,000 highest scores" in word for word in seen.words)


def test_hostile_names_stay_text_and_their_addresses_relative() -> None:
    seen = page_of(found(HOSTILE), found(HOSTILE, large=True))
    assert "script" not in seen.tags
    assert all(a.startswith(("overlays/", "highest/")) and a.isascii() for a in seen.addresses)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=1, max_size=20).filter(lambda raw: b"/" not in raw and b"\0" not in raw))
def test_an_address_leads_to_the_file_of_any_name(raw: bytes) -> None:
    path = PurePath("overlays", os.fsdecode(raw))
    quoted = address(path)
    assert unquote_to_bytes(quoted) == os.fsencode(path.as_posix())
    assert not set(quoted) & set("#?\"'<>& :")


@pytest.mark.parametrize(
    ("size", "shown", "sharp"),
    [
        ((1024, 512), (480, 240), False),
        ((300, 600), (300, 600), False),
        ((16, 20), (280, 350), True),
    ],
)
def test_a_picture_is_shown_as_large_as_a_page_has_room(
    size: tuple[int, int], shown: tuple[int, int], sharp: bool
) -> None:
    picture = LinkedPicture(what="x", path=PurePath("x"), size=size)
    assert (picture.width, picture.height) == shown
    assert picture.sharp == sharp
    assert picture.width <= MOST_SHOWN


def test_warnings_are_on_the_page_and_the_scores_a_chart_and_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = ScoreSpread(scores=list(rng.random(40)), threshold=0.5, anomalous=[False] * 40)
    report = Report(title="x", warnings=["recalibrate: now"], scores=scores, scores_facts={"n": 3})
    text = write_folder(tmp_path, report).read_text()
    assert '<p class="warning">recalibrate: now</p>' in text
    assert "threshold 0.500" in text
    assert "threshold 0.500" in (tmp_path / "scores.svg").read_text()
