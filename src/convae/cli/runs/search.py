"""Search codes, exhaustively or with an index; print the results, list them and draw a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.cli.io.code_index import MANY, find_index, make_index, search_index
from convae.cli.io.code_reading import count_codes, read_codes, refuse_other_model
from convae.cli.io.code_writing import CHUNK, Coded, batched
from convae.cli.runs.search_picture import look_for, picture_of
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.embedding.nearest_neighbours import Nearest, between
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_codes, made_by
from convae.filesystem.tables import write_table
from convae.images.sources.base import ImageSource
from convae.report.plain_text import aligned, printable

COLUMNS = ("query", "rank", "distance", "name", "label", "sha256", "position")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How to search.

    Attributes:
        codes: the file of codes.
        count: the number of images to find for each query.
        metric: ``euclidean`` or ``cosine``.
        exact: whether to compare with every code even if there are many.
    """

    codes: Path
    count: int
    metric: str
    exact: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    """An image whose neighbours are searched.

    Attributes:
        name: the name of the image.
        checksum: the SHA-256 of its file or bytes.
        code: (D,) its flattened code.
    """

    name: str
    checksum: str
    code: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Found:
    """A neighbour; ``position`` is the position of its row in the file of codes."""

    position: int
    distance: float
    row: Coded


def search(
    model: ImageEstimator,
    source: ImageSource,
    wanted: Wanted,
    voice: Voice,
    *,
    out: Path | None = None,
    images: ImageSource | None = None,
) -> None:
    """Run ``convae search``."""
    for note in source.notes:
        voice.note(note)
    layer, size = _first_row(wanted.codes, model)
    queries = [
        Query(name=source.names[i], checksum=source.checksum(i), code=code.reshape(-1))
        for i, code in iter_codes(model, source, layer=layer)
    ]
    for query in queries:
        if len(query.code) != size:
            raise InputError(
                f"{wanted.codes}: its codes are {size} numbers long, and that of {query.name} by this model "
                f"is {len(query.code)}: use the model that made them, or encode the images again"
            )
    positions, exact, count = _nearest(wanted, queries, made_by(model, layer), voice)
    found = _described(wanted, queries, positions)
    picture = None
    if out is not None:
        _write(out, queries, found)
        rows = [[(one.row, one.distance) for one in of_query] for of_query in found]
        there = images if images is not None else look_for(rows, source, wanted.codes)
        if there is not None:
            picture = picture_of(model, source, rows, there, out.with_suffix(".png"))
        if picture is None:
            voice.note(
                "no picture: the images of the neighbours are not found; name them with --images, as they "
                "were given to 'convae encode'"
            )
    _summarize(queries, found, voice)
    if out is not None:
        voice.say(f"listed in {out}" + (f", pictured in {picture}" if picture else ""))
    _report(
        wanted,
        queries,
        found,
        voice,
        {"codes": count, "exact": exact, "out": out, "picture": picture},
    )


def _first_row(path: Path, model: ImageEstimator) -> tuple[str | None, int]:
    """Return the layer that the codes are of (None for the code itself), and their length.

    Raises:
        InputError: the file holds no codes, or those of another model.
    """
    with read_codes(path) as rows:
        row = next(rows, None)
    if row is None:
        raise InputError(f"{path}: there are no codes in it")
    layer = row.model.partition(":")[2] or None
    refuse_other_model(path, row, made_by(model, layer))
    return layer, row.code.size


def _nearest(
    wanted: Wanted, queries: Sequence[Query], made: str, voice: Voice
) -> tuple[np.ndarray, bool, int]:
    """Return the positions (m, k) of the nearest codes, whether every code was compared, and their number."""
    codes = np.stack([query.code for query in queries])
    expected = count_codes(wanted.codes)
    if expected > MANY and not wanted.exact:
        index = find_index(wanted.codes, wanted.metric, expected) or make_index(
            wanted.codes, wanted.metric, voice
        )
        if index is not None:
            voice.note(
                f"{expected:,} codes: searched by the index in {index}, which may miss a few neighbours; "
                "--exact compares with every code"
            )
            return search_index(index, codes, wanted.count, wanted.metric), False, expected
    nearest = Nearest(codes, wanted.count, metric=wanted.metric)
    with read_codes(wanted.codes) as rows, counting(voice, "searching") as progress:
        for chunk in batched(rows, CHUNK):
            for row in chunk:
                refuse_other_model(wanted.codes, row, made)
            nearest.add(_stacked(wanted.codes, chunk, codes.shape[1]))
            progress(nearest.seen, max(expected, nearest.seen))
    if wanted.count > nearest.seen:
        voice.note(f"there are only {nearest.seen} codes; all are listed")
    return nearest.indices, True, nearest.seen


def _stacked(path: Path, chunk: Sequence[Coded], size: int) -> np.ndarray:
    codes = np.stack([row.code.reshape(-1) for row in chunk])
    if codes.shape[1] != size:
        raise InputError(f"{path}: holds codes of {size} and of {codes.shape[1]} numbers")
    if not np.isfinite(codes).all():
        raise InputError(f"{path}: holds NaN or infinite numbers")
    return codes


def _described(
    wanted: Wanted, queries: Sequence[Query], positions: np.ndarray
) -> list[list[Found]]:
    """Return the rows at these positions with their exact distances, the nearest first."""
    places = set(positions[positions >= 0].tolist())
    with read_codes(wanted.codes, only=places) as rows:
        known = dict(zip(sorted(places), rows, strict=True))
    described = []
    for query, of_query in zip(queries, positions, strict=True):
        found = [int(p) for p in of_query if p >= 0]
        codes = np.stack([known[p].code.reshape(-1) for p in found])
        distances = between(query.code[None], codes[None], wanted.metric)[0].tolist()
        ordered = sorted(zip(distances, found, strict=True))
        described.append([Found(position=p, distance=d, row=known[p]) for d, p in ordered])
    return described


def _cells(rank: int, one: Found) -> tuple[object, ...]:
    return (rank, one.distance, one.row.name, one.row.label, one.row.checksum, one.position)


def _write(out: Path, queries: Sequence[Query], found: Sequence[Sequence[Found]]) -> None:
    with write_table(out, COLUMNS) as lines:
        for query, of_query in zip(queries, found, strict=True):
            for rank, one in enumerate(of_query, 1):
                lines.row((query.name, *_cells(rank, one)))


def _summarize(queries: Sequence[Query], found: Sequence[Sequence[Found]], voice: Voice) -> None:
    for query, of_query in zip(queries, found, strict=True):
        voice.answer(printable(query.name))
        rows = [("  rank", "distance", "name")]
        for rank, one in enumerate(of_query, 1):
            same = " (the same image)" if one.row.checksum == query.checksum else ""
            name = printable(one.row.name) or f"code {one.position}"
            rows.append((f"  {rank}", f"{one.distance:.4g}", name + same))
        for line in aligned(rows, right=False):
            voice.answer(line)


def _report(
    wanted: Wanted,
    queries: Sequence[Query],
    found: Sequence[Sequence[Found]],
    voice: Voice,
    facts: dict[str, object],
) -> None:
    voice.result(
        {
            **facts,
            "metric": wanted.metric,
            "queries": [
                {
                    "name": query.name,
                    "neighbours": [
                        dict(zip(COLUMNS[1:], _cells(rank, one), strict=True))
                        for rank, one in enumerate(of_query, 1)
                    ],
                }
                for query, of_query in zip(queries, found, strict=True)
            ],
        }
    )
