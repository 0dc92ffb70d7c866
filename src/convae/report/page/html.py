"""The report as one HTML file: styles, charts and pictures are inside, and nothing is loaded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from convae.filesystem.atomic import store
from convae.report.colours import colour_map
from convae.report.findings import large_and_listed
from convae.report.page.contents import CodeMap, Metric, Panel, Report
from convae.report.pictures.comparison import Comparison
from convae.report.pictures.differences import interval_of
from convae.report.pictures.pictures import (
    band_note,
    data_uri,
    error_scale,
    fit_size,
    shown_range,
    to_display,
)
from convae.report.svg.architecture import architecture_svg, shape_text
from convae.report.svg.charts import FONT, STYLE, THEME
from convae.report.svg.code_scatter import code_map_svg, selection_note
from convae.report.svg.curves import effective_dimensions, error_histogram_svg, loss_curve_svg
from convae.report.svg.curves import spectrum_svg as draw_spectrum
from convae.report.svg.roc_chart import roc_svg
from convae.report.svg.score_chart import score_histogram_svg
from convae.report.text import clean, duration, number, numbers, percent, shorten

MOST_CELLS = 24  # most images of one comparison
_MOST_ROWS = 200  # most epochs in the table
_MOST_SKIPPED = 500
_FEW = 3  # up to this many large images are shown larger
_LEAST_CELL = 88  # CSS pixels: the width for a name and an error


def write_report(path: str | Path, report: Report) -> Path:
    """Write ``report`` atomically to one self-contained HTML file; return the path."""
    return store(path, render_report(report).encode("utf-8"))


def render_report(report: Report) -> str:
    """Return the text of the HTML file; the same report gives the same text."""
    return (
        page_template("report.html.jinja").render(
            report=report,
            style=Markup(THEME + STYLE + _resource("report.css")),
            font=Markup(FONT),
            baselines=_baselines(report.metrics),
            metric_rows=_metric_rows(report.metrics),
            galleries=_galleries(report),
            panels=[_panel(panel) for panel in report.panels if len(panel)],
            scores=_scores(report),
            roc=_roc(report),
            drawings=[(one.heading, Markup(one.draw(False)), one.note) for one in report.drawings],
            findings=_findings(report),
            curve=_loss_curve(report),
            history=_history(report),
            histogram=_histogram(report),
            codes=_codes(report.codes),
            drawing=Markup(architecture_svg(report.layers, standalone=False))
            if report.layers
            else "",
            layers=_layers(report.layers),
            skipped_shown=_MOST_SKIPPED,
        )
        + "\n"
    )


def page_template(name: str) -> Template:
    """Return a template of this package; file names in it are escaped."""
    return _environment().from_string(_resource(name))


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # File names are untrusted text: autoescape keeps them text, clean() keeps them visible.
        finalize=_visible,
    )
    environment.filters["value"] = _value
    return environment


def _visible(value: object) -> object:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _resource(name: str) -> str:
    return (files("convae.report.page") / name).read_text(encoding="utf-8")


def _value(value: object) -> str:
    """Format a setting or fact."""
    if value is None:
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_value(inner) for inner in value) or "–"
    real = float(value) if isinstance(value, float | np.floating) else 0.0
    if 1e-4 <= abs(real) < 1e6:  # a setting is shown as it was given: 0.001, not 0.001000
        return f"{real:,.6g}".replace("-", "−")
    return number(value, 4)


# ---- results -----------------------------------------------------------------------------------


def _baselines(metrics: Sequence[Metric]) -> list[str]:
    return list(dict.fromkeys(name for metric in metrics for name in metric.baselines))


def _metric_rows(metrics: Sequence[Metric]) -> list[dict[str, object]]:
    names = _baselines(metrics)
    rows: list[dict[str, object]] = []
    for metric in metrics:
        values = [metric.model, *(metric.baselines.get(name) for name in names)]
        winner = _winner(values, metric.better)
        rows.append(
            {
                "name": metric.name,
                "better": metric.better,
                "cells": [
                    (text, k == winner, _interval(metric, name))
                    for k, (text, name) in enumerate(
                        zip(numbers(values), ["model", *names], strict=True)
                    )
                ],
                "difference": _difference(metric),
                "verdict": _verdict(values[0], values[1] if len(values) > 1 else None, metric),
            }
        )
    return rows


def _difference(metric: Metric) -> str:
    """Return ``model − PCA: −0.0012 (95 % interval −0.0015 to −0.0009)``, if known."""
    rival = metric.rival
    return "" if rival is None else f"model − {rival}: {interval_of(metric.differences[rival])}"


def _interval(metric: Metric, name: str) -> str:
    """Return ``0.91 to 0.95``, if an interval is known."""
    ends = metric.intervals.get(name)
    return "" if ends is None else " to ".join(numbers(ends))


def _winner(values: Sequence[float | None], better: str) -> int | None:
    real = [(float(v), k) for k, v in enumerate(values) if v is not None and not math.isnan(v)]
    if not better or len(real) < 2:
        return None
    best = min(v for v, _ in real) if better == "lower" else max(v for v, _ in real)
    winners = [k for v, k in real if v == best]
    return winners[0] if len(winners) == 1 else None


def _verdict(model: float | None, baseline: float | None, metric: Metric) -> tuple[str, str] | None:
    """Return how far the model is from the first baseline, and whether that is good or bad."""
    if model is None or baseline is None or not np.isfinite([model, baseline]).all():
        return None
    if abs(baseline) < 1e-9 or "dB" in metric.name:  # no percentage of an exact result
        change, text = model - baseline, number(float(abs(model - baseline)))
        text += " dB" if "dB" in metric.name else ""
    else:
        change = (model - baseline) / abs(baseline)
        text = percent(abs(change), 2 if abs(change) < 1 else 3)
    if change == 0:
        return "the same", ""
    first = metric.differences.get(next(iter(metric.baselines), ""))
    chance = _overlap(metric) if first is None else not first.sign
    sign = "+" if change > 0 else "−"
    good = (
        ""
        if chance or not metric.better
        else "good"
        if (change < 0) == (metric.better == "lower")
        else "bad"
    )
    return f"{sign}{text}", good


def _overlap(metric: Metric) -> bool:
    """Whether the intervals of the model and of the first baseline overlap."""
    ends = [metric.intervals.get(name) for name in ("model", next(iter(metric.baselines), ""))]
    if ends[0] is None or ends[1] is None:
        return False
    return max(ends[0][0], ends[1][0]) <= min(ends[0][1], ends[1][1])


# ---- images ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Gallery:
    """A heading and its images, each as original, reconstruction and error map."""

    heading: str
    note: str
    width: int
    across: bool  # a few large images: the three pictures stand side by side
    cells: list[dict[str, object]]


def _galleries(report: Report) -> dict[str, object]:
    parts = [
        ("", report.examples),
        ("Smallest errors", report.best),
        ("Largest errors", report.worst),
    ]
    shown = [(name, part) for name, part in parts if part is not None and len(part)]
    if not shown:
        return {}
    cut = [(name, part.select(range(min(len(part), MOST_CELLS)))) for name, part in shown]
    scale = max(error_scale(p.originals, p.reconstructions) for _, p in cut)
    used = [shown_range(part.originals) for _, part in cut]
    span = min(low for low, _ in used), max(high for _, high in used)
    notes = dict.fromkeys(
        band_note(p.originals.shape[1], bands=p.bands, alpha=p.alpha) for _, p in cut
    )
    ramp = np.broadcast_to(colour_map(np.linspace(0, 1, 128)), (1, 128, 3))
    stretch = "" if span == (0.0, 1.0) else f"{percent(span[0], 2)} to {percent(span[1], 2)} of it"
    return {
        "parts": [
            _gallery(name, part, scale, span, len(all_))
            for (name, part), (_, all_) in zip(cut, shown, strict=True)
        ],
        "scale": number(scale, 1),
        "bar": Markup(data_uri(ramp)),
        "stretch": stretch,
        "channels": cut[0][1].originals.shape[1],
        "notes": [note for note in notes if note],
    }


def _gallery(
    heading: str, part: Comparison, scale: float, span: tuple[float, float], total: int
) -> _Gallery:
    pictures = part.rows(scale=scale, value_range=span)
    rows = dict(zip(("original", "reconstruction", "error map"), pictures, strict=True))
    note = f"{len(part)} of {total} shown." if total > len(part) else ""
    return _cells(heading, note, rows, part.captions())


def _panel(panel: Panel) -> _Gallery:
    count = min(len(panel), MOST_CELLS)
    rows = {what: pictures[:count] for what, pictures in panel.rows.items()}
    more = f" {count} of {len(panel)} shown." if count < len(panel) else ""
    note = f"Each image: {', '.join(rows)}. {panel.note}{more}"
    return _cells(panel.heading, note, rows, panel.captions()[:count])


def _cells(
    heading: str, note: str, rows: Mapping[str, np.ndarray], captions: list[tuple[str, str]]
) -> _Gallery:
    """Return the pictures of each image, with its name and its text."""
    count = len(captions)
    sized = {
        what: fit_size(pictures, enlarge_to=1, limit=224 if count > _FEW else 600)
        for what, pictures in rows.items()
    }
    height, width = next(iter(sized.values())).shape[1:3]
    size = _shown_size(height, width, count)
    room = max(size[0], _LEAST_CELL) // 7
    cells: list[dict[str, object]] = []
    for index, (name, text) in enumerate(captions):
        pictures = [
            {"uri": Markup(data_uri(row[index])), "what": what} for what, row in sized.items()
        ]
        cells.append(
            {"name": name, "short": shorten(name, room), "error": text, "pictures": pictures}
        )
    sharp = size[0] >= width
    cell = [dict(c, width=size[0], height=size[1], sharp=sharp) for c in cells]
    across = count <= _FEW and max(height, width) >= 160
    room = len(sized) * (size[0] + 6) - 6 if across else max(size[0], _LEAST_CELL)
    return _Gallery(heading, note, room, across, cell)


def _shown_size(height: int, width: int, count: int) -> tuple[int, int]:
    """Return the width and height, in CSS pixels, at which images of this size are shown."""
    longest = max(height, width)
    if longest > _LEAST_CELL:
        target = 112 if longest < 160 else 168 if count > _FEW else 300
        scale = target / longest
        return max(round(width * scale), 1), max(round(height * scale), 1)
    factor = max(round(_LEAST_CELL / longest), 1)
    return width * factor, height * factor


def _findings(report: Report) -> Markup | str:
    if not report.findings:
        return ""
    large, listed = large_and_listed(report.findings)
    others = len(report.findings) - len(large)
    text = page_template("findings.html.jinja").render(
        large=large,
        listed=listed,
        others=others,
        heads=list(dict.fromkeys(what for one in listed for what in one.links)),
        judged=any(one.anomalous is not None for one in listed),
        probable=any(one.p_value is not None for one in listed),
        note=report.findings_note,
    )
    return Markup(text)


# ---- curves, codes, network --------------------------------------------------------------------


def _loss_curve(report: Report) -> Markup | str:
    if not report.history:
        return ""
    return Markup(
        loss_curve_svg(
            report.history,
            best_epoch=report.best_epoch,
            baseline=report.baseline,
            loss_name=report.loss_name,
            standalone=False,
        )
    )


def _scores(report: Report) -> Markup | str:
    if report.scores is None or not len(report.scores.scores):
        return ""
    return Markup(score_histogram_svg(report.scores, standalone=False))


def _roc(report: Report) -> Markup | str:
    return "" if report.roc is None else Markup(roc_svg(report.roc, standalone=False))


def _history(report: Report) -> dict[str, object]:
    rows = list(report.history)
    stride = max(-(-len(rows) // _MOST_ROWS), 1)
    table = []
    for row in rows[::stride]:
        seconds, epoch = row.get("seconds"), row.get("epoch")
        cells = [
            number(row.get(name), 4) for name in ("train_loss", "validation_loss", "learning_rate")
        ]
        table.append([number(None if epoch is None else int(epoch)), *cells, duration(seconds)])
    heads = ["epoch", "training", "validation", "learning rate", "time"]
    kept = [k for k in range(len(heads)) if any(row[k] != "–" for row in table)]
    return {
        "heads": [heads[k] for k in kept],
        "rows": [[row[k] for k in kept] for row in table],
        "count": len(rows),
        "stride": stride,
    }


def _histogram(report: Report) -> Markup | str:
    if len(report.errors) < 8:  # a histogram of a few values is less useful than their list
        return ""
    return Markup(
        error_histogram_svg(
            report.errors,
            baseline=report.baseline_errors,
            error_name=report.error_name,
            standalone=False,
        )
    )


def _codes(codes: CodeMap | None) -> dict[str, object]:
    if codes is None:
        return {}
    parts: dict[str, object] = dict.fromkeys(("map", "pictures", "spectrum"), "")
    if codes.points is not None and len(codes.points):
        parts["map"] = Markup(_map(codes, None))
        parts["note"] = selection_note(codes.points)
        if codes.thumbnails is not None and len(codes.thumbnails):
            span = shown_range(codes.thumbnails)
            parts["pictures"] = Markup(_map(codes, to_display(codes.thumbnails, value_range=span)))
    if len(codes.variances):
        pca = codes.pca_variances if len(codes.pca_variances) else None
        svg = draw_spectrum(codes.variances, pca_variances=pca, standalone=False)
        parts["spectrum"] = Markup(svg)
        parts["dimensions"] = f"{effective_dimensions(codes.variances):.1f}"
        parts["of"] = len(codes.variances)
        parts["pca_dimensions"] = f"{effective_dimensions(pca):.1f}" if pca is not None else ""
    return parts if any(parts.values()) else {}


def _map(codes: CodeMap, thumbnails: np.ndarray | None) -> str:
    assert codes.points is not None
    return code_map_svg(
        codes.points,
        labels=codes.labels,
        label_names=codes.label_names,
        shares=codes.shares,
        thumbnails=thumbnails,
        standalone=False,
    )


def _layers(layers: Sequence[Mapping[str, object]]) -> list[list[str]]:
    return [
        [
            str(layer.get("name") or "–"),
            str(layer.get("kind") or "–"),
            shape_text(layer.get("shape")),
            number(layer.get("parameters")),
        ]
        for layer in layers
    ]
