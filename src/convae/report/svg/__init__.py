"""Charts as SVG.

- charts, axes: the parts
- curves, roc_chart, score_chart, error_chart: loss curves, the ROC curve, the histogram of scores, errors
- trial_curves: the curves of the trials of a search
- code_scatter: images as dots at their codes
- architecture: the drawing of a network; image_grid: pictures of images in rows
"""
