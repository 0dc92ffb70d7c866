"""Solid patches: connected regions of one colour with a sharp outline, such as stains and scratches.

Photographs hardly contain any. Light, grain and compression change a surface from pixel to pixel; where they
do not (a burnt-out sky, a black corner), the outline is a slope. So finding them needs no training, only a
check of undamaged images, because drawings and text consist of such regions.

A region is a *constrained connected component*: neighbours that differ by at most ``step`` are connected, and
a component whose values differ by more than ``spread`` is excluded. Source: Soille 2008,
doi:10.1109/TPAMI.2007.70817.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Labels = NDArray[np.int64]
Bool = NDArray[np.bool_]


class Flatness(NamedTuple):
    """What counts as one colour, and which regions count as patches. Values are fractions of the full range.

    Attributes:
        step: largest difference between connected neighbours.
        spread: largest difference between any two pixels of a region.
        area: smallest region, in pixels.
        slope: steepness per pixel that outlines of regions in undamaged images often have.
        prominence: the lowest prominence of a patch, see :func:`flat_regions`.
    """

    step: float
    spread: float
    area: int
    slope: float
    prominence: float


# Chosen on the 400 training photographs (180x180) of the denoising papers: none of them contains a patch.
KINDS = (
    Flatness(step=1e-6, spread=1e-6, area=16, slope=3 / 255, prominence=24 / 255),
    Flatness(step=2.1 / 255, spread=8.1 / 255, area=25, slope=10 / 255, prominence=270 / 255),
)
# A quarter of the outline may be hardly visible, where a patch touches something of its own colour.
QUARTILE = 0.25
LARGEST = 0.5  # fraction of an image; a larger region is not a patch
RIM = 2  # pixels: largest width of a blurred outline
# The fraction of the patch's colour in a mixed pixel, and the fraction of mixed pixels in a blurred outline.
MIXED, MOSTLY = 0.25, 0.6
REACH = RIM + 2  # pixels around a region in which its outline is searched
THICK = 3  # pixels: thinner lines of one colour are common in photographs
# A frame is at most this fraction of a side deep, and at least this many times as long.
FRAME, LONG = 0.02, 5
FILLED = 0.05  # of a region's area: smaller holes are specks in it


def patch_prominences(image: Float, missing: Bool) -> tuple[float, ...]:
    """Return the prominence of the most prominent region of each of ``KINDS``; 0 where there is none.

    Args:
        image: (H, W, C) floats, 1 being the full range.
        missing: (H, W) pixels without a value.
    """
    found = [flat_regions(image, missing, kind)[1] for kind in KINDS]
    return tuple(float(prominences.max(initial=0)) for prominences in found)


def solid_patches(image: Float, missing: Bool, thresholds: tuple[float, ...]) -> Bool:
    """Return a mask (H, W) of the solid patches of an image, each including its outline.

    Args:
        image: (H, W, C) floats, 1 being the full range.
        missing: (H, W) pixels without a value: they belong to no patch.
        thresholds: the lowest prominence of a patch for each of ``KINDS``.

    >>> y, x = np.mgrid[:24, :24]
    >>> image = (0.5 + 0.3 * np.sin(x / 4) * np.cos(y / 5))[..., None].astype(np.float32)
    >>> image[5:15, 8:13] = 1
    >>> found = solid_patches(image, np.zeros((24, 24), bool), (0.1, 1))
    >>> int(found.sum()), bool(found[5:15, 8:13].all())
    (50, True)
    """
    found = np.zeros(missing.shape, np.bool_)
    for kind, threshold in zip(KINDS, thresholds, strict=True):
        labels, prominences = flat_regions(image, missing, kind)
        for place, region in _regions(labels, np.flatnonzero(prominences >= threshold) + 1):
            found[place] |= _outlined(image[place], region)
    return found & ~missing


def flat_regions(image: Float, missing: Bool, kind: Flatness) -> tuple[Labels, Float]:
    """Return the flat regions of an image and how much each stands out.

    ``prominence = (J - slope) · sqrt(area) · min(1, thickness / THICK)``, where J is the lower quartile of
    the steps across the outline (three quarters of the steps are at least as large), and the thickness is
    twice the area divided by the length of the outline. The step between two pixels is that of the channel
    that differs most. Thin strips along the edge of the image are its frame and have a prominence of 0.

    Args:
        image: (H, W, C) floats, 1 being the full range.
        missing: (H, W) pixels without a value.
        kind: what counts as flat.

    Returns:
        (H, W) labels, 0 outside of all regions and from 1 up inside, and (regions,) prominences, 0 or more.
    """
    steps = list(_steps(image, missing))
    labels, areas = _components(missing, steps, kind)
    labels, areas = _constrained(image, labels, areas, kind.spread)
    sharpness, outline = _sharpness(labels, len(areas), steps)
    thickness = np.minimum(1, 2 * areas / np.maximum(outline, 1) / THICK)
    prominences = np.maximum(0, sharpness - kind.slope) * np.sqrt(areas) * thickness
    return labels, np.asarray(np.where(_frames(labels, areas), 0, prominences), np.float32)


class _Steps(NamedTuple):
    """Pairs of neighbours in one direction: first and second pixels, and their difference (inf: missing)."""

    first: tuple[slice, slice]
    second: tuple[slice, slice]
    size: Float


def _steps(image: Float, missing: Bool) -> Iterator[_Steps]:
    full, head, tail = slice(None), slice(None, -1), slice(1, None)
    for first, second in (((full, head), (full, tail)), ((head, full), (tail, full))):
        size = np.abs(image[first] - image[second]).max(axis=2)
        size[missing[first] | missing[second]] = np.inf
        yield _Steps(first, second, size)


def _components(
    missing: Bool, steps: list[_Steps], kind: Flatness
) -> tuple[Labels, NDArray[np.int64]]:
    """Return labels and areas of the connected components that are large enough."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = missing.size
    index = np.arange(count, dtype=np.int32).reshape(missing.shape)
    near = [step.size <= kind.step for step in steps]
    first = np.concatenate([index[s.first][n] for s, n in zip(steps, near, strict=True)])
    second = np.concatenate([index[s.second][n] for s, n in zip(steps, near, strict=True)])
    links = coo_matrix((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    _, component = connected_components(links, directed=False)
    areas = np.bincount(component)
    kept = (areas >= kind.area) & (areas <= LARGEST * count)
    number = np.where(kept, np.cumsum(kept), 0)
    return number[component].reshape(missing.shape), areas[kept]


def _constrained(
    image: Float, labels: Labels, areas: NDArray[np.int64], spread: float
) -> tuple[Labels, NDArray[np.int64]]:
    """Remove the regions whose values differ by more than ``spread``."""
    from scipy.ndimage import maximum, minimum

    if not len(areas):
        return labels, areas
    index = np.arange(1, len(areas) + 1)
    kept = np.ones(len(areas), np.bool_)
    for channel in np.moveaxis(image, 2, 0):
        kept &= (
            np.subtract(maximum(channel, labels, index), minimum(channel, labels, index)) <= spread
        )
    number = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    return number[labels], areas[kept]


def _sharpness(labels: Labels, count: int, steps: list[_Steps]) -> tuple[Float, NDArray[np.int64]]:
    """Return (count,) lower quartiles of the steps across each region's outline, and (count,) step counts."""
    owners, sizes = [], []
    for step in steps:
        first, second = labels[step.first], labels[step.second]
        across = (first != second) & np.isfinite(step.size)
        for side in (first, second):
            inside = across & (side > 0)
            owners.append(side[inside])
            sizes.append(step.size[inside])
    owner, size = np.concatenate(owners), np.concatenate(sizes)
    order = np.lexsort((size, owner))
    owner, size = owner[order], size[order]
    index = np.arange(1, count + 1)
    begin, end = np.searchsorted(owner, index), np.searchsorted(owner, index, side="right")
    sharpness = np.zeros(count, np.float32)
    some = end > begin
    sharpness[some] = size[(begin + QUARTILE * (end - begin - 1)).astype(np.int64)[some]]
    return sharpness, end - begin


def _frames(labels: Labels, areas: NDArray[np.int64]) -> Bool:
    """Return (regions,) whether each is a thin strip along edges of the image, as scans and cameras leave."""
    from scipy.ndimage import maximum, minimum

    if not len(areas):
        return np.zeros(0, np.bool_)
    from_edge = [np.minimum(np.arange(side), np.arange(side)[::-1]) for side in labels.shape]
    depth = 1 + np.minimum(from_edge[0][:, None], from_edge[1][None, :])
    index = np.arange(1, len(areas) + 1)
    deepest = np.asarray(maximum(depth, labels, index))
    at_edge = np.asarray(minimum(depth, labels, index)) == 1
    thin = (deepest <= max(2, FRAME * min(labels.shape))) & (areas >= LONG * deepest**2)
    return np.asarray(at_edge & thin, np.bool_)


def _regions(
    labels: Labels, wanted: NDArray[np.int64]
) -> Iterator[tuple[tuple[slice, slice], Bool]]:
    """Yield the part of the image around each wanted region, and (h, w) where the region is in it."""
    from scipy.ndimage import find_objects

    boxes = find_objects(labels)
    for number in wanted:
        rows, columns = boxes[number - 1]
        place = tuple(
            slice(max(0, s.start - REACH - 1), s.stop + REACH + 1) for s in (rows, columns)
        )
        yield (place[0], place[1]), labels[place] == number


def _outlined(image: Float, region: Bool) -> Bool:
    """Add to a region the specks inside it, and the pixels of a blurred outline.

    A pixel next to the region is a mixture if its colour is well on the way from that of the pixel beyond it
    to the region's colour. Single pixels are mixtures by coincidence; an outline is blurred if most of them
    are.
    """
    from scipy.ndimage import binary_dilation

    region = _without_specks(region)
    colour = np.median(image[region], axis=0)
    for _ in range(RIM):
        rim = binary_dilation(region) & ~region
        mixed = _mixed(image, rim, ~(region | rim), colour)
        if not rim.any() or mixed[rim].mean() < MOSTLY:
            break
        region = region | (rim & mixed)
    return region


def _mixed(image: Float, rim: Bool, beyond: Bool, colour: Float) -> Bool:
    """Mark (H, W) pixels with a fraction ``MIXED`` of a colour or more, the rest from the nearest beyond."""
    from scipy.ndimage import distance_transform_edt

    if not beyond.any():
        return np.zeros_like(rim)
    rows, columns = distance_transform_edt(~beyond, return_distances=False, return_indices=True)
    around = image[rows, columns]
    part = ((image - around) * (colour - around)).sum(axis=2)
    mixed: Bool = rim & (part > MIXED * np.square(colour - around).sum(axis=2))
    return mixed


def _without_specks(region: Bool) -> Bool:
    """Fill the holes of a region that have at most ``FILLED`` of its area each."""
    from scipy.ndimage import label

    holes, count = label(~region)
    areas = np.bincount(holes.ravel(), minlength=count + 1)
    edges = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    specks = areas <= FILLED * region.sum()
    specks[edges] = specks[0] = False
    filled: Bool = region | specks[holes]
    return filled
