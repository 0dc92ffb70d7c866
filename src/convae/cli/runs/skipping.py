"""Images that cannot be used: collected, listed in a file, and reported."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convae.cli.io.output_files import write_skipped
from convae.errors import ImageError
from convae.images.dataset.survey import refuse_skipped
from convae.images.sources.base import ImageSource, Skipped
from convae.report.page.contents import DataFacts


@dataclass
class Skipping:
    """Handler of images that cannot be used: collects them, or with ``strict`` raises the error.

    Attributes:
        source: the images; those that it left out are the first to be collected.
        strict: whether an image that cannot be used is an error.

    Raises:
        InputError: with ``strict``, the source left images out.
    """

    source: ImageSource
    strict: bool = False
    skipped: list[Skipped] = field(init=False)
    listed: Path | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.skipped = list(self.source.skipped)
        if self.strict and self.skipped:
            refuse_skipped(self.source, self.skipped, strict=True, left=len(self.source))

    def __call__(self, error: ImageError) -> None:
        """Add an image that cannot be used.

        Raises:
            ImageError: with ``strict``, the given error.
        """
        if self.strict:
            raise error
        self.skipped.append(Skipped(error.name, error.reason))

    def refuse_all(self) -> None:
        """Raise an error if no image of the source could be used.

        Raises:
            InputError: always, unless the source is empty.
        """
        refuse_skipped(self.source, self.skipped, strict=False, left=0)

    def write(self, path: Path, images: str = "") -> str:
        """Write the list, if there is one; return the end of a summary: ``; 2 skipped, see FILE``."""
        self.listed = write_skipped(path, self.skipped)
        return f"; {len(self.skipped):,}{images} skipped, see {self.listed}" if self.listed else ""

    def facts(self) -> DataFacts:
        """Return the images that were left out, for a page."""
        return DataFacts(skipped=[(s.name, s.reason) for s in self.skipped])

    def values(self) -> dict[str, Any]:
        """Return the images that were left out, and the file that lists them, as plain values."""
        return {"skipped": [[s.name, s.reason] for s in self.skipped], "skipped_file": self.listed}
