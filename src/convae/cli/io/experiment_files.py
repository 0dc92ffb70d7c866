"""The files of an experiment next to its figures: a table, a chart and a page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convae.cli.fit_options import command_line
from convae.cli.io.output_files import planned

if TYPE_CHECKING:
    from convae.report.page.experiment_page import ExperimentPage

TABLE, CHART, PAGE = ".csv", ".svg", ".html"


def check_files(out: Path | None) -> None:
    """Check, before any work is done, that the files next to ``out`` can be written.

    Raises:
        InputError: one of them is there already.
    """
    if out is not None:
        planned(*(out.with_suffix(suffix) for suffix in (TABLE, CHART, PAGE)))


def write_files(
    out: Path | None, page: "ExperimentPage", chart: str, figures: Sequence[Mapping[str, object]]
) -> None:
    """Write the table, the chart and the page next to ``out``; nothing without it.

    Args:
        out: the file of the results.
        page: the page.
        chart: the SVG of the chart, as a file of its own.
        figures: the rows of the table.
    """
    from convae.filesystem.atomic import save_text
    from convae.filesystem.tables import write_table
    from convae.report.page.experiment_page import write_experiment_page

    if out is None:
        return
    names = list(figures[0])
    with write_table(out.with_suffix(TABLE), names) as rows:
        for line in figures:
            rows.row([line[name] for name in names])
    save_text(out.with_suffix(CHART), chart)
    write_experiment_page(out.with_suffix(PAGE), replace(page, command=command_line()))
