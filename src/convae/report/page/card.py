"""A model, a network or results as a small piece of HTML, for the cell of a notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from convae.report.page.contents import Table
from convae.report.page.html import page_template

# Colours are those of the notebook, so that a card is readable in a dark one as well.
_CELL = Markup(
    "padding:3px 12px 3px 0;border-bottom:1px solid rgba(128,128,128,.3);white-space:nowrap"
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """The parts of a card; every part but the title may be left out.

    Attributes:
        title, subtitle: its first lines.
        sentences: what a reader must know.
        facts: name and value, side by side.
        tables: numbers.
        words: how many of the first columns of the tables are aligned left.
        lists: what is folded away at first: a name, and lines.
    """

    title: str
    subtitle: str = ""
    sentences: Sequence[str] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    words: int = 1
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)


def render_card(card: Card) -> str:
    """Return the HTML of a card; all its texts are escaped."""
    return page_template("card.html.jinja").render(card=card, cell=_CELL)
