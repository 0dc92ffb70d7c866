"""What each number of a code stands for: the images that it answers to, and what it adds to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from convae.errors import ImageError, InputError
from convae.estimators.autoencoder import ConvAutoencoder
from convae.estimators.streaming import iter_codes
from convae.images.image import Pixels
from convae.images.image_source import ImageSource
from convae.report.pictures import shown_range, to_display
from convae.report.unit_page import UnitCard
from convae.sparsity import Sparsity, selectivity, sparsity

STRONGEST = 8  # images of a unit
REACH = 2  # positions of a spatial code around its own that a unit's mark and pattern take in
RATE_ON = 0.5  # of a bottleneck kl


@dataclass(frozen=True, kw_only=True)
class Units:
    """The numbers of a code on the images of a source.

    Attributes:
        index: (n,) positions in the source.
        strengths: (n, k) the largest of each number over its positions.
        places: (n, k) where that is, as a flat position; zeros for a dense code.
        sparsity: of the codes.
        selectivity: (k,) or None without classes.
        of_class: (k,) the class that each number answers to most, or None.
    """

    index: np.ndarray
    strengths: np.ndarray
    places: np.ndarray
    sparsity: Sparsity
    selectivity: np.ndarray | None = None
    of_class: np.ndarray | None = None

    @property
    def order(self) -> np.ndarray:
        """The numbers that are ever on, those that say most first: of one class, else the frequent ones."""
        rate = self.sparsity.rate
        key = rate if self.selectivity is None else self.selectivity
        order = np.argsort(-key, kind="stable")
        return order[rate[order] > 0]


def units_of(
    model: ConvAutoencoder,
    source: ImageSource,
    on_bad: Callable[[ImageError], None],
    told: Callable[[int], None],
) -> Units:
    """Read the codes of all images; ``told`` is called with the number of images done."""
    index = list[int]()
    strengths, places, codes = (list[np.ndarray]() for _ in range(3))
    for place, code in iter_codes(model, source, on_bad):
        flat = code.reshape(len(code), -1)
        if codes and codes[0].shape != code.shape:
            raise InputError(
                f"{source.names[place]}: its size is not that of the other images; look at images of one "
                "size at a time"
            )
        index.append(place)
        strengths.append(flat.max(axis=1))
        places.append(flat.argmax(axis=1))
        codes.append(code)
        told(len(index))
    if not index:
        raise InputError(f"{source.description}: none of the images can be used")
    on = RATE_ON if model.architecture_.bottleneck == "kl" else 0.0
    found = Units(
        index=np.array(index),
        strengths=np.stack(strengths),
        places=np.stack(places),
        sparsity=sparsity(np.stack(codes), on=on),
    )
    labels = classes_of(source, found.index)
    if labels is None:
        return found
    means = np.stack([found.strengths[labels == c].mean(axis=0) for c in np.unique(labels)])
    return Units(
        index=found.index,
        strengths=found.strengths,
        places=found.places,
        sparsity=found.sparsity,
        selectivity=selectivity(found.strengths, labels),
        of_class=np.unique(labels)[means.argmax(axis=0)],
    )


def classes_of(source: ImageSource, index: np.ndarray) -> np.ndarray | None:
    """(n,) class numbers of images at these positions; None without at least two classes."""
    if source.labels is None:
        return None
    labels = np.asarray(source.labels)[index]
    return labels if len(np.unique(labels)) > 1 else None


def selectivity_of_components(
    model: ConvAutoencoder, source: ImageSource, units: Units
) -> np.ndarray | None:
    """(k,) of as many principal components, for a dense code; None for a spatial one, or without classes."""
    labels = classes_of(source, units.index)
    if labels is None or model.architecture_.code != "dense":
        return None
    images = _usable(model, source, units.index)
    parts = [
        code.float().cpu() for _, code in model.inference_.batches(images, model.baseline_.encode)
    ]
    return selectivity(torch.cat(parts).flatten(1).numpy(), labels)


def cards(
    model: ConvAutoencoder, source: ImageSource, units: Units, numbers: np.ndarray
) -> list[UnitCard]:
    """What the page shows of these numbers of the code."""
    first = np.argsort(-units.strengths[:, numbers], axis=0, kind="stable")[:STRONGEST]
    needed = np.unique(first)
    at = {int(row): i for i, row in enumerate(needed)}
    images, codes = _images_and_codes(model, source, units.index[needed])
    span = shown_range(images)
    found = []
    for column, number in enumerate(numbers.tolist()):
        rows = [int(r) for r in first[:, column] if units.strengths[r, number] > 0]
        chosen = [at[r] for r in rows]
        added = _added(model, codes[chosen], number)
        boxes = [_box(model, int(units.places[r, number]), added[i]) for i, r in enumerate(rows)]
        found.append(
            UnitCard(
                number=number,
                rate=float(units.sparsity.rate[number]),
                selectivity=None if units.selectivity is None else float(units.selectivity[number]),
                of_class=""
                if units.of_class is None
                else _class_name(source, int(units.of_class[number])),
                pattern=_signed(_pattern(model, added, boxes)),
                pictures=to_display(images[chosen], value_range=span),
                boxes=boxes,
                names=[source.names[int(units.index[r])] for r in rows],
            )
        )
    return found


def _usable(model: ConvAutoencoder, source: ImageSource, positions: np.ndarray) -> Iterator[Pixels]:
    """The images at these positions, as the network wants them."""
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
    """(m, C, H, W) in about [0, 1] and their codes."""
    pixels = _usable(model, source, positions)
    images, codes = [], []
    for batch, code in model.inference_.batches(pixels, model.network_.encode):
        images.append(batch.cpu())
        codes.append(code)
    return torch.cat(images).numpy(), torch.cat(codes)


@torch.inference_mode()
def _added(model: ConvAutoencoder, codes: torch.Tensor, number: int) -> np.ndarray:
    """(m, C, H, W) what one number of the code adds to each image: with it, minus without it."""
    without = codes.clone()
    without[:, number] = 0
    difference: np.ndarray = (
        (model.network_.decode(codes) - model.network_.decode(without)).float().cpu().numpy()
    )
    return difference


def _box(model: ConvAutoencoder, place: int, added: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what the number stands for in an image, in pixels.

    In a spatial code that is around the position of the number, in a dense one where it changes the image by
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
    """(C, h, w) the mean of what it adds; of a spatial code around its position."""
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
    """uint8 (h, w, 3): grey is nothing, bright is added, dark is taken away."""
    most = max(float(np.abs(pattern).max()), 1e-12)
    shown: np.ndarray = to_display((0.5 + pattern / (2 * most))[None])[0]
    return shown
