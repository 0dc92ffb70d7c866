"""The results for each image, for a page whose pictures are separate files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import quote

from convae.errors import InputError
from convae.report.text import number

MOST_LISTED = 5000  # most rows of the table of one page
LEAST_SHOWN, MOST_SHOWN = 280, 480  # CSS pixels: the width of a picture on a wide screen


@dataclass(frozen=True, kw_only=True)
class LinkedPicture:
    """A picture in a file next to the page.

    Attributes:
        what: what it shows.
        path: of the file, relative to the page.
        size: (width, height) in pixels.
    """

    what: str
    path: PurePath
    size: tuple[int, int]

    @property
    def width(self) -> int:
        """Displayed width in CSS pixels: tiny pictures are enlarged, large ones reduced."""
        return min(max(self.size[0], LEAST_SHOWN), MOST_SHOWN)

    @property
    def height(self) -> int:
        """Displayed height in CSS pixels."""
        return max(round(self.width * self.size[1] / self.size[0]), 1)

    @property
    def sharp(self) -> bool:
        """Whether its pixels are shown as squares."""
        return self.width >= 2 * self.size[0]

    @property
    def address(self) -> str:
        """The path as a URL for the page."""
        return address(self.path)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result for one image.

    Attributes:
        name: of the image.
        anomalous: the verdict; None if there is none.
        score: higher for more anomalous.
        p_value: the probability of a score this high for a normal image; None if unknown.
        regions: the number of anomalous regions.
        links: what a file next to the page shows, and its path relative to the page.
        pictures: shown large; without any the image is a row of the table.
        notes: sentences below the pictures.
    """

    name: str
    anomalous: bool | None
    score: float
    p_value: float | None
    regions: int = 0
    links: Mapping[str, PurePath] = field(default_factory=dict)
    pictures: Sequence[LinkedPicture] = ()
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """``anomalous``, ``normal``, or empty."""
        return "" if self.anomalous is None else "anomalous" if self.anomalous else "normal"

    @property
    def score_text(self) -> str:
        """The score with three digits."""
        return number(float(self.score))

    @property
    def p_text(self) -> str:
        """The p-value with two digits; empty if there is none."""
        return "" if self.p_value is None else number(float(self.p_value), 2)

    @property
    def numbers(self) -> str:
        """Score and p-value: ``score 12.3, p 0.010``."""
        return f"score {self.score_text}{f', p {self.p_text}' if self.p_text else ''}"

    @property
    def addresses(self) -> dict[str, str]:
        """The links as URLs for the page."""
        return {what: address(path) for what, path in self.links.items()}


@dataclass(frozen=True, kw_only=True)
class ScoreSpread:
    """Scores of images, and the threshold.

    Attributes:
        scores: (n,) of the images.
        anomalous: (n,) the verdicts; empty if there are none.
        threshold: the score above which an image is anomalous; None if there is none.
        calibration: the scores of the normal images that set it; empty for none.

    Raises:
        InputError: there are verdicts, but not as many as scores.
    """

    scores: Sequence[float]
    anomalous: Sequence[bool] = ()
    threshold: float | None = None
    calibration: Sequence[float] = ()

    def __post_init__(self) -> None:
        if len(self.anomalous) not in (0, len(self.scores)):
            raise InputError(
                f"anomalous must be {len(self.scores)} or none, got {len(self.anomalous)}"
            )


def address(path: PurePath) -> str:
    """Return a relative path as a URL, safe for any file name.

    >>> address(PurePath("overlays") / "a b#1?.png")
    'overlays/a%20b%231%3F.png'
    """
    return quote(os.fsencode(path.as_posix()))


def large_and_listed(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return the findings with pictures, and the others, up to the limit of a page."""
    large = [finding for finding in findings if finding.pictures]
    return large, [finding for finding in findings if not finding.pictures][:MOST_LISTED]
