"""Text for terminals: options of the command line become arguments of Python."""

from convae.report.plain_text import in_python


def test_options_become_arguments_and_nothing_else_changes() -> None:
    assert in_python("pairs (--target) would tell") == "pairs (target) would tell"
    assert in_python("a--b.png and 3 - 4 -- 5") == "a--b.png and 3 - 4 -- 5"
    assert in_python("'convae calibrate' sets another") == "calibrate() sets another"
