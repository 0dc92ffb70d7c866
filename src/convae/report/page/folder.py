"""A report as a folder: the page, and every picture and chart as a separate file."""

from pathlib import Path

import numpy as np

from convae.filesystem.atomic import save_text
from convae.report.page.contents import CodeMap, Panel, Report
from convae.report.page.html import write_report
from convae.report.pictures.comparison import comparison_picture, grid
from convae.report.pictures.pictures import save_picture, shown_range, to_display
from convae.report.svg.architecture import architecture_svg
from convae.report.svg.code_scatter import code_map_svg
from convae.report.svg.curves import error_histogram_svg, loss_curve_svg, spectrum_svg
from convae.report.svg.roc_chart import roc_svg
from convae.report.svg.score_chart import score_histogram_svg


def write_folder(folder: Path, report: Report) -> Path:
    """Write ``report.html`` and every picture of the report into an existing folder.

    Returns:
        the path of the page.
    """
    pictures = {"reconstructions": report.examples, "best": report.best, "worst": report.worst}
    for name, comparison in pictures.items():
        if comparison is not None and len(comparison):
            save_picture(folder / f"{name}.png", comparison_picture(comparison))
    for i, panel in enumerate(report.panels):
        if len(panel):
            name = "pictures" if len(report.panels) == 1 else f"pictures-{i + 1}"
            save_picture(folder / f"{name}.png", panel_picture(panel))
    for name, svg in _drawings(report).items():
        save_text(folder / f"{name}.svg", svg)
    return write_report(folder / "report.html", report)


def panel_picture(panel: Panel) -> np.ndarray:
    """Join the rows of a panel one under the other, uint8 (height, width, 3)."""
    captions = ["\n".join(line for line in words if line) for words in panel.captions()]
    return grid(
        list(panel.rows.values()), row_labels=list(panel.rows), captions=captions, columns=8
    )


def _drawings(report: Report) -> dict[str, str]:
    drawings = {one.name: one.draw(True) for one in report.drawings}
    if report.history:
        drawings["loss"] = loss_curve_svg(
            report.history,
            best_epoch=report.best_epoch,
            baseline=report.baseline,
            loss_name=report.loss_name,
            heading="Loss by epoch",
        )
    if len(report.errors):
        drawings["errors"] = error_histogram_svg(
            report.errors, baseline=report.baseline_errors, heading="Errors of the images"
        )
    if report.scores is not None:
        drawings["scores"] = score_histogram_svg(report.scores, heading="Scores of the images")
    if report.roc is not None:
        drawings["roc"] = roc_svg(report.roc, heading="ROC curve")
    if report.codes is not None:
        drawings |= _code_drawings(report.codes)
    if report.layers:
        drawings["architecture"] = architecture_svg(report.layers, heading="Architecture")
    return drawings


def _code_drawings(codes: CodeMap) -> dict[str, str]:
    drawings = {}
    if codes.points is not None:
        pictured = codes.thumbnails
        small = None
        if pictured is not None and len(pictured):
            small = to_display(pictured, value_range=shown_range(pictured))
        for name, pictures, heading in (
            ("codes", None, "Map of the codes"),
            ("codes-pictures", small, "Map of the codes, with pictures"),
        ):
            if name == "codes" or pictures is not None:
                drawings[name] = code_map_svg(
                    codes.points,
                    labels=codes.labels,
                    label_names=codes.label_names,
                    shares=codes.shares,
                    thumbnails=pictures,
                    heading=heading,
                )
    if len(codes.variances):
        drawings["spectrum"] = spectrum_svg(
            codes.variances, pca_variances=codes.pca_variances, heading="Spectrum of the codes"
        )
    return drawings
