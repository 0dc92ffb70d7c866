"""What the results of every evaluation offer."""

from collections.abc import Sequence
from typing import Any, Protocol

from convae.images.sources.base import Skipped
from convae.report.page.contents import Table


class Evaluation(Protocol):
    """The results of a model on images.

    ``tables``, ``verdicts`` and ``caveats`` are for people, ``values`` are for programs; the page of a report
    is built from the same results by ``convae.model_reports``.
    """

    @property
    def images(self) -> int:
        """How many images were measured."""
        ...

    @property
    def seen(self) -> int:
        """How many of them the model was trained on, or whether it was trained on some."""
        ...

    @property
    def skipped(self) -> Sequence[Skipped]:
        """The images that could not be used, with reasons."""
        ...

    def tables(self, where: str) -> list[Table]:
        """Return the numbers as plain text; ``where`` names the images, such as ``on images held out``."""
        ...

    def verdicts(self) -> list[str]:
        """Return what follows from the numbers, in sentences."""
        ...

    def caveats(self) -> list[str]:
        """Return what limits the results, in sentences."""
        ...

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        ...
