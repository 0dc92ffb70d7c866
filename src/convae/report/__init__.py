"""Pictures, charts and HTML pages from plain data, independent of models.

- svg: charts; pictures: pixels as pictures; page: HTML pages
- drawing, matplotlib_axes: a chart as an object for notebooks, and in axes of matplotlib
- text, colours, findings: number formats, the colours, and the results for each image
"""

from convae.filesystem.atomic import save_text
from convae.report.page.contents import CodeMap, DataFacts, Metric, Report
from convae.report.page.html import render_report, write_report
from convae.report.pictures.comparison import Comparison, best_and_worst, comparison_picture, grid
from convae.report.pictures.pictures import error_map, error_scale, save_picture, to_display
from convae.report.svg.architecture import architecture_svg
from convae.report.svg.code_scatter import code_map_svg
from convae.report.svg.curves import error_histogram_svg, loss_curve_svg, spectrum_svg

__all__ = [
    "CodeMap",
    "Comparison",
    "DataFacts",
    "Metric",
    "Report",
    "architecture_svg",
    "best_and_worst",
    "code_map_svg",
    "comparison_picture",
    "error_histogram_svg",
    "error_map",
    "error_scale",
    "grid",
    "loss_curve_svg",
    "render_report",
    "save_picture",
    "save_text",
    "spectrum_svg",
    "to_display",
    "write_report",
]
