"""What results of every kind show of themselves: lines in a terminal, a card in a notebook."""

from collections.abc import Sequence

from convae.evaluation.results.protocol import Evaluation
from convae.report.page.card import Card, render_card
from convae.report.page.contents import Table
from convae.report.plain_text import aligned, harmless, in_python, printable


class ShownResults:
    """A base class of results: ``print`` and a notebook show tables and sentences, not arrays."""

    def __str__(self: Evaluation) -> str:
        lines = evaluation_lines(self, _where(self))
        return "\n".join(harmless(in_python(line)) for line in lines)

    def __repr__(self) -> str:
        return str(self)  # not the arrays, which a notebook would keep with each result

    def _repr_html_(self: Evaluation) -> str:
        skipped = [f"{one.name}: {one.reason}" for one in self.skipped]
        card = Card(
            title=f"Measured {_where(self)}",
            sentences=[in_python(text) for text in (*self.verdicts(), *self.caveats())],
            tables=self.tables(_where(self)),
            lists={f"{len(skipped)} could not be used": skipped} if skipped else {},
        )
        return render_card(card)


def evaluation_lines(evaluation: Evaluation, where: str, notes: Sequence[str] = ()) -> list[str]:
    """Return the tables, the verdicts and the caveats of an evaluation.

    Args:
        evaluation: the results.
        where: which images were measured, such as ``on images held out``.
        notes: further sentences; one that is a verdict, too, is given once.
    """
    tables = [line for table in evaluation.tables(where) for line in _table_lines(table)]
    verdicts = evaluation.verdicts()
    further = [printable(note) for note in notes if note not in verdicts]
    return [*tables, *verdicts, *evaluation.caveats(), *further]


def _where(evaluation: Evaluation) -> str:
    return f"on {evaluation.images:,} image{'s' * (evaluation.images != 1)}"


def _table_lines(table: Table) -> list[str]:
    """Return the rows of a table, its note and an empty line after each of them."""
    rows = [[printable(cell) for cell in row] for row in table.rows]
    return [*aligned([table.columns, *rows]), "", *([table.note, ""] if table.note else [])]
