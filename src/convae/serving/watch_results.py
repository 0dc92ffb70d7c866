"""The result files of one image of a watched folder, by the job of the model."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from convae.errors import ImageError
from convae.images.files.writing import SUFFIXES, target_of, write_image
from convae.images.sources.naming import below, with_added_suffix
from convae.report.pictures.pictures import save_picture
from convae.serving.outcome import Outcome

HEATMAPS, OVERLAYS, DETECTIONS = "heatmaps", "overlays", "detections"
Write = Callable[[], object]


def files_of(
    outcome: Outcome, name: str, out: Path, *, format: str | None = None
) -> dict[str, Write]:
    """Return the files of a result, relative to ``out``, each with the function that writes it.

    A resulting image has the name of its original; where the kind of file changes, its suffix is added
    (``a.gif`` becomes ``a.gif.png``), so that no two images share a file.

    Args:
        outcome: the result.
        name: of the image, relative to the watched folder; of a page of a file: ``stack.tif[3]``.
        out: the folder of the results.
        format: another kind of file for resulting images; None keeps that of each image.
    """
    if outcome.pixels is not None:
        pixels, like = outcome.pixels, outcome.like
        path = _image_path(outcome, name, out, format)
        return {
            _relative(path, out): lambda: write_image(
                path, pixels, like=like, format=format, holes=outcome.holes
            )
        }
    assert outcome.heatmap is not None
    heatmap = outcome.heatmap.astype(np.float32)
    places = {
        HEATMAPS: (".tif", lambda path: write_image(path, heatmap)),
        OVERLAYS: (".png", lambda path: _picture(path, outcome.overlay)),
        DETECTIONS: (".png", lambda path: _picture(path, outcome.row)),
    }
    wanted = {
        HEATMAPS: True,
        OVERLAYS: outcome.overlay is not None,
        DETECTIONS: outcome.row is not None,
    }
    found: dict[str, Write] = {}
    for folder, (suffix, write) in places.items():
        if wanted[folder]:
            path = out / folder / _with_suffix(below(name), suffix)
            found[_relative(path, out)] = _bound(write, path)
    return found


def _with_suffix(name: str, suffix: str) -> str:
    """Return a name with this suffix, which is added where the name has another."""
    return name if name.lower().endswith(suffix) else with_added_suffix(name, suffix)


def stack_path(name: str, out: Path) -> Path:
    """Return the path of the multi-page TIFF with the results of all pages of a file."""
    known = name.lower().endswith(SUFFIXES["TIFF"])
    return out / (below(name) if known else with_added_suffix(below(name), SUFFIXES["TIFF"][0]))


def _bound(write: Callable[[Path], object], path: Path) -> Write:
    return lambda: write(path)


def _image_path(outcome: Outcome, name: str, out: Path, format: str | None) -> Path:
    assert outcome.pixels is not None
    own = out / below(name)
    target = target_of(own, outcome.pixels, like=outcome.like, format=format)
    return target if target == own else out / with_added_suffix(below(name), target.suffix)


def _relative(path: Path, out: Path) -> str:
    return PurePosixPath(os.path.relpath(path, out)).as_posix()


def _picture(path: Path, picture: np.ndarray | None) -> None:
    assert picture is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(path, picture)


def write_files(
    files: dict[str, Write], name: str, out: Path, may_replace: Callable[[str], bool]
) -> list[str]:
    """Write the files of a result, and return their names.

    Args:
        files: of :func:`files_of`.
        name: of the image, for the error.
        out: the folder of the results.
        may_replace: whether a file that exists is an earlier result of the same image.

    Raises:
        ImageError: a file is there that is not such a result; nothing is written then.
    """
    for relative in files:
        refuse_foreign(relative, name, out, may_replace)
    for write in files.values():
        write()
    return list(files)


def refuse_foreign(relative: str, name: str, out: Path, may_replace: Callable[[str], bool]) -> None:
    """Refuse to write over a file that is no earlier result of an image.

    Raises:
        ImageError: it is none.
    """
    if os.path.lexists(out / relative) and not may_replace(relative):
        raise ImageError(
            name,
            f"{relative} is there already in the folder of the results, and is not its result",
        )
