"""What each unit of a code stands for: the images to which it responds most, and what it adds to them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.config.bottlenecks import on_above
from convae.errors import ImageError, InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.streaming import iter_codes, paired
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource
from convae.metrics.sparsity import RunningSelectivity, RunningSparsity, Selectivity, Sparsity
from convae.report.page.unit_page import UnitCard
from convae.report.pictures.pictures import shown_range, to_display

STRONGEST = 8  # number of images for each unit
REACH = 2  # positions of a spatial code on each side of a unit that its mark and pattern include
AT_ONCE = 64  # codes processed together


class Strongest:
    """The images to which each unit responds most, the strongest first, over batches of codes.

    Attributes:
        images: (m, k) positions in the source.
        strengths: (m, k) of the unit in each, its largest over the positions of a spatial code.
        places: (m, k) of that largest value, as a flat position; zeros for a dense code.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.images, self.places = (np.zeros((0, 0), np.int64) for _ in range(2))
        self.strengths = np.zeros((0, 0), np.float32)

    def add(self, images: np.ndarray, strengths: np.ndarray, places: np.ndarray) -> None:
        """Add images (b,) with the strength of each unit (b, k), and its place (b, k)."""
        k = strengths.shape[1]
        kept = (part.reshape(-1, k) for part in (self.images, self.strengths, self.places))
        new = (np.broadcast_to(images[:, None], strengths.shape), strengths, places)
        both = [np.concatenate(pair) for pair in zip(kept, new, strict=True)]
        first = np.argsort(-both[1], axis=0, kind="stable")[: self.most]
        self.images, self.strengths, self.places = (
            np.take_along_axis(values, first, axis=0) for values in both
        )


class Answers(NamedTuple):
    """How selective units are for one class.

    Attributes:
        selectivity: by the classes.
        chance: by the same classes in random order, as a reference: high for a unit that is rarely active.
    """

    selectivity: Selectivity
    chance: Selectivity


class RunningAnswers:
    """The sums for :class:`Answers`, over batches of the images of a source."""

    def __init__(self, source: ImageSource) -> None:
        self.labels = source.labels
        self._by = RunningSelectivity(), RunningSelectivity()
        if self.labels is not None:
            self._dealt = np.random.default_rng(0).permutation(self.labels)

    def add(self, images: np.ndarray, strengths: np.ndarray) -> None:
        """Add images (b,), by their positions in the source, with the strength of each unit (b, k).

        Values below 0 count as 0, as in a sparse code: a unit is active or not, and a unit with values of
            both
        signs would seem to respond to everything.
        """
        if self.labels is not None:
            for running, labels in zip(self._by, (self.labels, self._dealt), strict=True):
                running.add(strengths.clip(0), labels[images])

    def result(self) -> Answers | None:
        """Return the selectivity over all images so far; None without at least two classes."""
        several = min(running.classes for running in self._by) > 1
        return Answers(*(running.result() for running in self._by)) if several else None


@dataclass(frozen=True, kw_only=True)
class Units:
    """The units of a code on the images of a source.

    Attributes:
        count: images.
        strongest: those to which each unit responds most.
        sparsity: of the codes.
        answers: of the units; None without classes.
    """

    count: int
    strongest: Strongest
    sparsity: Sparsity
    answers: Answers | None = None

    @property
    def order(self) -> np.ndarray:
        """Return the units (n,) that are ever active, the most selective first.

        Without classes, the most frequent are first. Units active for a few images only come last: they are
        selective by coincidence.
        """
        rate = self.sparsity.rate
        key = rate if self.answers is None else self.answers.selectivity.values
        rare = rate * self.count < STRONGEST
        order = np.lexsort((-key, rare))
        return order[rate[order] > 0]


def units_of(
    model: ConvAutoencoder,
    source: ImageSource,
    on_bad: Callable[[ImageError], None],
    progress: Callable[[int], None],
) -> Units:
    """Encode all images, a batch at a time; ``progress`` is called with the number of images done.

    Raises:
        InputError: for images of several sizes, or if none can be used.
    """
    done, sparsity = 0, RunningSparsity(on_above(model.architecture_.bottleneck))
    strongest, answers = Strongest(STRONGEST), RunningAnswers(source)
    for index, codes in _batches_of_codes(model, source, on_bad):
        flat = codes.reshape(*codes.shape[:2], -1)
        strengths = flat.max(axis=2)
        sparsity.add(codes)
        strongest.add(index, strengths, flat.argmax(axis=2))
        answers.add(index, strengths)
        done += len(index)
        progress(done)
    if not done:
        raise InputError(f"{source.description}: none of the images can be used")
    return Units(
        count=done,
        strongest=strongest,
        sparsity=sparsity.result(),
        answers=answers.result(),
    )


def _batches_of_codes(
    model: ConvAutoencoder, source: ImageSource, on_bad: Callable[[ImageError], None]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (b,) positions in the source and their codes (b, k) or (b, k, h, w)."""
    index, codes = list[int](), list[np.ndarray]()
    shape: tuple[int, ...] | None = None
    for place, code in iter_codes(model, source, on_bad):
        if shape not in (None, code.shape):
            raise InputError(
                f"{source.names[place]}: its size is not that of the other images; use images of one "
                "size at a time"
            )
        shape = code.shape
        index.append(place)
        codes.append(code)
        if len(codes) == AT_ONCE:
            yield np.array(index), np.stack(codes)
            index, codes = [], []
    if codes:
        yield np.array(index), np.stack(codes)


def selectivity_of_components(
    model: ConvAutoencoder, source: ImageSource, units: Units
) -> Answers | None:
    """Return that of as many principal components of images, or of blocks for a spatial code.

    None without classes.
    """
    if units.answers is None:
        return None

    baseline = model.baseline_
    found = len(model.pca_.components)  # fewer than requested, for small images

    def strongest(_: Tensor, codes: Tensor) -> np.ndarray:
        each = codes[:, :found].float().reshape(len(codes), found, -1)
        answers: np.ndarray = each.amax(dim=2).cpu().numpy()
        return answers

    def run(images: Iterable[Pixels]) -> Iterator[np.ndarray | None]:
        return model.inference_.each(images, baseline.encode, strongest)

    answers = RunningAnswers(source)
    for (place, _, _), code in paired(model, source, run, lambda error: None):
        answers.add(np.array([place]), code[None])
    return answers.result()


def cards(
    model: ConvAutoencoder, source: ImageSource, units: Units, numbers: np.ndarray
) -> Iterator[UnitCard]:
    """Yield the card of each of these units; images are read for some of them at a time."""
    if not len(numbers):
        return
    every = np.unique(units.strongest.images[:, numbers])
    some = every[:: -(-len(every) // AT_ONCE)]
    span = shown_range(_images_and_codes(model, source, some)[0])
    for first in range(0, len(numbers), AT_ONCE // STRONGEST):
        part = numbers[first : first + AT_ONCE // STRONGEST]
        needed = np.unique(units.strongest.images[:, part])
        images, codes = _images_and_codes(model, source, needed)
        for number in part.tolist():
            shown = _on(model, units.strongest, number)
            rows = np.searchsorted(needed, shown.images)
            pictures = to_display(images[rows], value_range=span)
            yield _card(model, source, units, shown, codes[rows], pictures)


class Shown(NamedTuple):
    """The images that activate a unit most: positions in the source, and flat positions in the code."""

    number: int
    images: np.ndarray
    places: np.ndarray


def _on(model: ConvAutoencoder, strongest: Strongest, number: int) -> Shown:
    on = strongest.strengths[:, number] > on_above(model.architecture_.bottleneck)
    return Shown(number, strongest.images[on, number], strongest.places[on, number])


def _card(
    model: ConvAutoencoder,
    source: ImageSource,
    units: Units,
    shown: Shown,
    codes: torch.Tensor,
    pictures: np.ndarray,
) -> UnitCard:
    number, of = shown.number, None if units.answers is None else units.answers.selectivity
    added = _added(model, codes, number)
    places = shown.places.tolist()
    boxes = [_box(model, place, one) for place, one in zip(places, added, strict=True)]
    return UnitCard(
        number=number,
        rate=float(units.sparsity.rate[number]),
        selectivity=None if of is None else float(of.values[number]),
        of_class="" if of is None else _class_name(source, int(of.classes[number])),
        pattern=_signed(_pattern(model, added, boxes)),
        pictures=pictures,
        boxes=boxes,
        names=[source.names[place] for place in shown.images.tolist()],
    )


def _usable(model: ConvAutoencoder, source: ImageSource, positions: np.ndarray) -> Iterator[Pixels]:
    """Yield the images at these positions, as the network takes them."""
    for item in model.prepared(source.select(positions)):
        if isinstance(item, ImageError):
            raise item
        yield item[2]


def _class_name(source: ImageSource, label: int) -> str:
    names = source.label_names
    return names[label] if label < len(names) else str(label)


def _images_and_codes(
    model: ConvAutoencoder, source: ImageSource, positions: np.ndarray
) -> tuple[np.ndarray, torch.Tensor]:
    """Return images (m, C, H, W) in about [0, 1] and their codes."""
    pixels = _usable(model, source, positions)
    images, codes = [], []
    for batch, code in model.inference_.batches(pixels, model.network_.encode):
        images.append(batch.cpu())
        codes.append(code)
    return torch.cat(images).numpy(), torch.cat(codes)


@torch.inference_mode()
def _added(model: ConvAutoencoder, codes: torch.Tensor, number: int) -> np.ndarray:
    """Return (m, C, H, W) what one unit adds to each image: the image with the unit, minus that without."""
    without = codes.clone()
    without[:, number] = 0
    difference: np.ndarray = (
        (model.network_.decode(codes) - model.network_.decode(without)).float().cpu().numpy()
    )
    return difference


def _box(model: ConvAutoencoder, place: int, added: np.ndarray) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of what the unit stands for in an image, in pixels.

    In a spatial code that is around the position of the unit, in a dense one where it changes the image by
    at least half of its largest change.
    """
    height, width = added.shape[1:]
    a = model.architecture_
    if a.code == "spatial":
        across = -(-width // a.factor[1])
        (fy, fx), (y, x) = a.factor, divmod(place, across)
        return (
            max(0, (y - REACH) * fy),
            max(0, (x - REACH) * fx),
            min(height, (y + REACH + 1) * fy),
            min(width, (x + REACH + 1) * fx),
        )
    size = np.abs(added).max(axis=0)
    rows, columns = np.nonzero(size >= 0.5 * max(float(size.max()), 1e-12))
    if not len(rows):
        return 0, 0, height, width
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def _pattern(
    model: ConvAutoencoder, added: np.ndarray, boxes: list[tuple[int, int, int, int]]
) -> np.ndarray:
    """Return (C, h, w) the mean of what a unit adds; for a spatial code around its position."""
    a = model.architecture_
    if a.code == "dense":
        mean: np.ndarray = added.mean(axis=0)
        return mean
    high, wide = ((2 * REACH + 1) * f for f in a.factor)
    cut = list[np.ndarray]()
    for one, (top, left, bottom, right) in zip(added, boxes, strict=True):
        part = one[:, top:bottom, left:right]
        if part.shape[1:] == (high, wide):
            cut.append(part)
    if not cut:  # all at the border
        top, left, bottom, right = boxes[0]
        cut = [added[0][:, top:bottom, left:right]]
    around: np.ndarray = np.stack(cut).mean(axis=0)
    return around


def _signed(pattern: np.ndarray) -> np.ndarray:
    """Return uint8 (h, w, 3): grey is no change, bright is added, dark is subtracted."""
    most = max(float(np.abs(pattern).max()), 1e-12)
    shown: np.ndarray = to_display((0.5 + pattern / (2 * most))[None])[0]
    return shown
