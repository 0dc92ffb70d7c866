"""Rank a set of images without a model: each by a detector that was fitted on others of the set."""

from typing import Any

from convae.cli.fit_options import command_line
from convae.cli.io.output_files import SKIPPED, write_skipped
from convae.cli.runs.detect import Detecting, start, tell
from convae.cli.runs.detect_files import REGIONS, SCORES, FoundFiles, Row
from convae.cli.runs.fit import checked_estimator
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.estimators.anomaly.cross_fit import cross_fitted
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.images.dataset.survey import refuse_skipped
from convae.images.sources.base import ImageSource
from convae.model_reports.detections import report_of_detections
from convae.report.page.contents import DataFacts
from convae.report.page.folder import write_folder

CAVEAT = (
    "Nothing is promised, as nobody has said which of them are normal: a score is how many usual spreads an "
    "image lies above the others."
)


def rank_itself(
    source: ImageSource, parameters: dict[str, Any], how: Detecting, voice: Voice
) -> None:
    """Run ``convae detect --self``.

    Args:
        parameters: the parameters of the detectors.
    """
    model = checked_estimator(AnomalyDetector, parameters)
    leaving = start(source, how, voice)
    files = FoundFiles(source, how.out)
    last: AnomalyDetector | None = None
    levels = []
    with training(voice) as observers:
        for fold in cross_fitted(model, source, observers=observers):
            last = fold.model
            levels.append(fold.model.level_)
            some = source.select(fold.positions)
            for found in fold.model.iter_detect(some, on_bad=leaving):
                score = (found.score - fold.usual) / fold.spread
                row = Row(found.image.info.name, score, None, None, len(found.regions))
                files.add(fold.model, found, row, shown=found.anomalous)
    if not files.rows or last is None:
        refuse_skipped(source, leaving.skipped, strict=False, left=0)
        return
    files.close({"region_levels": levels}, by_score=True)
    summary = [
        f"{len(files.rows):,} images, each scored by a detector of the others. {CAVEAT}",
    ]
    page = write_folder(
        how.out,
        report_of_detections(
            last,
            files.shown(),
            summary=summary,
            title=how.out.resolve().name,
            subtitle=f"{source.description}, ranked by itself",
            command=command_line(),
            data=DataFacts(skipped=[(s.name, s.reason) for s in leaving.skipped]),
        ),
    )
    listed = write_skipped(how.out / SKIPPED, leaving.skipped)
    voice.say(summary[0])
    tell(files.rows, voice)
    voice.say(f"all of them in {how.out / SCORES}, pictures in {page}")
    voice.result(
        {
            "out": how.out,
            "images": len(files.rows),
            "scores": how.out / SCORES,
            "regions": how.out / REGIONS,
            "report": page,
            "skipped": [[s.name, s.reason] for s in leaving.skipped],
            "skipped_file": listed,
        }
    )
