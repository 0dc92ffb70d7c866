"""The training images: one shape, one depth, in memory, in a cache file, or streamed."""

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from convae.errors import ImageError, InputError
from convae.images.dataset.prefetch import fetched
from convae.images.dataset.preparation import (
    Finished,
    Key,
    Plan,
    Preparation,
    conversion_notes,
    finished,
    image_hash,
)
from convae.images.dataset.reach import (
    extremes_of,
    far_reason,
    is_far,
    over_reason,
    stray_reason,
    strays,
    takes_over,
    typical_of,
)
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.storage import FlatStore, Store, make_store
from convae.images.dataset.survey import Survey, make_plan, refuse_skipped, same_plan, survey
from convae.images.dataset.threads import in_threads
from convae.images.files.image import Answer, Pixels, dtype_name
from convae.images.sources.base import ImageSource, Skipped

TRIED = 16  # images tried until one can be read

DARK = (
    "all 8-bit values are 0 or 1 in a range of 0 to 255, which is nearly black: these are masks, or floats "
    "cast to integers; scaling minmax spreads them"
)


@dataclass(kw_only=True)
class ImageSet:
    """Images of one shape and depth in a fixed order.

    With random crops, position ``p + k * len(set)`` is another crop of image ``p``: a large image holds many
    examples.

    Attributes:
        source: the source of the images.
        index: (n,) their positions in the source.
        shape: (channels, height, width) of a batch's images.
        plan: the preparation of each image.
        store: where the prepared images are kept.
        hashes: (n,) 64-bit hash of each prepared image, for duplicates and for held-out checks.
        skipped: images that could not be read, with reasons.
        notes: what was converted, each kind once.
        missing: number of images with NaN or nodata pixels.
        strict: whether an image that can no longer be read later is an error. If not, another image of its
            batch replaces it, and it is added to ``skipped``.
        extremes, typical: (n, C, 2) the lowest and highest finite value of each channel of float images, and
            (n, C) their median magnitude; empty for others, which cannot be far from each other.
    """

    source: ImageSource
    index: np.ndarray
    shape: tuple[int, int, int]
    plan: Plan
    store: Store
    hashes: np.ndarray
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: int = 0
    strict: bool = False
    extremes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2)))
    typical: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def depth(self) -> str:
        """The dtype: ``uint8``, ``uint16`` or ``float32``."""
        return self.plan.depth

    @property
    def storage(self) -> str:
        """The kind of store: ``resident``, ``cached`` or ``streamed``."""
        return self.store.kind

    @property
    def labels(self) -> np.ndarray | None:
        """The class numbers (n,), for evaluation only, or None."""
        labels = self.source.labels
        return None if labels is None else labels[self.index]

    def name(self, position: int) -> str:
        """Return the name of image ``position``."""
        return self.source.names[int(self.index[position % len(self)])]

    def batch(self, positions: np.ndarray, seed_epoch: tuple[int, int] | None = None) -> Pixels:
        """Return (n, C, H, W) values as the files hold them.

        Args:
            positions: (n,) which images; positions from len(self) on repeat them.
            seed_epoch: (seed, epoch), which determine the places of random crops together with the image.
                None takes the centre; further crops of an image are then always at the same places.
        """
        if (
            self.plan.framing.mode != "random-crop"
            and (many := self.store.many(positions % len(self))) is not None
        ):
            return many
        return self._stack([self._one(int(p), seed_epoch) for p in positions], positions)

    def whole(self) -> Pixels | None:
        """Return (n, C, H, W) of all images, if in memory and the same in every epoch; do not write to it."""
        if self.storage != "resident" or self.plan.framing.mode == "random-crop":
            return None
        return self.store.all()

    def batches(
        self, order: Iterable[np.ndarray], seed_epoch: tuple[int, int] | None = None
    ) -> Iterator[Pixels]:
        """Yield :meth:`batch` for each item of ``order``; streamed images are decoded ahead, in threads.

        Args:
            order: the positions of each batch, (b,).
            seed_epoch: as for :meth:`batch`.

        Yields:
            (b, C, H, W) values as the files hold them.

        Raises:
            ImageError: no image of a batch can be read any more; if the set is strict, one of them.
        """
        if self.storage != "streamed":
            yield from (self.batch(positions, seed_epoch) for positions in order)
            return
        batches: deque[np.ndarray] = deque()

        def flat() -> Iterator[int]:
            for positions in order:
                batches.append(positions)
                yield from positions.tolist()

        images: list[Pixels | ImageError] = []
        for image in in_threads(lambda p: self._one(p, seed_epoch), flat(), ahead=16):
            images.append(image)
            if len(images) == len(batches[0]):
                yield self._stack(images, batches.popleft())
                images = []

    def _one(self, position: int, seed_epoch: tuple[int, int] | None) -> Pixels | ImageError:
        crop, position = divmod(position, len(self))
        try:
            pixels = self._as_before(position, self.store.get(position))
        except ImageError as error:  # a streamed file has gone bad
            return error
        if self.plan.framing.mode != "random-crop":
            return pixels
        if seed_epoch is None and crop:
            seed_epoch = (0, 0)
        key = (
            None if seed_epoch is None else (*seed_epoch, int(self.index[position]) + (crop << 40))
        )
        return self.plan.framing.apply(pixels, key)

    def _as_before(self, position: int, pixels: Pixels) -> Pixels:
        """Return the pixels (H, W, C), if they still have the shape that they had."""
        channels, *size = self.shape
        free = self.plan.framing.mode == "random-crop"  # images of any sizes
        if pixels.shape[2] == channels and (free or pixels.shape[:2] == tuple(size)):
            return pixels
        raise ImageError(
            self.name(position),
            f"it was {size[0]}x{size[1]} with {channels} channels when it was first read, and is "
            f"{pixels.shape[0]}x{pixels.shape[1]} with {pixels.shape[2]} now",
        )

    def _stack(self, images: list[Pixels | ImageError], positions: np.ndarray) -> Pixels:
        """Return (n, C, H, W) of the images at these positions.

        An image that can no longer be read is replaced by the next of its batch, so that batches keep their
        size and validation images are never replaced by training images.
        """
        good = [image for image in images if not isinstance(image, ImageError)]
        if len(good) < len(images):
            for position, image in zip(positions.tolist(), images, strict=True):
                if isinstance(image, ImageError):
                    if self.strict or not good:
                        raise image
                    self._skip(Skipped(self.name(position), image.reason))
            readable = [i for i, image in enumerate(images) if not isinstance(image, ImageError)]
            after = np.searchsorted(readable, np.arange(len(images))) % len(readable)
            good = [good[i] for i in after]
        return np.ascontiguousarray(np.moveaxis(np.stack(good), 3, 1))

    def _skip(self, item: Skipped) -> None:
        if all(known.name != item.name for known in self.skipped):
            self.skipped.append(item)


def refuse_far_images(images: ImageSet, scaling: Scaling) -> None:
    """Refuse a set with an image whose values lie too far outside the fitted range, or widened it too much.

    Raises:
        InputError: the first such image, its values, and how many there are.
    """
    if images.depth != "float32":
        return
    far, why = np.flatnonzero(is_far(images.extremes, scaling)), far_reason
    if not len(far):
        far, why = takes_over(images.extremes, images.typical, scaling), over_reason
    if len(far):
        first = int(far[0])
        reason = why(images.extremes[first], scaling)
        raise InputError(
            f"{images.source.description}: {images.name(first)}: {reason}"
            + (f" (so it is with {len(far):,} of {len(images):,} images)" if len(far) > 1 else "")
        )


def prepare(
    source: ImageSource,
    wanted: Preparation,
    *,
    like: Plan | None = None,
    settled: Callable[[tuple[int, int, int]], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageSet:
    """Survey the source, settle the preparation of its images, and read them all once.

    The single pass finds images that cannot be decoded, hashes the others and fills the store; with
    ``streamed`` only the hashes are kept.

    Args:
        like: the plan of a model; the images are prepared in the same way, or refused.
        settled: called with (channels, height, width) before the images are read, and with a given size
            also before their headers are; it may raise.
        progress: called with (images read, images in all).

    Raises:
        InputError: if nothing is readable, sizes or channels are mixed without a way out, or, under
            ``strict``, anything is unreadable.
    """
    if settled is not None and wanted.size is not None:
        _settle_early(source, wanted, settled)
    found = survey(source, strict=wanted.strict, wanted=wanted if like is None else None)
    plan, notes = make_plan(source, found, wanted)
    if like is not None:
        plan = same_plan(source, plan, like)
    reading = plan.whole() if wanted.framing == "random-crop" else plan
    shapes = _planned_shapes(reading, found)
    size = plan.framing.size or tuple(shapes[0, :2].tolist())
    shape = (plan.channels, int(size[0]), int(size[1]))
    if settled is not None:
        settled(shape)

    kept = np.zeros(len(found.index), np.int64)  # which images are readable
    store = make_store(wanted.storage, shapes, plan, lambda p: _read(source, reading, int(kept[p])))
    if store.kind == "streamed" and source.in_order:
        raise InputError(
            f"{source.description}: storage 'streamed' reads images in a random order, and these can only be "
            "made one after the other: take storage 'cached' (TMPDIR needs room for them), or a smaller size"
        )
    images = ImageSet(
        source=source,
        index=kept,
        shape=shape,
        plan=plan,
        store=store,
        hashes=np.zeros(len(kept), np.uint64),
        skipped=found.skipped,
        notes=[*source.notes, *notes],
        strict=wanted.strict,
    )
    stack = _as_it_is(source, reading)
    if stack is not None and isinstance(store, FlatStore):
        store.fill(stack)
        kept[:] = found.index
        images.hashes[:] = [image_hash(pixels) for pixels in stack]
        if _all_dark(stack):
            images.notes.append(DARK)
        if stack.dtype.kind == "f":
            images.extremes = np.stack([extremes_of(pixels) for pixels in stack])
            images.typical = np.stack([typical_of(pixels) for pixels in stack])
        if progress is not None:
            progress(len(stack), len(stack))
    else:
        with contextlib.closing(_read_all(source, reading, found, shapes)) as read:
            _take(images, read, len(found.index), progress)
    _leave_strays_out(images)
    refuse_skipped(source, images.skipped, strict=wanted.strict, left=len(images))
    return images


def _settle_early(
    source: ImageSource, wanted: Preparation, settled: Callable[[tuple[int, int, int]], None]
) -> None:
    """Call ``settled`` before all images are read: it may refuse a shape that no image can change."""
    assert wanted.size is not None
    for i in range(min(len(source), TRIED)):
        try:
            channels = wanted.channels or source.header(i).shape[2]
        except ImageError:
            continue
        settled((channels, *wanted.size))
        return


def _take(
    images: ImageSet,
    read: Iterator[tuple[int, Finished | ImageError]],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Fill the store with the readable images; note what was skipped, converted or missing."""
    conversions = Counter[str]()
    count, brightest = 0, 0
    extremes, typical = list[np.ndarray](), list[np.ndarray]()
    for done, (i, result) in enumerate(read, 1):
        if isinstance(result, ImageError):
            images.skipped.append(Skipped(images.source.names[i], result.reason))
        else:
            images.store.append(result.pixels)
            brightest = max(brightest, 2 if brightest > 1 else _brightness(result.pixels))
            images.index[count], images.hashes[count] = i, result.digest
            if images.depth == "float32":
                extremes.append(extremes_of(result.pixels))
                typical.append(typical_of(result.pixels))
            count += 1
            conversions.update(result.info.conversions)
            images.missing += result.info.missing > 0
        if progress is not None:
            progress(done, total)
    images.index, images.hashes = images.index[:count], images.hashes[:count]
    if extremes:
        images.extremes, images.typical = np.stack(extremes), np.stack(typical)
    if brightest == 1:
        images.notes.append(DARK)
    if images.missing:
        images.notes.append(
            f"{images.missing} image{'s hold' if images.missing > 1 else ' holds'} NaN or nodata pixels; "
            "they are read as the mean of their image"
        )
    images.notes += conversion_notes(conversions.items())


def _brightness(pixels: np.ndarray) -> int:
    """Return the largest value of 8-bit pixels; for other dtypes a value that is not dark."""
    return int(pixels.max()) if pixels.dtype == np.uint8 else 2


def _all_dark(stack: np.ndarray) -> bool:
    """Return whether 8-bit images hold only 0 and 1, and both; the search ends at the first that does not."""
    brightest = 0
    for pixels in stack:
        brightest = max(brightest, _brightness(pixels))
        if brightest > 1:
            return False
    return brightest == 1


def _leave_strays_out(images: ImageSet) -> None:
    """Skip the few images whose values would determine the scale of all others."""
    far = strays(images.extremes)
    if not len(far):
        return
    for position in far.tolist():
        reason = stray_reason(images.extremes[position])
        images.skipped.append(Skipped(images.name(position), reason))
    good = np.setdiff1d(np.arange(len(images)), far)
    images.store.keep(good)
    images.index[: len(good)] = images.index[good]  # in place: streaming reads by this index
    images.index, images.hashes = images.index[: len(good)], images.hashes[good]
    images.extremes, images.typical = images.extremes[good], images.typical[good]


def _planned_shapes(plan: Plan, found: Survey) -> np.ndarray:
    """Return (n, 3), the (H, W, C) that each image will have, known from the headers."""
    shapes = found.shapes.astype(np.int64)
    shapes[:, 2] = plan.channels
    if plan.framing.size is not None:
        shapes[:, :2] = plan.framing.size
    return shapes


def _as_it_is(source: ImageSource, plan: Plan) -> Pixels | None:
    """Return (n, H, W, C) of all images, if the plan does not change them."""
    stack = source.stack()
    if stack is None or plan.framing.size is not None:
        return None
    same = (stack.shape[3], dtype_name(stack.dtype)) == (plan.channels, plan.depth)
    return stack if same else None


def _read_all(
    source: ImageSource, plan: Plan, found: Survey, shapes: np.ndarray
) -> Generator[tuple[int, Finished | ImageError]]:
    """Yield (position in the source, the prepared image or the error), in order."""
    prepared = found.prepared
    for i in [i for i, (planned, _) in prepared.items() if planned != plan]:
        del prepared[i]
    left = [i for i in found.index.tolist() if i not in prepared]

    def use(i: int, answered: Answer) -> Finished | ImageError:
        if isinstance(answered, ImageError):
            return answered
        assert answered[1] is not None
        try:
            return finished(plan, answered[1])
        except ImageError as error:
            return error

    quick = not plan.takes_time(source)
    with contextlib.closing(
        fetched(source, left, use, for_size=plan.for_size, quick=quick)
    ) as read:
        for position, i in enumerate(found.index.tolist()):
            result = prepared.pop(i)[1] if i in prepared else next(read)
            yield i, _as_promised(result, shapes[position])


def _as_promised(result: Finished | ImageError, shape: np.ndarray) -> Finished | ImageError:
    if isinstance(result, ImageError) or result.pixels.shape == tuple(shape):
        return result
    return ImageError(
        result.info.name, f"its header promises {shape}, it holds {result.pixels.shape}"
    )


def _read(source: ImageSource, plan: Plan, index: int) -> Pixels:
    return plan.apply(plan.read(source, index))


__all__ = ["ImageSet", "Key", "prepare"]
