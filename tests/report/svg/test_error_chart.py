"""The chart of errors: lines, intervals and marks, at any values."""

from xml.etree import ElementTree

import numpy as np

from convae.report.svg.error_chart import ErrorLine, error_chart_svg


def line(values: list[float], **changes: object) -> ErrorLine:
    given = {"name": "model", "css": "cv-model", "values": values, "low": [0.9 * v for v in values]}
    return ErrorLine(**{**given, "high": [1.1 * v for v in values], **changes})  # type: ignore[arg-type]


def test_it_is_well_formed_and_says_what_it_shows() -> None:
    marked = line([0.3, 0.1, 0.05], marked=1, mark="needed")
    svg = error_chart_svg([1, 2, 4], [marked], label="numbers in a code", heading="Errors")
    root = ElementTree.fromstring(svg)
    texts = "".join(root.itertext())
    for words in ("At 1, 2, 4 numbers in a code.", "model: 0.300, 0.100, 0.0500.", "needed, model"):
        assert words in texts


def test_zeros_missing_intervals_and_one_position() -> None:
    nothing = line([0.0], low=[np.nan], high=[np.nan])
    for lines in ([nothing], [nothing, line([0.2], low=[-1.0])]):
        ElementTree.fromstring(error_chart_svg([100], lines, label="training images"))
