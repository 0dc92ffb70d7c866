"""Pictures, charts and the one-file HTML report; takes plain data, knows nothing of models.

- pictures, colours: any pixels as 8-bit RGB, error maps, PNG files
- heatmaps: maps of scores as colours, over pictures, with boxes
- findings, score_chart, roc_chart: what was found in each image, the histogram of the scores, the ROC curve
- comparison: originals over reconstructions over error maps
- charts, ticks, curves, codes, drawing: the SVG charts
- image_map, dot_map: images placed by their codes, as a picture and as a page
- unit_page: what each number of a code stands for, as a page
- differences: how sure a difference is, in words
- contents, occasion, text, html, folder, storing: what a report says, the page that says it, and its folder

Only these know models: of_model, of_denoising, of_inpainting, of_anomaly, of_labelled, of_detections,
of_probe, of_units (whole reports), chosen_images, map_of_codes, network_facts (their parts).
"""

from convae.report.codes import code_map_svg
from convae.report.comparison import Comparison, best_and_worst, comparison_picture, grid
from convae.report.contents import CodeMap, DataFacts, Metric, Report
from convae.report.curves import error_histogram_svg, loss_curve_svg, spectrum_svg
from convae.report.drawing import architecture_svg
from convae.report.html import render_report, write_report
from convae.report.pictures import error_map, error_scale, save_picture, to_display
from convae.report.storing import save_text

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
