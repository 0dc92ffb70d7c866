"""A picture of search results: each query with its neighbours, if the images are found."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convae.cli.io.code_writing import Coded
from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.images.sources.base import ImageSource
from convae.images.sources.file_sources import FileSource
from convae.model_reports.example_images import thumbnails
from convae.report.pictures.comparison import grid
from convae.report.pictures.pictures import save_picture, shown_range, to_display

MOST_QUERIES, MOST_NEIGHBOURS, SIDE = 12, 12, 96
Row = tuple[Coded, float]


def picture_of(
    model: ImageEstimator,
    queries: ImageSource,
    found: Sequence[Sequence[Row]],
    images: ImageSource,
    out: Path,
) -> Path | None:
    """Write each query with its neighbours next to it as a PNG file.

    Args:
        images: a source that holds the neighbours, by name.

    Returns:
        its path, or None if the source holds none of the neighbours.
    """
    shown = [list(rows[:MOST_NEIGHBOURS]) for rows in found[:MOST_QUERIES]]
    small = thumbnails(model, queries, np.arange(len(shown)), side=SIDE)
    wanted = {row.name: row.checksum for rows in shown for row, _ in rows if row.name}
    known = _known(model, images, wanted, small.shape[1:])
    if not known:
        return None
    columns = max(map(len, shown)) + 1
    blank = np.full(small.shape[1:], np.nan, np.float32)
    cells, captions = [], []
    for query, rows in enumerate(shown):
        cells += [small[query], *(known.get(row.name, blank) for row, _ in rows)]
        captions += [f"{queries.names[query]}\nthe query"]
        captions += [f"{row.name}\n{distance:.4g}" for row, distance in rows]
        cells += [blank] * (columns - 1 - len(rows))
        captions += [""] * (columns - 1 - len(rows))
    pixels = np.stack(cells)
    pictures = to_display(pixels, value_range=shown_range(pixels))
    return save_picture(out, grid([pictures], captions=captions, columns=columns))


def _known(
    model: ImageEstimator, source: ImageSource, wanted: dict[str, str], shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Return thumbnails (C, h, w) of the wanted images that a source holds unchanged."""
    places = {name: i for i, name in enumerate(source.names) if name in wanted}
    known = {}
    for name, place in places.items():
        try:
            if wanted[name] in ("", source.checksum(place)):
                known[name] = thumbnails(model, source, np.array([place]), shape=shape)[0]
        except ImageError:
            continue
    return known


def look_for(
    found: Sequence[Sequence[Row]], queries: ImageSource, codes: Path
) -> ImageSource | None:
    """Return the files that the names of neighbours lead to, from the first folder that holds any of them.

    Args:
        codes: the file of codes; its folder is tried first.
    """
    names = [row.name for rows in found for row, _ in rows if row.name]
    files = list(dict.fromkeys(re.sub(r"\[\d+\]$", "", name) for name in names))
    for folder in _folders(queries, codes):
        there = [file for file in files if (folder / file).is_file()]
        if there:
            try:
                return FileSource(folder, there, description=f"folder {folder}/")
            except InputError:
                continue
    return None


def _folders(queries: ImageSource, codes: Path) -> list[Path]:
    folders = [codes.resolve().parent, Path.cwd()]
    if isinstance(queries, FileSource):
        root = queries.root.resolve()
        folders += [root, *list(root.parents)[:2]]
    return folders
