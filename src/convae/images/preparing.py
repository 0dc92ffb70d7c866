"""From images as their files hold them to images of one shape and depth.

:func:`survey` looks at the headers and settles what all images become; :class:`Preparation` is what the
user asked for; :meth:`Plan.apply` does it to one image. Fitting and using a model share it, so that a
model sees tomorrow's images as it saw those it was fitted on.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from convae.errors import ImageError, InputError, raise_faults, unknown_name
from convae.images.fetching import fetched
from convae.images.framing import MODES, Framing
from convae.images.image import Answer, Header, Image, ImageInfo, Pixels, Size, dtype_name
from convae.images.image_source import ImageSource, Skipped
from convae.images.memory import available_memory

DEPTHS = ("uint8", "uint16", "float32")
FEW = 0.1  # so many float images for each integer one, or the reverse, count as strays
SMALL_BYTES = 2**17  # of a decoded image: its file takes as long to open as to decode
ANY_BYTES = 2**26  # of an image that is decoded to be made smaller
STORAGES = ("auto", "resident", "cached", "streamed")
Key = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What the user asks of the images before a network sees them.

    Attributes:
        size: (height, width) that every image is brought to; None asks that all have one size already.
        framing: how: ``resize``, ``crop``, ``pad`` or ``random-crop`` (another place each epoch).
        channels: 1 (grey) or 3 (RGB) converts all images; None asks that all have as many already.
        coarse: whether of files no more pixels need be decoded than resizing to ``size`` wants (see
            :func:`convae.images.reading.read_image`): for networks that see nothing else.
        strict: whether an unreadable image is an error instead of being reported and skipped.
        storage: where images are while training: ``resident`` in memory, ``cached`` in a memory-mapped
            temporary file, ``streamed`` from their files each time, or ``auto`` by the memory there is.
    """

    size: tuple[int, int] | None = None
    framing: str = "resize"
    channels: int | None = None
    coarse: bool = False
    strict: bool = False
    storage: str = "auto"

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise unknown_name("storage", self.storage, STORAGES)
        faults = []
        if self.channels is not None and (
            type(self.channels) is not int or self.channels not in (1, 3)
        ):
            faults.append(f"channels must be 1 (grey), 3 (RGB) or None; got {self.channels!r}")
        if self.size is None and self.framing in MODES[1:]:
            faults.append(f"framing {self.framing!r} needs a size (height, width)")
        raise_faults("images", faults)
        Framing(size=self.size, mode=self.framing)  # refuses what it cannot be

    @property
    def framed(self) -> Framing:
        """What ``size`` and ``framing`` say."""
        return Framing(size=self.size, mode=self.framing)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every image becomes: ``channels`` and ``depth`` are the same for all, and so is the size if
    ``framing`` names one; ``coarse`` as in :class:`Preparation`."""

    channels: int
    depth: str
    framing: Framing
    coarse: bool = False

    def takes_time(self, source: ImageSource) -> bool:
        """Whether to read and prepare an image of a source is more than to look at it."""
        return not source.quick or self.framing.size is not None

    @property
    def for_size(self) -> Size | None:
        """The size that images may be read for: as many pixels as :meth:`apply` needs."""
        return _read_for(self.framing, self.coarse)

    def read(self, source: ImageSource, index: int) -> Image:
        """Image ``index`` of a source, with as many pixels as :meth:`apply` needs."""
        return source.read(index, for_size=self.for_size)

    def apply(self, image: Image, key: Key | None = None) -> Pixels:
        """(H, W, C) pixels of the planned channels, depth and size.

        Args:
            image: as it was read.
            key: (seed, epoch, index) for ``random-crop``; None gives the centre crop.

        Raises:
            ImageError: if the image cannot become that.
        """
        pixels = to_depth(image, self.depth)
        if pixels.shape[2] != self.channels:
            pixels = to_channels(pixels, self.channels, image.info.name)
        try:
            return np.ascontiguousarray(self.framing.apply(pixels, key))
        except InputError as error:
            raise ImageError(image.info.name, str(error)) from error

    def whole(self) -> "Plan":
        """The same without framing: the whole image."""
        return replace(self, framing=Framing(size=None, mode="resize"), coarse=False)


def _read_for(framing: Framing, coarse: bool) -> Size | None:
    """The size that images are resized to if there is one and nothing else is made of them."""
    return framing.size if coarse and framing.mode == "resize" else None


class Finished(NamedTuple):
    """An image as training sees it: where it came from, (H, W, C) pixels and their hash."""

    info: ImageInfo
    pixels: Pixels
    digest: int


Guess = tuple[Plan, Finished]  # an image prepared, and as what


@dataclass(frozen=True)
class Survey:
    """The headers of a source: which images look readable, and what they hold.

    Attributes:
        index: (n,) positions in the source of the images that look readable.
        shapes: (n, 3) their (H, W, C).
        depths: (n,) position of their depth in ``DEPTHS``.
        skipped: the others, with reasons.
        prepared: images that were prepared on the way, by their position in the source.
    """

    index: np.ndarray
    shapes: np.ndarray
    depths: np.ndarray
    skipped: list[Skipped]
    prepared: dict[int, Guess] = field(default_factory=dict)


def survey(
    source: ImageSource, *, strict: bool = False, wanted: Preparation | None = None
) -> Survey:
    """Look at every header, with all cores where that is quicker.

    Args:
        wanted: what the images are read for. They are then prepared in the same go where little is kept of
            each, as many as :func:`_room` holds: to open a small file takes as long as to decode it.

    Raises:
        InputError: if nothing is readable, or under ``strict`` if anything is not.
    """
    if (stack := source.stack()) is not None:
        return _of_stack(source, stack, strict=strict)
    rows = np.empty((len(source), 4), np.int32)
    skipped = list(source.skipped)
    good = np.zeros(len(source), bool)
    guesses = _Guesses(wanted) if wanted else None
    prepared: dict[int, Guess] = {}

    def look(i: int, said: Answer) -> tuple[Header, Guess | None] | ImageError:
        if isinstance(said, ImageError):
            return said
        header, image = said
        assert header is not None
        return header, guesses.of(header, image) if guesses and image is not None else None

    looks = fetched(
        source,
        range(len(source)),
        look,
        for_size=guesses.for_size if guesses else None,
        most_bytes=guesses.most_bytes if guesses else lambda: 0,
        quick=source.quick,
    )
    with contextlib.closing(looks):
        for i, seen in enumerate(looks):
            if isinstance(seen, ImageError):
                skipped.append(Skipped(source.names[i], seen.reason))
                if guesses and strict:
                    guesses.room = (
                        0  # it is refused: all that is still wanted are the other reasons
                    )
                continue
            header, guess = seen
            rows[i], good[i] = (*header.shape, DEPTHS.index(header.depth)), True
            if guesses:
                guesses.note(header)
            if guesses and guess is not None:
                prepared[i] = guess
                guesses.room -= guess[1].pixels.nbytes
    for i in _few_of_another_scale(rows[:, 3], good):
        kind = DEPTHS[rows[i, 3]]
        reason = f"{kind} among images of another kind: their values have no common scale"
        skipped.append(Skipped(source.names[i], reason))
        good[i] = False
    refuse_skipped(source, skipped, strict=strict, left=int(good.sum()))
    return Survey(np.flatnonzero(good), rows[good, :3], rows[good, 3], skipped, prepared)


class _Guesses:
    """What is likely to become of images, before all of them are known."""

    def __init__(self, wanted: Preparation) -> None:
        self.wanted, self.framing = wanted, wanted.framed
        self.for_size = _read_for(self.framing, wanted.coarse)
        self.room = _room()  # bytes that may still be kept
        made_smaller = self.framing.size is not None and wanted.framing != "random-crop"
        self.most = ANY_BYTES if made_smaller else SMALL_BYTES
        self.plans: dict[tuple[int, str], Plan] = {}
        self.kinds: set[tuple[int, str]] = set()  # (channels, depth) so far

    def most_bytes(self) -> int:
        """Of an image that is prepared at once; more where little is kept of it."""
        return self.most if self.room > 0 else 0

    def note(self, header: Header) -> None:
        """Guess no more where images turn out to be of several kinds."""
        self.kinds.add((self.wanted.channels or header.shape[2], header.depth))
        if len(self.kinds) > 1:
            self.room = 0

    def of(self, header: Header, image: Image) -> Guess | None:
        """An image prepared as it will be if all others are of its depth."""
        kind = self.wanted.channels or header.shape[2], header.depth
        plan = self.plans.get(kind) or self.plans.setdefault(kind, self._plan(*kind))
        try:
            return plan, finished(plan, image)
        except ImageError:
            return None  # reading it once more says why

    def _plan(self, channels: int, depth: str) -> Plan:
        plan = Plan(channels=channels, depth=depth, framing=self.framing, coarse=self.wanted.coarse)
        return plan.whole() if self.wanted.framing == "random-crop" else plan


def finished(plan: Plan, image: Image) -> Finished:
    """An image as training sees it.

    Raises:
        ImageError: if there is nothing in it, or it cannot become what is planned.
    """
    pixels = plan.apply(image)
    if pixels.dtype.kind == "f" and np.isnan(pixels).all():
        raise ImageError(image.info.name, "every pixel is NaN or nodata")
    return Finished(image.info, pixels, image_hash(pixels))


def _room() -> int:
    """Bytes of prepared images that are kept while headers are looked at."""
    return available_memory() // 8


def _of_stack(source: ImageSource, stack: np.ndarray, *, strict: bool) -> Survey:
    """The survey of images that are all alike."""
    count, skipped = len(stack), list(source.skipped)
    refuse_skipped(source, skipped, strict=strict, left=count)
    depth = DEPTHS.index(dtype_name(stack.dtype))
    shapes = np.broadcast_to(np.array(stack.shape[1:], np.int32), (count, 3))
    return Survey(np.arange(count), shapes, np.full(count, depth), skipped)


def _few_of_another_scale(depths: np.ndarray, good: np.ndarray) -> list[int]:
    """Positions of float images among integer ones, or the reverse, where they are few.

    A handful is left out like unreadable files are; more are for the user to decide on.
    """
    is_float = depths == DEPTHS.index("float32")
    floats, integers = np.flatnonzero(good & is_float), np.flatnonzero(good & ~is_float)
    few, many = sorted((floats, integers), key=len)
    found: list[int] = few.tolist()
    return found if len(few) <= FEW * len(many) else []


def refuse_skipped(source: ImageSource, skipped: list[Skipped], *, strict: bool, left: int) -> None:
    """Raise if nothing is left, or if ``strict`` and anything was skipped."""
    if left and not (strict and skipped):
        return
    if not skipped:
        raise InputError(f"{source.description}: there are no images in it")
    first = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3])
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    if left:
        raise InputError(
            f"{source.description}: {len(skipped)} of {len(skipped) + left} images cannot be read, which "
            f"strict forbids: {first}{more}"
        )
    raise InputError(
        f"{source.description}: none of {len(skipped)} images can be read: {first}{more}"
    )


def make_plan(source: ImageSource, found: Survey, wanted: Preparation) -> tuple[Plan, list[str]]:
    """Settle what all images become, and say what that changes.

    Raises:
        InputError: for mixed sizes or channel counts that ``wanted`` does not settle.
    """
    channels = wanted.channels or _one_channel_count(source, found)
    depth, notes = _one_depth(source, found)
    if wanted.size is None:
        _refuse_mixed_sizes(source, found)
    return Plan(channels=channels, depth=depth, framing=wanted.framed, coarse=wanted.coarse), notes


def same_plan(source: ImageSource, plan: Plan, like: Plan) -> Plan:
    """``like``, the plan of a model, where the images can follow it.

    Raises:
        InputError: if they have other channels, or a depth that cannot become the model's.
    """
    if plan.channels != like.channels:
        raise InputError(f"{source.description}: {channels_fault(plan.channels, like.channels)}")
    if plan.depth != like.depth and (plan.depth, like.depth) != ("uint8", "uint16"):
        raise InputError(
            f"{source.description}: {plan.depth} images for a model of {like.depth} images: their "
            "values have no common scale"
        )
    return like


def channels_fault(have: int, wanted: int) -> str:
    """Why images of so many channels are none for a model of others."""
    named = {1: "1 channel (grey)", 3: "3 channels (RGB)"}
    ways = (
        f"convert them, or fit with channels {wanted}, which converts all"
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
            "with channels 1 (grey) or channels 3 (RGB), or keep one kind in the folder"
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
            f"{source.description}: images of {len(counts)} sizes ({_counted(counts)}): choose one with "
            f"size, for example {height} {width}, and framing resize, crop, pad or random-crop"
        )


def _counted(counts: Counter[str] | Counter[int]) -> str:
    rows = [f"{count} of {value}" for value, count in counts.most_common(4)]
    return ", ".join(rows) + (f", and {len(counts) - 4} others" if len(counts) > 4 else "")


def to_depth(image: Image, depth: str) -> Pixels:
    """The pixels in ``depth``; 8-bit becomes 16-bit exactly (x 257), anything else is refused."""
    pixels, have = image.pixels, dtype_name(image.pixels.dtype)
    if have == depth:
        return pixels
    if (have, depth) == ("uint8", "uint16"):
        return pixels.astype(np.uint16) * np.uint16(257)
    if (have, depth) == ("uint16", "uint8"):
        raise ImageError(
            image.info.name, "a 16-bit image for a model of 8-bit images: convert it first"
        )
    raise ImageError(image.info.name, f"its pixels are {have}, the others' {depth}")


def to_channels(pixels: Pixels, channels: int, name: str) -> Pixels:
    """(H, W, C) to 1 or 3 channels: luma of RGB (ITU-R BT.601), grey repeated, alpha over white.

    Raises:
        ImageError: where no such conversion is meant (5 bands to RGB).
    """
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have not in (1, 2, 3, 4) or channels not in (1, 3):
        raise ImageError(name, f"it has {have} channels and {channels} are needed")
    work = pixels.astype(np.float64)
    if have in (2, 4):
        full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
        alpha = work[..., -1:] / full
        work = work[..., :-1] * alpha + full * (1 - alpha)
    if work.shape[2] == 3 and channels == 1:
        work = work @ np.array([[0.299], [0.587], [0.114]])
    work = np.broadcast_to(work, (*work.shape[:2], channels))
    return (
        work.astype(pixels.dtype)
        if pixels.dtype.kind == "f"
        else np.rint(work).astype(pixels.dtype)
    )


def conversion_notes(conversions: Iterable[tuple[str, int]]) -> list[str]:
    """One sentence for each kind of conversion and the number of images it happened to."""
    return [f"{count} image{'s' * (count > 1)}: {what}" for what, count in sorted(conversions)]


def image_hash(pixels: Pixels) -> int:
    """A 64-bit hash of shape, dtype and values, the same wherever the image comes from."""
    digest = hashlib.blake2b(repr((pixels.shape, dtype_name(pixels.dtype))).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(digest.digest(), "little")
