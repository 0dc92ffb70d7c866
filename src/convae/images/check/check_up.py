"""The check-up: reads every image once and reports problems of the set before training."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from convae.errors import ImageError
from convae.images.check.advice import advise
from convae.images.check.duplicates import Duplicates
from convae.images.check.findings import Advice, CheckUp, DuplicateGroup, Tally
from convae.images.check.image_facts import ImageFacts, facts_of
from convae.images.dataset.threads import in_threads
from convae.images.sources.base import ImageSource, Skipped

__all__ = ["Advice", "CheckUp", "DuplicateGroup", "check_images"]

_SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip


def check_images(
    source: ImageSource,
    *,
    max_images: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckUp:
    """Check every image of a source once, with all cores.

    Memory is about 100 bytes an image; only a few images are held at a time.

    Args:
        source: see :func:`convae.images.sources.open_source.open_source`.
        max_images: check at most this many, spread evenly; None: check all.
        progress: called with (images checked, images to check).

    Returns:
        The findings, with advice.
    """
    count = len(source)
    picked = np.arange(count)
    if max_images is not None and max_images < count:
        picked = np.unique(np.linspace(0, count - 1, max(1, max_images)).astype(np.int64))
    tally, duplicates, checked = Tally(), Duplicates(), list[int]()
    try:
        for done, (index, found) in enumerate(_facts_of_each(source, picked.tolist()), 1):
            if isinstance(found, Skipped):
                tally.unreadable.append(found)
            else:
                tally.add(source.names[index], found)
                duplicates.add(found)
                checked.append(index)
            if progress is not None:
                progress(done, len(picked))
        groups = _grouped(source, duplicates, checked)
    finally:
        duplicates.close()
    tally.limited = duplicates.limited
    return _check_up(source, len(picked), tally, groups)


def _facts_of_each(
    source: ImageSource, picked: Sequence[int]
) -> Iterator[tuple[int, ImageFacts | Skipped]]:
    def facts(index: int) -> tuple[int, ImageFacts | Skipped]:
        try:
            return index, facts_of(source.read(index))
        except ImageError as error:
            return index, Skipped(source.names[index], error.reason)

    return in_threads(facts, picked, worthwhile=None)


def _grouped(
    source: ImageSource, duplicates: Duplicates, checked: list[int]
) -> tuple[DuplicateGroup, ...]:
    labels, exact, names = source.labels, duplicates.exact(), source.names
    groups = []
    for members in duplicates.groups():
        indices = tuple(checked[member] for member in members)
        shown = tuple(names[index] for index in indices)
        inside: tuple[str, ...] = ()
        if labels is not None:
            inside = tuple(sorted({_label_name(source, int(labels[index])) for index in indices}))
        same = len(set(exact[members].tolist())) == 1
        splits = tuple(sorted({split for name in shown if (split := _split_of(name))}))
        groups.append(DuplicateGroup(indices, shown, same, inside, splits))
    return tuple(groups)


def _split_of(name: str) -> str | None:
    folders = name.lower().split("/")[:-1]
    return next((_SPLITS[folder] for folder in folders if folder in _SPLITS), None)


def _label_name(source: ImageSource, label: int) -> str:
    return source.label_names[label] if 0 <= label < len(source.label_names) else str(label)


def _check_up(
    source: ImageSource,
    checked: int,
    tally: Tally,
    groups: tuple[DuplicateGroup, ...],
) -> CheckUp:
    labels = source.labels
    counted: Counter[str] = Counter()
    if labels is not None:
        for value, number in zip(*np.unique(labels, return_counts=True), strict=True):
            counted[_label_name(source, int(value))] = int(number)
    found = CheckUp(
        description=source.description,
        images=len(source),
        checked=checked,
        readable=tally.readable,
        skipped=tuple(source.skipped),
        unreadable=tuple(tally.unreadable),
        sizes=tuple(tally.sizes.most_common()),
        channels=dict(tally.channels.most_common()),
        depths=dict(tally.depths.most_common()),
        formats=dict(tally.formats.most_common()),
        ranges=dict(tally.ranges),
        conversions=dict(tally.conversions.most_common()),
        classes=dict(counted),
        duplicate_groups=groups,
        constant=tuple(tally.constant),
        black=tuple(tally.black),
        missing=tuple(tally.missing),
    )
    return replace(found, advice=advise(found, tally))
