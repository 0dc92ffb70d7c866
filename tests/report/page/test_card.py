"""Cards: every text is escaped, and what is left out is not shown."""

from convae.report.page.card import Card, render_card
from convae.report.page.contents import Table


def test_all_texts_are_escaped() -> None:
    table = Table(heading="<h>", columns=("<c>",), rows=[("<r>",)], note="<n>")
    card = Card(
        title="<t>",
        subtitle="<s>",
        sentences=["<e>"],
        facts={"<f>": "<v>"},
        tables=[table],
        lists={"<l>": ["<i>\x1b"]},
    )
    text = render_card(card)
    for letter in "hcrntsefvli":
        assert f"&lt;{letter}&gt;" in text
    assert "&lt;i&gt;\ufffd" in text


def test_parts_that_are_missing_leave_nothing() -> None:
    text = render_card(Card(title="Model"))
    assert text.count("<div") == 2
    assert "<table" not in text
