"""Rank a set of images without a model: each by a detector that was fitted on others of the set."""

from typing import Any

from convae.cli.io.output_files import SKIPPED
from convae.cli.runs.detect import Detecting, file_values, say_highest, start, write_page
from convae.cli.runs.detect_files import SCORES, FoundFiles, Row
from convae.cli.runs.fit import checked_estimator
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.estimators.anomaly.cross_fit import cross_fitted
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.images.sources.base import ImageSource

CAVEAT = (
    "Nothing is promised, as it is not known which of them are normal: a score is how many normal spreads an "
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
    skipping = start(source, how, voice)
    files = FoundFiles(source, how.out)
    last: AnomalyDetector | None = None
    levels = []
    with training(voice) as observers:
        for fold in cross_fitted(model, source, observers=observers):
            last = fold.model
            levels.append(fold.model.level_)
            some = source.select(fold.positions)
            for found in fold.model.iter_detect(some, on_bad=skipping):
                score = (found.score - fold.median) / fold.spread
                row = Row(found.image.info.name, score, None, None, len(found.regions))
                files.add(fold.model, found, row, shown=found.anomalous)
    if not files.rows or last is None:
        skipping.refuse_all()
        return
    files.close({"region_levels": levels}, by_score=True)
    summary = [
        f"{len(files.rows):,} images, each scored by a detector of the others. {CAVEAT}",
    ]
    subtitle = f"{source.description}, ranked by itself"
    page = write_page(last, files, skipping, how, summary, subtitle)
    skipping.write(how.out / SKIPPED)
    voice.say(summary[0])
    say_highest(files.rows, voice)
    voice.say(f"all of them in {how.out / SCORES}, pictures in {page}")
    voice.result(
        {
            "out": how.out,
            "images": len(files.rows),
            **file_values(how, page),
            **skipping.values(),
        }
    )
