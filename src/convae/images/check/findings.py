"""The findings of the check-up: counts, names and sentences, as plain data."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from convae.images.check.image_facts import ImageFacts
from convae.images.sources.base import Skipped


@dataclass(frozen=True)
class Advice:
    """One sentence for the user.

    Attributes:
        severity: ``problem`` (training will be refused or fail) or ``note`` (good to know).
        text: a plain sentence: the finding, and what to do.
    """

    severity: Literal["problem", "note"]
    text: str


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that show the same picture and must stay in the same part of any split.

    Attributes:
        indices: their positions in the source.
        names: their names.
        exact: whether all their pixels are equal; otherwise some are the same picture saved again.
        labels: the class folders they lie in, more than one when a class leaks into another.
        splits: the folders named train, validation or test they lie in.
    """

    indices: tuple[int, ...]
    names: tuple[str, ...]
    exact: bool
    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckUp:
    """The findings of the check-up.

    Attributes:
        description: what was checked.
        images: number of images in the source.
        checked: number that were checked (fewer with ``max_images``).
        readable: number of those that could be read.
        skipped: what was left out while listing.
        unreadable: images that could not be decoded, with the reason.
        sizes: number of images of each (height, width), most common first.
        channels: number of images with each number of channels.
        depths: number of images of each stored dtype.
        formats: number of images of each file kind.
        ranges: (lowest, highest) value over all images that are read as each dtype.
        conversions: what reading changes, with the number of images.
        classes: number of images in each class folder.
        duplicate_groups: images to keep together.
        constant: images whose pixels are all the same, black ones included.
        black: images that are zero everywhere.
        missing: images with NaN or nodata pixels, and how many pixels.
        advice: sentences for the user, problems first.
    """

    description: str
    images: int
    checked: int
    readable: int
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Skipped, ...]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    channels: dict[int, int]
    depths: dict[str, int]
    formats: dict[str, int]
    ranges: dict[str, tuple[float, float]]
    conversions: dict[str, int]
    classes: dict[str, int]
    duplicate_groups: tuple[DuplicateGroup, ...]
    constant: tuple[str, ...]
    black: tuple[str, ...]
    missing: tuple[tuple[str, int], ...]
    advice: tuple[Advice, ...] = ()

    @property
    def problems(self) -> int:
        """Return the number of pieces of advice that are problems."""
        return sum(item.severity == "problem" for item in self.advice)

    def groups(self) -> np.ndarray:
        """Return (images,) group numbers, equal for duplicates: for a split by group."""
        numbers = np.arange(self.images)
        for group in self.duplicate_groups:
            numbers[list(group.indices)] = group.indices[0]
        return numbers

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a value without a number (NaN) becomes None."""
        plain = asdict(self)
        plain["sizes"] = [{"height": h, "width": w, "images": n} for (h, w), n in self.sizes]
        plain["channels"] = {str(key): count for key, count in self.channels.items()}
        plain["ranges"] = {
            key: [None if np.isnan(v) else v for v in pair] for key, pair in self.ranges.items()
        }
        plain["missing"] = [{"name": name, "pixels": count} for name, count in self.missing]
        plain["problems"] = self.problems
        return plain


@dataclass
class Tally:
    """Counts over the images read so far; names are kept of special images only."""

    readable: int = 0
    unreadable: list[Skipped] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    depths: Counter[str] = field(default_factory=Counter)
    read_as: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    conversions: Counter[str] = field(default_factory=Counter)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    constant: list[str] = field(default_factory=list)
    black: list[str] = field(default_factory=list)
    missing: list[tuple[str, int]] = field(default_factory=list)
    up_to_one: Counter[str] = field(default_factory=Counter)
    most_values: int = 0
    limited: bool = False

    def add(self, name: str, facts: ImageFacts) -> None:
        """Count one image."""
        self.readable += 1
        self.sizes[facts.shape[:2]] += 1
        self.channels[facts.shape[2]] += 1
        self.depths[facts.info.depth] += 1
        self.read_as[facts.depth] += 1
        self.formats[facts.info.format] += 1
        self.conversions.update(facts.info.conversions)
        low, high = self.ranges.get(facts.depth, (np.nan, np.nan))
        self.ranges[facts.depth] = (
            float(np.fmin(low, facts.low)),
            float(np.fmax(high, facts.high)),
        )
        self.most_values = max(self.most_values, facts.values)
        if 0 < facts.high <= 1:
            self.up_to_one[facts.depth] += 1
        if facts.info.missing:
            self.missing.append((name, facts.info.missing))
        if facts.constant:
            self.constant.append(name)
            if facts.high == 0:
                self.black.append(name)
