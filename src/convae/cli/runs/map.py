"""Draw a map: encode images, reduce the codes to two dimensions, write a picture or a page."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.cli.io.output_files import SKIPPED, named_after
from convae.cli.runs.skipping import Skipping
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_codes
from convae.images.sources.base import ImageSource
from convae.loading import load
from convae.model_reports.code_map import principal_plane, shares
from convae.model_reports.example_images import thumbnails
from convae.report.page.dot_map import Dots, write_dot_map
from convae.report.pictures.image_map import LARGEST, Layout
from convae.report.pictures.pictures import save_picture, shown_range, to_display

MOST_NUMBERS = 4096  # values of a code; larger spatial codes are averaged over their positions
MOST_TSNE, MOST_DOTS = 5000, 4000
FEWEST = 3
SMALLEST, SHEET = (
    24,
    4_000_000,
)  # smallest side of a page's pictures, and pixels of all pictures together


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How to draw a map.

    Attributes:
        method: ``pca`` or ``tsne``, for codes of more than two dimensions.
        most: the largest number of images on the map.
        seed: the seed of the choice among more images, and of t-SNE.
    """

    method: str
    most: int
    seed: int


def draw_map(
    model: ImageEstimator, source: ImageSource, out: Path, wanted: Wanted, voice: Voice
) -> None:
    """Run ``convae map``."""
    for note in source.notes:
        voice.note(note)
    page, tsne = out.suffix.lower() == ".html", wanted.method == "tsne"
    most = min(wanted.most, MOST_DOTS if page else wanted.most, MOST_TSNE if tsne else wanted.most)
    chosen = _chosen(len(source), most, wanted.seed)
    skipping = Skipping(source)
    index, codes = _codes(model, source.select(chosen), skipping, voice)
    if len(index) < FEWEST:
        reasons = "; ".join(f"{s.name}: {s.reason}" for s in skipping.skipped[:3])
        raise InputError(
            f"{source.description}: has {len(index)} image{'s' * (len(index) != 1)} for a map, which takes "
            f"{FEWEST} at least" + (f" ({reasons})" if reasons else "")
        )
    points, words = in_two_dimensions(codes, wanted)
    positions = chosen[index]
    draw = _draw_page if page else _draw_picture
    shown = draw(model, source, positions, points, out, words)
    end = skipping.write(named_after(out, SKIPPED))
    of = "" if len(source) == len(index) else f" of {len(source):,}"
    voice.say(f"{len(index):,}{of} images by {words}, {shown:,} of them as pictures, in {out}{end}")
    voice.result(
        {
            "out": out,
            "images": len(index),
            "pictured": shown,
            "by": words,
            **skipping.values(),
        }
    )


def _chosen(count: int, most: int, seed: int) -> np.ndarray:
    """Return all positions, or a random choice of ``most`` of them, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _codes(
    model: ImageEstimator, source: ImageSource, skipping: Skipping, voice: Voice
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (n,) and codes (n, k) of the images that can be used."""
    index, codes = list[int](), list[np.ndarray]()
    with counting(voice, "encoding") as progress:
        for place, code in iter_codes(model, source, skipping):
            index.append(place)
            codes.append(code.mean(axis=(1, 2)) if code.size > MOST_NUMBERS else code.reshape(-1))
            if len(codes[-1]) != len(codes[0]):
                raise InputError(
                    f"{source.names[place]}: its code is of another size than the others', because its size "
                    "is another: map images of one size at a time"
                )
            progress(place + 1, len(source))
    return np.array(index, dtype=np.int64), np.stack(codes) if codes else np.zeros((0, 0))


def in_two_dimensions(codes: np.ndarray, wanted: Wanted) -> tuple[np.ndarray, str]:
    """Reduce codes to two dimensions.

    Args:
        codes: (n, k).

    Returns:
        The positions (n, 2), and a description of the method for people.
    """
    if codes.shape[1] == 2:
        return codes.astype(np.float64), "their codes"
    if wanted.method == "tsne":
        perplexity = min(30.0, (len(codes) - 1) / 3)
        embedding = load("sklearn.manifold").TSNE(
            perplexity=perplexity, init="pca", random_state=wanted.seed
        )
        return embedding.fit_transform(codes.astype(np.float64)), "t-SNE of their codes"
    points, variances = principal_plane(codes.astype(np.float64))
    share = sum(shares(variances))
    return points, f"two principal components of their codes ({share:.0%} of the variance)"


def _draw_picture(
    model: ImageEstimator,
    source: ImageSource,
    positions: np.ndarray,
    points: np.ndarray,
    out: Path,
    words: str,
) -> int:
    """Write the picture; return the number of images that it shows."""
    layout = Layout(points)
    shown = positions[layout.shown]
    pictures, classes = _small(model, source, shown, min(layout.cell, LARGEST))
    picture = layout.picture(
        pictures,
        classes=classes,
        names=source.label_names,
        words=f"{len(shown):,} of {len(positions):,} images, placed by {words}",
    )
    save_picture(out, picture)
    return len(shown)


def _draw_page(
    model: ImageEstimator,
    source: ImageSource,
    positions: np.ndarray,
    points: np.ndarray,
    out: Path,
    words: str,
) -> int:
    """Write the page; return the number of images that it shows."""
    side = int(np.clip(math.sqrt(SHEET / len(positions)), SMALLEST, LARGEST))
    pictures, classes = _small(model, source, positions, side)
    write_dot_map(
        out,
        Dots(
            points=points,
            pictures=pictures,
            names=[source.names[int(i)] for i in positions],
            classes=classes,
            class_names=source.label_names,
            words=f"{len(positions):,} images of {source.description}, placed by {words}",
        ),
    )
    return len(positions)


def _small(
    model: ImageEstimator, source: ImageSource, positions: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return small pictures (n, h, w, 3) of the images at some positions, and their classes (n,)."""
    small = thumbnails(model, source, positions, side=side)
    labels = source.labels
    classes = None if labels is None else labels[positions]
    return to_display(small, value_range=shown_range(small)), classes
