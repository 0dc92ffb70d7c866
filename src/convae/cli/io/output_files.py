"""Output files of verbs: checked before the work begins, written to a temporary file and renamed."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convae.cli.io.made_folders import make_folder
from convae.cli.option_words import in_options
from convae.errors import InputError
from convae.filesystem.atomic import check_writable, probe_folder
from convae.filesystem.result_folders import ResultFolder, check_result_folder, marked
from convae.filesystem.run_files import current_run
from convae.filesystem.tables import write_table

if TYPE_CHECKING:
    from convae.images.sources.base import Skipped

HISTORY, SKIPPED = "history.csv", "skipped.csv"


def output_file(path: Path, *suffixes: str, what: str = "--out") -> Path:
    """Return ``path`` after checking that a file can be written there; create missing folders.

    Args:
        suffixes: the allowed endings; the first is added to a name without any. None given allows any.

    Raises:
        InputError: it cannot be written; raised before any work is done.
    """
    if os.path.isdir(path) or not path.name:
        raise InputError(f"{what} {path}: is a folder; give the name of a file")
    if suffixes and not path.suffix:
        path = path.with_name(path.name + suffixes[0])
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"{what} must end in {' or '.join(suffixes)}; got {path}")
    if os.path.isdir(path):
        raise InputError(f"{what} {path}: is a folder; give the name of a file")
    output_folder(path.parent, what=what)
    try:
        check_writable(path)
    except InputError as error:
        raise InputError(f"{what} {error}") from error
    if (run := current_run()) is not None:
        run.plans(path, what)
        if path.exists() and not run.may_replace(path):
            raise InputError(
                f"{what} {path}: is there already: give --overwrite to replace it, or choose another name"
            )
    return path


def planned(*paths: Path, what: str = "--out") -> None:
    """Refuse output files that are among the inputs, or that exist already."""
    if (run := current_run()) is not None:
        for path in paths:
            run.plans(path, what)
            if os.path.lexists(path) and not run.may_replace(path):
                raise InputError(
                    f"{path}: is there already, and would be replaced: give --overwrite to allow that, or "
                    f"another name with {what}"
                )


def output_folder(path: Path, *, what: str = "--out") -> Path:
    """Create the folder ``path``, check that a file can be written in it, and return it."""
    try:
        make_folder(path)
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be made: {error.strerror}") from error
    try:
        probe_folder(path)
    except OSError as error:
        raise InputError(
            f"{what} {path}: cannot be written to: {error.strerror}; choose another folder"
        ) from error
    return path


def result_folder(path: Path, *, what: str = "--out") -> Path:
    """Return ``path``, marked as a folder of results; the results of an earlier run are replaced as a whole.

    Raises:
        InputError: it cannot be written to, or holds a run that must not be replaced.
    """
    run = current_run()
    if run is not None:
        check_result_folder(path, run, what=what)
    output_folder(path, what=what)
    if run is not None:
        ResultFolder(path, run, what=what)
    return path


def check_report_folder(path: Path) -> None:
    """Refuse, before any work, what :func:`result_folder` would refuse, and folders without a marker."""
    run = current_run()
    if run is None or not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path}: is a file where the folder of the report must go")
    check_result_folder(path, run, what="the report's folder")
    if marked(path) is None and any(path.iterdir()):
        raise InputError(
            f"{path}: is there already, and no run of convae is on record in it: move it away, or give "
            "--no-report"
        )


def named_after(path: Path, name: str) -> Path:
    """Return the file next to ``path`` that carries its name, so that a folder may hold many of both.

    >>> str(named_after(Path("models/tiles.convae"), HISTORY))
    'models/tiles.history.csv'
    """
    return path.with_name(f"{path.stem}.{name}")


def write_history(path: Path, history: Sequence[dict[str, Any]]) -> Path:
    """Write one line for each epoch, from epoch 0 (before any step)."""
    names = list(history[0]) if history else ["epoch"]
    with write_table(path, names) as rows:
        for line in history:
            rows.row([line.get(name) for name in names])
    return path


def write_skipped(path: Path, skipped: Iterable["Skipped"]) -> Path | None:
    """Write the images left out and the reasons; without any, remove an older list and return None."""
    items = list(skipped)
    if not items:
        path.unlink(missing_ok=True)
        return None
    with write_table(path, ("name", "reason")) as rows:
        for item in items:
            rows.row((item.name, in_options(item.reason)))
    return path
