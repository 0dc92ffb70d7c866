"""Detect anomalies and write files: scores, regions, heatmaps, pictures and a page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convae.cli.fit_options import command_line
from convae.cli.io.output_files import SKIPPED, result_folder
from convae.cli.runs.detect_files import REGIONS, SCORES, FoundFiles, Row
from convae.cli.runs.skipping import Skipping
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.evaluation.results.guarantee import calibration_values
from convae.images.result_files import refuse_own_folder
from convae.images.sources.base import ImageSource
from convae.metrics.drift import Drift, Look, find_drift
from convae.model_reports.detections import report_of_detections, summary_of
from convae.report.page.folder import write_folder
from convae.report.plain_text import aligned
from convae.report.text import ascii_text, number

MOST_NAMED = 10  # images that the summary names


@dataclass(frozen=True, kw_only=True)
class Detecting:
    """How a verb detects anomalies.

    Attributes:
        out: the folder of the results.
        strict: whether an image that cannot be used is an error.
    """

    out: Path
    strict: bool = False


@dataclass
class New:
    """Scores and appearance of images that the model was not trained on, to detect drift."""

    scores: list[float] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def add(self, found: Detection) -> None:
        """Add a detection, unless the model was trained on its image."""
        if not found.trained_on:
            self.scores.append(found.score)
            self.looks.append(found.look)

    def drift(self, model: AnomalyDetector) -> Drift:
        """Compare the images with the calibration images.

        Scores of a detector of folds are not compared: the lowest of several is below that of a single one.
        """
        return find_drift(
            model.calibration_,
            -model.offset_,
            model.looks_,
            scores=() if model.calibrated_by_folds_ else self.scores,
            looks=self.looks,
        )


def detect(model: AnomalyDetector, source: ImageSource, how: Detecting, voice: Voice) -> None:
    """Run ``convae detect``."""
    skipping = start(source, how, voice)
    files, new = FoundFiles(source, how.out), New()
    for found in counted(lambda: model.iter_detect(source, on_bad=skipping), source, voice):
        name, count = found.image.info.name, len(found.regions)
        row = Row(name, found.score, found.p_value, found.anomalous, count)
        files.add(model, found, row, shown=found.anomalous)
        new.add(found)
    if not files.rows:
        skipping.refuse_all()
    values = calibration_values(model)
    drift = new.drift(model)
    files.close({**values, "drift": drift.to_dict()})
    anomalous = [row for row in files.rows if row.anomalous]
    summary = summary_of(model, len(anomalous), len(files.rows))
    subtitle = f"Anomalies in {source.description}"
    page = write_page(model, files, skipping, how, summary, subtitle, drift)
    end = skipping.write(how.out / SKIPPED)
    for line in summary:
        voice.say(line)
    say_highest(anomalous, voice)
    voice.say(f"scores in {how.out / SCORES}, pictures in {page}{end}")
    if drift.moved:
        voice.note(drift.sentence)
    voice.result(
        {
            "out": how.out,
            "images": len(files.rows),
            "anomalous": len(anomalous),
            **values,
            "drift": drift.to_dict(),
            **file_values(how, page),
            **skipping.values(),
        }
    )


def write_page(
    model: AnomalyDetector,
    files: FoundFiles,
    skipping: Skipping,
    how: Detecting,
    summary: Sequence[str],
    subtitle: str,
    drift: Drift | None = None,
) -> Path:
    """Write the page of the detections; return its path."""
    report = report_of_detections(
        model,
        files.shown(),
        summary=summary,
        drift=drift,
        title=how.out.resolve().name,
        subtitle=subtitle,
        command=command_line(),
        data=skipping.facts(),
    )
    return write_folder(how.out, report)


def file_values(how: Detecting, page: Path) -> dict[str, Path]:
    """Return the files of the results, for programs."""
    return {"scores": how.out / SCORES, "regions": how.out / REGIONS, "report": page}


def start(source: ImageSource, how: Detecting, voice: Voice) -> Skipping:
    """Prepare the folder and print notes, before the first image."""
    skipping = Skipping(source, how.strict)
    refuse_own_folder(source, how.out, what="--out")
    result_folder(how.out)
    for note in source.notes:
        voice.note(note)
    return skipping


def counted(
    results: Callable[[], Iterator[Detection]], source: ImageSource, voice: Voice
) -> Iterator[Detection]:
    """Yield the detections and show the progress."""
    with counting(voice, "detecting") as progress:
        for found in results():
            yield found
            progress(found.index + 1, len(source))


def say_highest(rows: list[Row], voice: Voice) -> None:
    """Print the highest scores, one line each."""
    highest = sorted(rows, key=lambda row: -row.score)[:MOST_NAMED]
    if not highest:
        return
    cells = [("", "score", "p-value", "regions")]
    for row in highest:
        p = "" if row.p_value is None else f"{row.p_value:.3g}"
        cells.append((row.name, ascii_text(number(row.score)), p, str(row.regions)))
    for line in aligned(cells):
        voice.say(line)
    if len(rows) > len(highest):
        voice.say(f"and {len(rows) - len(highest):,} more")
