"""The page of a probe: its table with intervals, and a map of the codes it was measured on."""

from collections.abc import Sequence

import numpy as np

from convae.estimators.base import ImageEstimator
from convae.evaluation.probe.probe import Probe, Target
from convae.evaluation.probe.representations import MODEL
from convae.images.sources.base import ImageSource
from convae.model_reports.code_map import PICTURED, principal_plane, shares
from convae.model_reports.example_images import thumbnails
from convae.report.page.contents import CodeMap, DataFacts, Metric, Report

MOST_SIDE = 1500  # largest side of the matrix for the map's eigenvalues


def report_of_probe(
    model: ImageEstimator,
    found: Probe,
    source: ImageSource,
    target: Target,
    *,
    title: str,
    command: str,
    summary: Sequence[str],
) -> Report:
    """Build the page of a probe.

    Args:
        model: the fitted model.
        found: the result of the probe.
        source, target: those of the probe.
        title, command, summary: text of the page.
    """
    return Report(
        title=title,
        subtitle=f"On {source.description}",
        summary=summary,
        metrics=metric_rows(found),
        metrics_note=f"{found.tested_on:,} images that nothing was fitted on; read-outs were fitted on "
        f"{found.fitted_on:,} others. "
        + "; ".join(f"{name}: {what}" for name, what in found.descriptions.items()),
        codes=_map(model, found, source, target),
        data=DataFacts(skipped=[(s.name, s.reason) for s in found.skipped]),
        versions=model._stored.facts.get("versions", {}),
        command=command,
    )


def metric_rows(found: Probe) -> list[Metric]:
    """Return the table: the model next to the others, with intervals."""
    rows = []
    for measure in found.measures:
        values = {name: score.value for name, score in measure.scores.items()}
        intervals = {name: score.interval for name, score in measure.scores.items()}
        others = {name: values.get(name) for name in found.descriptions if name != MODEL}
        rows.append(
            Metric(
                name=measure.name,
                model=values[MODEL],
                baselines=others,
                better="higher",
                intervals=intervals,
            )
        )
    return rows


def _map(
    model: ImageEstimator, found: Probe, source: ImageSource, target: Target
) -> CodeMap | None:
    """Return the map of the codes that were measured; None if they are all the same."""
    some = slice(0, MOST_SIDE)
    codes = found.codes[some].astype(np.float64)
    points, variances = principal_plane(codes)
    if not variances[:2].sum() > 0:
        return None
    places = found.test[some]
    return CodeMap(
        points=points,
        shares=shares(variances),
        labels=target.values[places] if target.classes else None,
        label_names=target.names,
        thumbnails=thumbnails(model, source, places[:PICTURED]),
        variances=variances,
    )
