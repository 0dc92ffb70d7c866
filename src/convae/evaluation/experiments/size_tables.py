"""The results of the experiments convolution and code-size as a table and as a chart."""

import numpy as np

from convae.evaluation.experiments.code_size import NETWORK, CodeSizes
from convae.evaluation.experiments.code_size import PCA as PCA_OF_SIZE
from convae.evaluation.experiments.convolution import CONVOLUTIONAL, DENSE, PCA, Convolution
from convae.metrics.resampling import student_interval
from convae.report.svg.error_chart import ErrorLine, error_chart_svg

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def convolution_table(found: Convolution) -> Table:
    """Return the names of the columns and the rows: one for each number of training images."""
    head = (
        "images",
        *(f"{name} MSE" for name in (CONVOLUTIONAL, DENSE, PCA)),
        "against dense",
        "against PCA",
        "steps",
        "CPU s",
    )
    rows = []
    for number, count in enumerate(found.counts):
        seconds = (found.seconds[name][number].mean() for name in (CONVOLUTIONAL, DENSE))
        rows.append(
            (
                f"{count:,}",
                *(_error(found.errors[name][number]) for name in (CONVOLUTIONAL, DENSE, PCA)),
                *(_percent(found.difference(number, against=name)) for name in (DENSE, PCA)),
                f"{found.plans[CONVOLUTIONAL][number].steps:,}",
                " and ".join(f"{one:.1f}" for one in seconds),
            )
        )
    return head, rows


def convolution_chart(found: Convolution, *, standalone: bool = True) -> str:
    """Return the SVG of the errors against the number of training images."""
    colours = {CONVOLUTIONAL: "cv-model", DENSE: "cv-bad", PCA: "cv-baseline"}
    lines = [_line(name, css, found.errors[name]) for name, css in colours.items()]
    return error_chart_svg(
        found.counts,
        lines,
        label="training images",
        heading=f"Error by training images, codes of {found.latent_dim}",
        standalone=standalone,
    )


def code_size_table(found: CodeSizes) -> Table:
    """Return the names of the columns and the rows: one for each size."""
    head = (
        "numbers",
        f"{NETWORK} MSE",
        "PCA MSE",
        "variance explained",
        "by PCA",
        "steps",
        "CPU s",
    )
    rows = []
    variance = np.maximum(found.variance, 1e-300)
    for number, size in enumerate(found.sizes):
        errors = {name: each[number] for name, each in found.errors.items()}
        explained = [
            100 * (1 - (errors[name] / variance).mean()) for name in (NETWORK, PCA_OF_SIZE)
        ]
        needed = " *" if size == found.needed(NETWORK) else ""
        rows.append(
            (
                f"{size:,}{needed}",
                *(_error(errors[name]) for name in (NETWORK, PCA_OF_SIZE)),
                *(f"{one:.1f} %" for one in explained),
                f"{found.plans[number].steps:,}",
                f"{found.seconds[number].mean():.1f}",
            )
        )
    return head, rows


def code_size_chart(found: CodeSizes, *, standalone: bool = True) -> str:
    """Return the SVG of the errors against the size of the code, with the size that images need marked."""
    colours = {NETWORK: "cv-model", PCA_OF_SIZE: "cv-baseline"}
    lines = [
        _line(name, css, found.errors[name], found.sizes.index(found.needed(name)))
        for name, css in colours.items()
    ]
    return error_chart_svg(
        found.sizes,
        lines,
        label="numbers in a code",
        heading="Error by code size",
        standalone=standalone,
    )


def _line(name: str, css: str, errors: np.ndarray, marked: int | None = None) -> ErrorLine:
    ends = [student_interval(row) for row in errors]
    known = [tuple(end if np.isfinite(end) else np.nan for end in pair) for pair in ends]
    return ErrorLine(
        name=name,
        css=css,
        values=errors.mean(axis=1),
        low=[low for low, _ in known],
        high=[high for _, high in known],
        marked=marked,
        mark="needed",
    )


def _error(errors: np.ndarray) -> str:
    """Return ``0.01234 (0.01200 to 0.01268)``."""
    low, high = student_interval(errors)
    mean = f"{errors.mean():.5f}"
    return f"{mean} ({max(low, 0):.5f} to {high:.5f})" if np.isfinite(low) else mean


def _percent(difference: tuple[float, float, float]) -> str:
    """Return ``-21.0 % (-27.1 to -15.2)``."""
    mean, low, high = (100 * one for one in difference)
    return f"{mean:+.1f} % ({low:+.1f} to {high:+.1f})" if np.isfinite(low) else f"{mean:+.1f} %"
