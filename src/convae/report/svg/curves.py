"""Curves of a run: the loss by epoch, the spectrum of the codes, the errors of the images."""

from collections.abc import Mapping, Sequence

import numpy as np

from convae.report.svg.axes import Axis, linear_axis, log_axis
from convae.report.svg.charts import Chart, Key
from convae.report.text import number, percent

History = Sequence[Mapping[str, float | None]]


def loss_curve_svg(
    history: History,
    *,
    best_epoch: int | None = None,
    baseline: tuple[str, float] | None = None,
    loss_name: str = "loss",
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw the training and the validation loss by epoch, on a logarithmic scale if possible.

    Args:
        history: one mapping for each epoch with ``epoch``, ``train_loss`` and, if there is one,
            ``validation_loss``; a value that is None or not finite leaves a gap.
        best_epoch: the epoch whose weights were kept; by default that of the least validation loss.
        baseline: name and loss of a baseline, such as ``("PCA", 0.0132)``.
        loss_name: what the values are, such as ``MSE per pixel``.
        heading: written above the curves.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    epochs = column_of(history, "epoch", fallback=np.arange(1, len(history) + 1, dtype=np.float64))
    train = column_of(history, "train_loss")
    validation = column_of(history, "validation_loss")
    level = np.array([baseline[1]] if baseline else [], dtype=np.float64)
    axis = _loss_axis(np.concatenate([train, validation, level]))
    chart = Chart(
        linear_axis(epochs, widen=False, whole=True, count=8),
        axis,
        labels=("epoch", loss_name),
        heading=heading,
    )
    if baseline and np.isfinite(baseline[1]):
        chart.rule(baseline[1], css="cv-baseline cv-dash")
    lines = [("training", train, "cv-train"), ("validation", validation, "cv-model")]
    for name, values, css in lines:
        if np.isfinite(values).any():
            chart.line(epochs, values, css=css)
            chart.key(Key(text=name, css=css))
    if baseline and np.isfinite(baseline[1]):
        text = f"{baseline[0]} {number(float(baseline[1]))}"
        chart.key(Key(text=text, css="cv-baseline cv-dash cv-thin"))
    best = _mark_best(chart, epochs, validation, best_epoch)
    words = f"{len(history)} epoch{'' if len(history) == 1 else 's'}. {best}".strip()
    return chart.render(f"Loss by epoch ({loss_name})", words, standalone=standalone)


def spectrum_svg(
    variances: np.ndarray | Sequence[float],
    *,
    pca_variances: np.ndarray | Sequence[float] | None = None,
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw how evenly the codes use their dimensions: the variance of each component, and the sum.

    Args:
        variances: (k,) the variance of the codes along each of their principal components.
        pca_variances: the same for the codes of PCA at the same size.
        heading: written above the chart.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    model = _shares(variances)
    count = max(len(model), 1)
    chart = Chart(
        linear_axis([0.5, count + 0.5], widen=False, whole=True, count=8),
        _percent_axis(),
        labels=("component, largest first", "variance of the codes"),
        heading=heading,
    )
    place = np.arange(1, len(model) + 1, dtype=np.float64)
    relative = model / max(float(model.max(initial=0.0)), 1e-300)
    chart.bars(place - 0.38, place + 0.38, relative, css="cv-model cv-fill cv-soft")
    chart.key(Key(text="each, of the largest", css="cv-model cv-fill cv-soft", mark="bar"))
    dimensions = f"{effective_dimensions(variances):.1f} of {len(model)}"
    if pca_variances is not None and len(pca_variances):
        pca = _shares(pca_variances)
        chart.line(np.arange(1, len(pca) + 1), np.cumsum(pca), css="cv-baseline cv-dash")
        dimensions += f", PCA {effective_dimensions(pca_variances):.1f} of {len(pca)}"
    chart.line(place, np.cumsum(model), css="cv-model")
    chart.key(Key(text="sum so far", css="cv-model"))
    if pca_variances is not None and len(pca_variances):
        chart.key(Key(text="PCA's sum", css="cv-baseline cv-dash"))
    words = f"Effective dimensions: {dimensions}."
    return chart.render("Spectrum of the codes", words, standalone=standalone)


def effective_dimensions(variances: np.ndarray | Sequence[float]) -> float:
    """Return how many dimensions codes with variances (k,) use: ``(sum v)^2 / sum v^2``, from 1 to k."""
    shares = _shares(variances)
    return float(1 / np.square(shares).sum()) if shares.sum() > 0 else 0.0


def error_histogram_svg(
    errors: np.ndarray | Sequence[float],
    *,
    baseline: tuple[str, np.ndarray | Sequence[float]] | None = None,
    error_name: str = "MSE",
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw the histogram of errors of the images, with that of a baseline on the same images.

    Args:
        errors: (n,) one value for each image.
        baseline: the name of the baseline and its errors, such as ``("PCA", errors)``.
        error_name: what the values are.
        heading: written above the chart.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    model = _finite(errors)
    other = _finite(baseline[1]) if baseline else np.zeros(0)
    both = np.concatenate([model, other])
    top = float(np.percentile(both, 99.5)) if both.size else 1.0
    axis = linear_axis([float(both.min()) if both.size else 0.0, top])
    edges = np.linspace(axis.low, axis.high, min(max(int(np.sqrt(len(model))), 8), 40) + 1)
    counts = [np.histogram(np.clip(v, axis.low, axis.high), edges)[0] for v in (model, other)]
    scale = linear_axis([0, *counts[0], *counts[1]], whole=True)
    chart = Chart(axis, scale, labels=(f"{error_name} of an image", "images"), heading=heading)
    gap = (edges[1] - edges[0]) * 0.06
    chart.bars(edges[:-1] + gap, edges[1:] - gap, counts[0], css="cv-model cv-fill cv-soft")
    chart.key(Key(text="model", css="cv-model cv-fill cv-soft", mark="bar"))
    if baseline and other.size:
        middles = np.repeat(edges, 2)[1:-1]
        chart.line(middles, np.repeat(counts[1], 2).astype(float), css="cv-baseline cv-thin")
        chart.key(Key(text=baseline[0], css="cv-baseline cv-thin"))
    words = (
        f"Median {number(float(np.median(model))) if model.size else '–'} of {len(model)} images."
    )
    return chart.render(f"{error_name} of the images", words, standalone=standalone)


def _mark_best(
    chart: Chart, epochs: np.ndarray, validation: np.ndarray, best_epoch: int | None
) -> str:
    known = np.isfinite(validation)
    if not known.any():
        return ""
    index = int(np.nanargmin(np.where(known, validation, np.nan)))
    if best_epoch is not None and (epochs == best_epoch).any():
        index = int(np.flatnonzero(epochs == best_epoch)[0])
    x, y = chart.places(epochs[index : index + 1], validation[index : index + 1])
    if not np.isfinite([x[0], y[0]]).all():
        return ""
    chart.ring(float(x[0]), float(y[0]), css="cv-model")
    text = f"best {number(float(validation[index]))} in epoch {int(epochs[index])}"
    chart.key(Key(text=text, css="cv-line cv-model", mark="ring"))
    return text[0].upper() + text[1:] + "."


def _loss_axis(values: np.ndarray) -> Axis:
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > 1.2 * finite.min():
        return log_axis(finite)
    return linear_axis(finite)


def _percent_axis() -> Axis:
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    return Axis(low=0.0, high=1.0, ticks=ticks, labels=tuple(percent(t, 2) for t in ticks))


def _shares(variances: np.ndarray | Sequence[float]) -> np.ndarray:
    values = np.clip(np.nan_to_num(np.asarray(variances, dtype=np.float64).ravel()), 0, None)
    values = np.sort(values)[::-1]
    largest = values.max(initial=0.0)
    values = values / largest if largest > 0 else values
    return np.asarray(values / max(values.sum(), 1e-300))


def _finite(values: np.ndarray | Sequence[float]) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return numbers[np.isfinite(numbers)]


def column_of(history: History, name: str, fallback: np.ndarray | None = None) -> np.ndarray:
    """Return one value for each epoch, (n,), NaN where it is missing; or ``fallback`` if any is missing."""
    values = [row.get(name) for row in history]
    column = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if fallback is not None and not np.isfinite(column).all():
        return fallback
    return column
