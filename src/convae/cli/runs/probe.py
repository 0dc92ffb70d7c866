"""Probe codes from the command line: print table and verdict, write the files."""

from dataclasses import dataclass
from pathlib import Path

from convae.cli.fit_options import command_line
from convae.cli.io.image_tables import read_groups
from convae.cli.io.labels import read_labels
from convae.cli.io.output_files import SKIPPED, write_skipped
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.estimators.base import ImageEstimator
from convae.evaluation.probe.probe import Probe, Target, probe
from convae.evaluation.probe.verdict import cautions, difference, rival_of, verdict
from convae.filesystem.tables import write_table
from convae.images.sources.base import ImageSource
from convae.model_reports.probe import report_of_probe
from convae.report.page.html import write_report
from convae.report.plain_text import aligned
from convae.report.text import ascii_text

TABLE = "probe.csv"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How to probe.

    Attributes:
        labels: ``folder``, or the path of a CSV file.
        groups: a CSV file that names the group of each image; None for none.
        most: the largest number of images to use.
        seed: the seed of all random choices.
    """

    labels: str
    groups: Path | None
    most: int
    seed: int


def probe_model(
    model: ImageEstimator,
    source: ImageSource,
    wanted: Wanted,
    voice: Voice,
    *,
    out: Path | None,
    title: str,
) -> None:
    """Run ``convae probe``."""
    for note in source.notes:
        voice.note(note)
    labelled, target = read_labels(wanted.labels, source, voice)
    groups = None if wanted.groups is None else read_groups(wanted.groups, labelled)
    with counting(voice, "encoding") as progress:
        found = probe(
            model,
            labelled,
            target,
            groups=groups,
            most=wanted.most,
            seed=wanted.seed,
            progress=progress,
        )
    for line in lines_of(found):
        voice.answer(line)
    page = None
    if out is not None:
        write_scores(out / TABLE, found)
        write_skipped(out / SKIPPED, found.skipped)
        page = _page(model, found, labelled, target, out, title)
        voice.say(f"table: {out / TABLE}; report: {page}")
    files = {"table": None if out is None else out / TABLE, "report": page}
    voice.result({"data": source.description, **found.to_dict(), **_judged(found), **files})


def lines_of(found: Probe) -> list[str]:
    """Return the lines of the table, the verdict and its caveats."""
    names = list(found.descriptions)
    rows = [("on held-out images", *names)]
    for measure in found.measures:
        cells = [measure.scores[name].text if name in measure.scores else "-" for name in names]
        rows.append((ascii_text(measure.name), *cells))
    return [
        *aligned(rows),
        "",
        *(f"{name}: {what}" for name, what in found.descriptions.items()),
        f"Fitted on {found.fitted_on:,} images, measured on {found.tested_on:,} others.",
        "",
        ascii_text(verdict(found)),
        *cautions(found),
    ]


def _judged(found: Probe) -> dict[str, object]:
    """Return the verdict and the differences behind it, for programs."""
    judged = [measure for measure in found.measures if measure.judged]
    return {
        "verdict": verdict(found),
        "differences": {
            measure.name: dict(
                zip(
                    ("against", "value", "low", "high"),
                    (rival_of(measure), *difference(measure)),
                    strict=True,
                )
            )
            for measure in judged
        },
    }


def write_scores(path: Path, found: Probe) -> None:
    """Write one line for each metric and representation."""
    with write_table(path, ("measure", "representation", "value", "low", "high")) as rows:
        for measure in found.measures:
            for name, score in measure.scores.items():
                rows.row((measure.name, name, score.value, *score.interval))


def _page(
    model: ImageEstimator,
    found: Probe,
    source: ImageSource,
    target: Target,
    out: Path,
    title: str,
) -> Path:
    report = report_of_probe(
        model,
        found,
        source,
        target,
        title=f"{title}, probed",
        command=command_line(),
        summary=[verdict(found), *cautions(found)],
    )
    return write_report(out / "report.html", report)
