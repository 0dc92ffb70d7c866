"""The results of an evaluation as lines for the terminal."""

from collections.abc import Sequence

from convae.evaluation.results.protocol import Evaluation
from convae.plain_text import aligned, printable
from convae.report.page.contents import Table


def evaluation_lines(evaluation: Evaluation, where: str, notes: Sequence[str] = ()) -> list[str]:
    """Return the tables, the verdicts and the caveats of an evaluation.

    Args:
        evaluation: the results.
        where: which images were measured, such as ``on images held out``.
        notes: further sentences.
    """
    tables = [line for table in evaluation.tables(where) for line in _table_lines(table)]
    return [*tables, *evaluation.verdicts(), *evaluation.caveats(), *map(printable, notes)]


def _table_lines(table: Table) -> list[str]:
    """Return the rows of a table, its note and an empty line after each of them."""
    rows = [[printable(cell) for cell in row] for row in table.rows]
    return [*aligned([table.columns, *rows]), "", *([table.note, ""] if table.note else [])]
