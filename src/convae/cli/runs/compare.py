"""Compare models: print figures, differences and verdicts, write the page and the table."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.fit_options import command_line
from convae.cli.io.data import Data, open_for
from convae.cli.io.models import SUFFIX
from convae.cli.io.output_files import HISTORY, named_after, output_file
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.registry import load
from convae.evaluation.comparison.compare import compare, refuse_different_jobs
from convae.evaluation.results.comparison import ModelComparison
from convae.filesystem.run_files import reading
from convae.filesystem.tables import read_table, write_table
from convae.images.sources.folder_listing import natural_key
from convae.model_reports.comparison import report_of
from convae.report.page.heading import Occasion
from convae.report.page.html import write_report
from convae.report.plain_text import aligned
from convae.report.text import ascii_text

MOST_MODELS = 100


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """What is compared, and how.

    Attributes:
        runs: model files and folders.
        data, target: images, as text; None for none.
        noise, holes: what is done to the images; None takes it from the first model.
        every: whether to measure on images that a model was trained on, too.
        most: the largest number of images to measure.
        out, csv: the page and the table to write; None for none.
        device: where to compute.
        seed: of the choice of images.
        where: the options for reading images.
    """

    runs: tuple[Path, ...]
    data: str | None
    target: str | None
    noise: str | None
    holes: str | None
    every: bool
    most: int
    out: Path | None
    csv: Path | None
    device: str
    seed: int
    where: dict[str, Any]


def run_compare(how: Comparing, voice: Voice) -> None:
    """Run ``convae compare``."""
    page = None if how.out is None else output_file(how.out, ".html")
    table = None if how.csv is None else output_file(how.csv, ".csv", what="--csv")
    paths = model_paths(how.runs)
    models = {name: load(path, device=how.device) for name, path in paths.items()}
    refuse_different_jobs(models)
    found = _compared(how, paths, models, voice)
    where = f"on {found.images:,} images" if found.measured else ""
    for one in found.tables(where):
        for line in (one.heading, *aligned([one.columns, *one.rows])):
            voice.answer(line)
        voice.answer("")
    for sentence in (*found.verdicts(), *found.caveats()):
        voice.answer(ascii_text(sentence))
    if table is not None:
        write_figures(table, found)
        voice.say(f"table: {table}")
    if page is not None:
        occasion = Occasion(
            title="Models compared",
            subtitle=f"{len(models)} models, {found.data}",
            measured_on=where,
            command=command_line(),
        )
        write_report(page, report_of(found, occasion))
        voice.say(f"report: {page}")
    files = {name: str(path) for name, path in paths.items()}
    voice.result({**found.values(), "files": files, "report": page, "table": table})


def _compared(
    how: Comparing, paths: dict[str, Path], models: dict[str, ImageEstimator], voice: Voice
) -> ModelComparison:
    first = next(iter(models.values()))
    known = {name: found for name, path in paths.items() if (found := seconds_of(path)) is not None}
    source = None
    if how.data is not None:
        source = open_for(first, Data(given=(how.data,), **how.where))
        for note in source.notes:
            voice.note(note)
    target = None if how.target is None else Data(given=(how.target,), **how.where).open()
    with counting(voice, "measuring"):
        return compare(
            models,
            source,
            target=target,
            noise=how.noise,
            holes=how.holes,
            include_seen=how.every,
            most=how.most,
            seconds=known,
            seed=how.seed,
        )


def model_paths(runs: Sequence[Path]) -> dict[str, Path]:
    """Return the model files of files and folders, by names that are short and differ.

    Raises:
        InputError: a folder holds no model, a file does not exist, or there are fewer than two models.
    """
    found: list[Path] = []
    for run in runs:
        if run.is_dir():
            inside = sorted(
                (path for path in run.rglob(f"*{SUFFIX}") if path.is_file()),
                key=lambda path: natural_key(str(path)),
            )
            if not inside:
                raise InputError(f"{run}: no model (*{SUFFIX}) is in this folder")
            found += inside
        else:
            found.append(run)
    once = {os.path.realpath(path): path for path in reversed(found)}
    unique = list(reversed(once.values()))
    if len(unique) < 2:
        raise InputError(f"a comparison needs two models at least; got {unique[0]} alone")
    if len(unique) > MOST_MODELS:
        raise InputError(f"at most {MOST_MODELS} models can be compared; got {len(unique)}")
    reading(*unique)
    return dict(zip(_short_names(unique), unique, strict=True))


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each path, with as many of its folders as are needed to tell them apart."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = [str(Path(*path.with_suffix("").parts[-depth:])) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def seconds_of(path: Path) -> float | None:
    """Return how long a model was trained, of MODEL.history.csv; None if it is not there or unreadable."""
    history = named_after(path, HISTORY)
    try:
        with read_table(history, ("seconds",)) as rows:
            column = rows.column("seconds")
            assert column is not None
            found = sum(float(row[column]) for row in rows)
    except (InputError, OSError, ValueError, IndexError):
        return None
    return found if math.isfinite(found) else None


def write_figures(path: Path, found: ModelComparison) -> None:
    """Write one row for each model: its figure, its cost, and the settings that differ."""
    differing = found.differing()
    head = (
        "model",
        found.figure.title,
        "low",
        "high",
        "parameters",
        "code_size",
        "training_images",
    )
    with write_table(path, (*head, "epochs", "seconds", *differing)) as rows:
        for i, model in enumerate(found.models):
            low, high = model.interval or (None, None)
            cells = [model.name, model.mean, low, high, model.parameters, model.code_size]
            cells += [model.training_images, model.epochs, model.seconds]
            rows.row([*cells, *(_cell(values[i]) for values in differing.values())])


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value
