"""The page of an experiment: one file with its answer, a chart and a table, without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from convae.filesystem.atomic import store
from convae.report.page.html import page_template
from convae.report.svg.charts import FONT, STYLE, THEME


@dataclass(frozen=True, kw_only=True)
class ExperimentPage:
    """The contents of the page.

    Attributes:
        title: the question.
        data: the images.
        verdict: sentences, the answer first.
        notes: sentences on what the numbers mean.
        chart: SVG text for use inside a page.
        head: names of the columns of the table.
        rows: the cells of each row, as text.
        command: the command that repeats the run; empty for none.
    """

    title: str
    data: str
    verdict: Sequence[str]
    notes: Sequence[str]
    chart: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    command: str = ""


def write_experiment_page(path: str | Path, page: ExperimentPage) -> Path:
    """Write the page atomically; return its path."""
    return store(path, render_experiment_page(page).encode("utf-8"))


def render_experiment_page(page: ExperimentPage) -> str:
    """Return the text of the page."""
    return page_template("experiment.html.jinja").render(
        page=page,
        chart=Markup(page.chart),
        font=Markup(FONT),
        theme=Markup(THEME + STYLE),
    )
