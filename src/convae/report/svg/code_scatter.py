"""A map of the codes: every image a dot, coloured by its class, or a small picture."""

from collections.abc import Sequence

import numpy as np

from convae.errors import InputError
from convae.report.colours import class_colour
from convae.report.pictures.pictures import data_uri, fit_size
from convae.report.svg.axes import Axis
from convae.report.svg.charts import Chart, Key, coordinate
from convae.report.text import percent, shorten

MOST_POINTS = 4000
_CLASSES_SHOWN = 20
_ROUND, _SQUARE = "round", "square"
_FRAME = 440.0, 344.0  # the part of its size without the axes of the map


def code_map_svg(
    points: np.ndarray,
    *,
    labels: np.ndarray | Sequence[object] | None = None,
    label_names: Sequence[str] = (),
    shares: tuple[float, float] | None = None,
    thumbnails: np.ndarray | None = None,
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw the codes in two dimensions, both on one scale.

    Args:
        points: ``(n, 2)``, such as the first two principal components of the codes; of more than
            4,000 an even selection is drawn. Rows that are not finite are left out.
        labels: one class for each image: numbers or words.
        label_names: the name of class number k, for labels that are numbers.
        shares: the fractions of the codes' variance along the two directions.
        thumbnails: uint8 ``(m, H, W, 3)`` pictures of the first m points; as many as fit
            next to each other are drawn instead of dots, framed in the colour of their class.
        heading: written above the map.
        standalone: the SVG is a separate file; False for use inside a page that has the style.

    Raises:
        InputError: the shapes do not match.
    """
    places = _checked(points, labels)
    kept = chosen(places)
    names, classes = classes_of(labels, label_names, len(places))
    words = directions_of(shares)
    x, y = _square_axes(places[kept], words)
    chart = Chart(
        x,
        y,
        labels=(words[0], words[1]),
        size=(460, 424) if heading else (442, 400),
        heading=heading,
    )
    chart.add(_frame(chart))
    pictured = thumbnails is not None and len(thumbnails) > 0
    for part in np.array_split(kept, 8):  # in turns, so that no class covers all others
        for index in range(len(names)):
            _dots(chart, places[part[classes[part] == index]], index, len(kept), faint=pictured)
    if thumbnails is not None and pictured:
        _pictures(chart, places, classes, thumbnails)
    if len(names) > 1 or labels is not None:
        for index, name in enumerate(names):
            mark = "dot" if index % _CLASSES_SHOWN < 10 else "square"
            colour = class_colour(index)
            chart.key(Key(text=shorten(name, 24), css="cv-fill", mark=mark, colour=colour))
    title = "Map of the codes" + (" with pictures" if pictured else "")
    return chart.render(title, selection_note(places), standalone=standalone)


def directions_of(shares: tuple[float, float] | None) -> tuple[str, str]:
    """Name the two directions of a map, with their fractions of the variance if these are known."""
    first, second = (
        f"{word} direction" + (f", {percent(shares[k], 2)} of the variance" if shares else "")
        for k, word in enumerate(("first", "second"))
    )
    return first, second


def selection_note(points: np.ndarray) -> str:
    """State how many of the points (n, 2) a map shows."""
    shown = len(chosen(np.asarray(points, dtype=np.float64)))
    if shown == len(points):
        return f"{shown:,} image{'' if shown == 1 else 's'}."
    return f"{shown:,} of {len(points):,} images, evenly chosen."


def chosen(points: np.ndarray) -> np.ndarray:
    """Return the indices of the points (n, 2) that a map shows."""
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) <= MOST_POINTS:
        return finite
    return finite[np.linspace(0, len(finite) - 1, MOST_POINTS).round().astype(np.intp)]


def _checked(points: np.ndarray, labels: object) -> np.ndarray:
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise InputError(f"points must have the shape (n, 2), got {places.shape}")
    if labels is not None and len(np.asarray(labels)) != len(places):
        raise InputError(
            f"labels must be one for each of {len(places)} points, got {len(np.asarray(labels))}"
        )
    return places


def classes_of(
    labels: np.ndarray | Sequence[object] | None, label_names: Sequence[str], count: int
) -> tuple[list[str], np.ndarray]:
    """Return the names of the classes, and the class of each image, (n,); rare ones share the last."""
    if labels is None:
        return ["images"], np.zeros(count, dtype=np.intp)
    known, classes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    names = [_class_name(label, label_names) for label in known]
    if len(names) <= _CLASSES_SHOWN:
        return names, classes
    # Too many classes to distinguish: the frequent ones keep a colour, the rest share one.
    frequent = np.sort(np.argsort(-counts, kind="stable")[: _CLASSES_SHOWN - 1])
    place = np.full(len(names), _CLASSES_SHOWN - 1, dtype=np.intp)
    place[frequent] = np.arange(len(frequent))
    return [*(names[k] for k in frequent), f"{len(names) - len(frequent)} others"], place[classes]


def _class_name(label: object, label_names: Sequence[str]) -> str:
    if isinstance(label, int | np.integer) and 0 <= int(label) < len(label_names):
        return str(label_names[int(label)])
    return str(label)


def _square_axes(points: np.ndarray, words: Sequence[str]) -> tuple[Axis, Axis]:
    """Return axes with the same scale across and up, because only distances have a meaning here."""
    width, height = _FRAME
    low = points.min(axis=0) if len(points) else np.zeros(2)
    high = points.max(axis=0) if len(points) else np.ones(2)
    low, high = np.clip(low, -1e300, 1e300), np.clip(high, -1e300, 1e300)
    middle = low / 2 + high / 2
    per_pixel = max(float((high[0] - low[0]) / width), float((high[1] - low[1]) / height)) * 1.06
    per_pixel = max(per_pixel, float(np.abs(middle).max()) * 1e-12) or 1.0 / height
    halves = per_pixel * width / 2, per_pixel * height / 2
    x, y = (
        Axis(low=float(m - half), high=float(m + half), ticks=(), labels=())
        for m, half in zip(middle, halves, strict=True)
    )
    return x, y


def _frame(chart: Chart) -> str:
    width, height = coordinate(chart.right - chart.left), coordinate(chart.bottom - chart.top)
    corner = f'x="{coordinate(chart.left)}" y="{coordinate(chart.top)}"'
    return f'<rect class="cv-grid" fill="none" {corner} width="{width}" height="{height}" />'


def _dots(chart: Chart, points: np.ndarray, index: int, total: int, *, faint: bool) -> None:
    # Each dot is a line of length zero with a round or a square end: a few bytes for each point.
    xs, ys = chart.places(points[:, 0], points[:, 1])
    path = "".join(
        f"M{coordinate(float(x))} {coordinate(float(y))}h0" for x, y in zip(xs, ys, strict=True)
    )
    if not path:
        return
    end = _ROUND if index % _CLASSES_SHOWN < 10 else _SQUARE
    size = 7.0 if total < 300 else 5.0 if total < 1500 else 3.8
    style = f"stroke:{class_colour(index)};stroke-width:{size};stroke-linecap:{end}"
    style += ";stroke-opacity:.3" if faint else ""
    chart.add(f'<path class="cv-dots" style="{style}" d="{path}" />')


def _pictures(
    chart: Chart, points: np.ndarray, classes: np.ndarray, thumbnails: np.ndarray
) -> None:
    height, width = thumbnails.shape[1:3]
    scale = 26 / max(height, width, 1)
    half_width, half_height = max(width * scale / 2, 2), max(height * scale / 2, 2)
    small = fit_size(thumbnails, enlarge_to=1, limit=52)
    taken: list[tuple[float, float]] = []
    xs, ys = chart.places(points[:, 0], points[:, 1])
    for index in range(min(len(small), len(points))):
        x, y = float(xs[index]), float(ys[index])
        x = min(max(x, chart.left + half_width), chart.right - half_width)
        y = min(max(y, chart.top + half_height), chart.bottom - half_height)
        near = (
            abs(x - a) < 2 * half_width + 3 and abs(y - b) < 2 * half_height + 3 for a, b in taken
        )
        if not np.isfinite([x, y]).all() or any(near):
            continue
        taken.append((x, y))
        box = (
            f'x="{coordinate(x - half_width)}" y="{coordinate(y - half_height)}" '
            f'width="{coordinate(2 * half_width)}" height="{coordinate(2 * half_height)}"'
        )
        colour = class_colour(int(classes[index]))
        chart.add(
            f'<image {box} href="{data_uri(small[index])}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" /><rect {box} '
            f'style="fill:none;stroke:{colour};stroke-width:1.5" />'
        )
