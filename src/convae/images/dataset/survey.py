"""Read the headers of a source, and plan the preparation of its images.

:func:`survey` reads every header, and prepares small images at once, which is faster than opening them twice.
:func:`make_plan` chooses one channel count, depth and size, or raises if that is impossible.
"""

import contextlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from convae.errors import ImageError, InputError
from convae.images.dataset.prefetch import fetched
from convae.images.dataset.preparation import (
    DEPTHS,
    Finished,
    Plan,
    Preparation,
    depth_fault,
    finished,
    read_for,
)
from convae.images.files.image import Answer, Header, Image, dtype_name
from convae.images.free_memory import available_memory
from convae.images.sources.base import ImageSource, Skipped

FEW = 0.1  # fraction of float images among integer ones, or the reverse, up to which they are left out
SMALL_BYTES = 2**17  # of a decoded image: its file takes as long to open as to decode
ANY_BYTES = 2**26  # of an image that is decoded and then reduced
Guess = tuple[Plan, Finished]  # a prepared image, and the plan that it was prepared by


@dataclass(frozen=True)
class Survey:
    """The headers of a source: which images look readable, and their shapes and depths.

    Attributes:
        index: (n,) positions in the source of the images that look readable.
        shapes: (n, 3) their (H, W, C).
        depths: (n,) position of their depth in ``DEPTHS``.
        skipped: the others, with reasons.
        prepared: images prepared during the survey, by their position in the source.
    """

    index: np.ndarray
    shapes: np.ndarray
    depths: np.ndarray
    skipped: list[Skipped]
    prepared: dict[int, Guess] = field(default_factory=dict)


def survey(
    source: ImageSource, *, strict: bool = False, wanted: Preparation | None = None
) -> Survey:
    """Read every header, with all cores if that is faster.

    Args:
        wanted: the preparation. Images are prepared at once where little is kept of each, as many as
            :func:`_room` holds, because opening a small file takes as long as decoding it.

    Raises:
        InputError: nothing is readable, or under ``strict`` something is not.
    """
    if (stack := source.stack()) is not None:
        return _of_stack(source, stack, strict=strict)
    rows = np.empty((len(source), 4), np.int32)
    skipped = list(source.skipped)
    good = np.zeros(len(source), bool)
    guesses = _Guesses(wanted) if wanted else None

    def use(i: int, answered: Answer) -> tuple[Header, Guess | None] | ImageError:
        if isinstance(answered, ImageError):
            return answered
        header, image = answered
        assert header is not None
        return header, guesses.of(header, image) if guesses and image is not None else None

    headers = fetched(
        source,
        range(len(source)),
        use,
        for_size=guesses.for_size if guesses else None,
        most_bytes=guesses.most_bytes if guesses else lambda: 0,
        quick=source.quick or source.in_order,
    )
    with contextlib.closing(headers):
        for i, seen in enumerate(headers):
            if isinstance(seen, ImageError):
                skipped.append(Skipped(source.names[i], seen.reason))
                if guesses and strict:
                    guesses.room = 0  # the set is refused: only the other reasons are still needed
                continue
            header, guess = seen
            rows[i], good[i] = (*header.shape, DEPTHS.index(header.depth)), True
            if guesses:
                guesses.take(i, header, guess)
    for i in _few_of_another_scale(rows[:, 3], good):
        kind = DEPTHS[rows[i, 3]]
        reason = f"{kind} among images of another kind: their values have no common scale"
        skipped.append(Skipped(source.names[i], reason))
        good[i] = False
    refuse_skipped(source, skipped, strict=strict, left=int(good.sum()))
    prepared = guesses.prepared if guesses else {}
    return Survey(np.flatnonzero(good), rows[good, :3], rows[good, 3], skipped, prepared)


class _Guesses:
    """Images prepared by a guessed plan, before all headers are known."""

    def __init__(self, wanted: Preparation) -> None:
        self.wanted, self.framing = wanted, wanted.framed
        self.for_size = read_for(self.framing, wanted.coarse)
        self.room = _room()  # bytes that may still be kept
        made_smaller = self.framing.size is not None and wanted.framing != "random-crop"
        self.most = ANY_BYTES if made_smaller else SMALL_BYTES
        self.plans: dict[tuple[int, str], Plan] = {}
        self.kinds: set[tuple[int, str]] = set()  # (channels, depth) so far
        self.prepared: dict[int, Guess] = {}  # by position in the source

    def most_bytes(self) -> int:
        """Return the maximum size of an image that is prepared at once; larger if little is kept of it."""
        return self.most if self.room > 0 else 0

    def take(self, index: int, header: Header, guess: Guess | None) -> None:
        """Keep a prepared image; stop guessing if images are of several kinds."""
        self.kinds.add((self.wanted.channels or header.shape[2], header.depth))
        if len(self.kinds) > 1:
            self.room = 0
        if guess is not None:
            self.prepared[index] = guess
            self.room -= guess[1].pixels.nbytes

    def of(self, header: Header, image: Image) -> Guess | None:
        """Prepare an image by the plan that applies if all others have its depth."""
        kind = self.wanted.channels or header.shape[2], header.depth
        plan = self.plans.get(kind) or self.plans.setdefault(kind, self._plan(*kind))
        try:
            return plan, finished(plan, image)
        except ImageError:
            return None  # the second reading reports the reason

    def _plan(self, channels: int, depth: str) -> Plan:
        plan = Plan(channels=channels, depth=depth, framing=self.framing, coarse=self.wanted.coarse)
        return plan.whole() if self.wanted.framing == "random-crop" else plan


def _room() -> int:
    """Return the bytes of prepared images that may be kept during the survey."""
    return available_memory() // 8


def _of_stack(source: ImageSource, stack: np.ndarray, *, strict: bool) -> Survey:
    """Return the survey of images that are all alike."""
    count, skipped = len(stack), list(source.skipped)
    refuse_skipped(source, skipped, strict=strict, left=count)
    depth = DEPTHS.index(dtype_name(stack.dtype))
    shapes = np.broadcast_to(np.array(stack.shape[1:], np.int32), (count, 3))
    return Survey(np.arange(count), shapes, np.full(count, depth), skipped)


def _few_of_another_scale(depths: np.ndarray, good: np.ndarray) -> list[int]:
    """Return positions of float images among integer ones, or the reverse, if they are few.

    A few are left out like unreadable files; with more, the user has to decide.
    """
    is_float = depths == DEPTHS.index("float32")
    floats, integers = np.flatnonzero(good & is_float), np.flatnonzero(good & ~is_float)
    few, many = sorted((floats, integers), key=len)
    found: list[int] = few.tolist()
    return found if len(few) <= FEW * len(many) else []


def refuse_skipped(source: ImageSource, skipped: list[Skipped], *, strict: bool, left: int) -> None:
    """Raise if no image is left, or if ``strict`` and any was skipped.

    Args:
        source: described in the error.
        skipped: images that cannot be used, with the reasons.
        strict: whether a single skipped image is an error.
        left: how many images can be used.

    Raises:
        InputError: gives the reasons, grouped.
    """
    if left and not (strict and skipped):
        return
    if not skipped:
        raise InputError(f"{source.description}: there are no images in it")
    why = grouped_reasons(skipped)
    if left:
        raise InputError(
            f"{source.description}: {len(skipped)} of {len(skipped) + left} images cannot be used, which "
            f"strict=True forbids: {why}"
        )
    raise InputError(f"{source.description}: none of {len(skipped)} images can be used: {why}")


def grouped_reasons(skipped: list[Skipped]) -> str:
    """Return why images are left out, each reason once, the most frequent first.

    >>> reasons = {"a.png": "is empty", "b.png": "is cut", "c.png": "is empty"}
    >>> grouped_reasons([Skipped(name, reason) for name, reason in reasons.items()])
    'a.png and 1 more: is empty; b.png: is cut'
    """
    groups: dict[str, list[str]] = {}
    for item in skipped:
        groups.setdefault(item.reason, []).append(item.name)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    reasons = [
        f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''}: {reason}"
        for reason, names in ordered[:3]
    ]
    others = sum(len(names) for _, names in ordered[3:])
    return "; ".join(reasons) + (f"; and {others:,} more" if others else "")


def make_plan(source: ImageSource, found: Survey, wanted: Preparation) -> tuple[Plan, list[str]]:
    """Choose the format of all images, and note what it changes.

    Raises:
        InputError: mixed sizes or channel counts that ``wanted`` does not resolve.
    """
    channels = wanted.channels or _one_channel_count(source, found)
    depth, notes = _one_depth(source, found)
    if wanted.size is None:
        _refuse_mixed_sizes(source, found)
    return Plan(channels=channels, depth=depth, framing=wanted.framed, coarse=wanted.coarse), notes


def same_plan(source: ImageSource, plan: Plan, like: Plan) -> Plan:
    """Return ``like``, the plan of a model, if the images can follow it.

    Raises:
        InputError: they have other channels, or a depth that cannot be converted to the model's.
    """
    if plan.channels != like.channels:
        raise InputError(f"{source.description}: {channels_fault(plan.channels, like.channels)}")
    if plan.depth != like.depth and (plan.depth, like.depth) != ("uint8", "uint16"):
        raise InputError(f"{source.description}: {depth_fault(plan.depth, like.depth)}")
    return like


def channels_fault(have: int, wanted: int) -> str:
    """Return why images with so many channels do not suit a model of others."""
    named = {1: "1 channel (grey)", 3: "3 channels (RGB)"}
    ways = (
        f"convert them, or set channels={wanted}, which converts all"
        if wanted in (1, 3) and have in (1, 2, 3, 4)
        else "choose the same ones"
    )
    return (
        f"{named.get(have, f'{have} channels')} for a model of {named.get(wanted, f'{wanted} channels')}: "
        f"{ways}"
    )


def _one_channel_count(source: ImageSource, found: Survey) -> int:
    counts = Counter(found.shapes[:, 2].tolist())
    if len(counts) > 1:
        raise InputError(
            f"{source.description}: images of different channel counts ({_counted(counts)}): convert all "
            "with channels=1 (grey) or channels=3 (RGB), or keep one kind in the folder"
        )
    return int(next(iter(counts)))


def _one_depth(source: ImageSource, found: Survey) -> tuple[str, list[str]]:
    counts = Counter(DEPTHS[d] for d in found.depths.tolist())
    if set(counts) == {"uint8", "uint16"}:
        some = f"{counts['uint8']} 8-bit image{'s are' if counts['uint8'] > 1 else ' is'}"
        return "uint16", [f"{some} read as 16-bit (x 257), like the others"]
    if len(counts) > 1:
        raise InputError(
            f"{source.description}: float images among integer ones ({_counted(counts)}): their values "
            "have no common scale; keep one kind in the folder (a few strays would be skipped)"
        )
    return next(iter(counts)), []


def _refuse_mixed_sizes(source: ImageSource, found: Survey) -> None:
    counts = Counter(f"{h}x{w}" for h, w in found.shapes[:, :2].tolist())
    if len(counts) > 1:
        height, width = np.median(found.shapes[:, :2], axis=0).astype(int)
        raise InputError(
            f"{source.description}: images of {len(counts)} sizes ({_counted(counts)}): choose one, "
            f"for example size=({height}, {width}), and a framing: resize, crop, pad or random-crop"
        )


def _counted(counts: Counter[str] | Counter[int]) -> str:
    rows = [f"{count} of {value}" for value, count in counts.most_common(4)]
    return ", ".join(rows) + (f", and {len(counts) - 4} others" if len(counts) > 4 else "")
