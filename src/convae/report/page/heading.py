"""The parts of a report that are not known from the model."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """The text around the results.

    Attributes:
        title, subtitle: its first lines.
        measured_on: which images the numbers are of: ``180 images held out from training``.
        command: the command that repeats the run.
        python: the Python lines that repeat the run.
        after_fit: whether the images are those that training held out.
        seed: for the choice of examples.
    """

    title: str
    subtitle: str = ""
    measured_on: str = ""
    command: str = ""
    python: str = ""
    after_fit: bool = False
    seed: int = 0
