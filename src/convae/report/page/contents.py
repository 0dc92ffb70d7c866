"""The contents of a report, as plain data: each kind of result fills in its parts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from convae.errors import InputError
from convae.metrics.resampling import Difference
from convae.report.findings import Finding, ScoreSpread
from convae.report.pictures.comparison import Comparison
from convae.report.svg.roc_chart import Roc

BETTER = ("lower", "higher", "")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table of results.

    Attributes:
        name: what is measured, with its unit: ``PSNR (dB)``.
        model: the model's value; None if it has none.
        baselines: the same for each baseline: ``{"PCA": 0.0132}``.
        better: ``lower``, ``higher``, or empty if neither is better.
        intervals: ``model`` or the name of a baseline -> the interval of its value.
        differences: the name of a baseline -> the model minus it, on the same images.

    Raises:
        InputError: for another value of ``better``.
    """

    name: str
    model: float | None
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    better: str = "lower"
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.better not in BETTER:
            raise InputError(f"better must be one of {BETTER}, got {self.better!r}")

    @property
    def rival(self) -> str | None:
        """The best of the baselines with known differences; if neither direction is better, the first."""
        known = {
            name: value
            for name in self.differences
            if (value := self.baselines.get(name)) is not None and not math.isnan(value)
        }
        if not known:
            return None
        if not self.better:
            return next(iter(known))
        return (min if self.better == "lower" else max)(known, key=known.__getitem__)


@dataclass(frozen=True, kw_only=True)
class CodeMap:
    """The codes of some images.

    Attributes:
        points: ``(n, 2)``, such as their first two principal components; None for no map.
        shares: the fractions of the codes' variance along these two.
        labels: one class for each image: numbers or words; None for none.
        label_names: the name of class number k.
        thumbnails: ``(m, C, H, W)`` in [0, 1]: pictures of the first m points; some hundred suffice.
        variances: the variance along each principal component of the codes; empty for no spectrum.
        pca_variances: the same of PCA's codes of the same size.
    """

    points: np.ndarray | None = None
    shares: tuple[float, float] | None = None
    labels: np.ndarray | Sequence[object] | None = None
    label_names: Sequence[str] = ()
    thumbnails: np.ndarray | None = None
    variances: np.ndarray | Sequence[float] = ()
    pca_variances: np.ndarray | Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The images of the results.

    Attributes:
        facts: name and value, in display order: ``{"images": 1797, "size": "8 × 8"}``.
        notes: sentences: what was converted, and how many files.
        skipped: name and reason of each image that was left out.
    """

    facts: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Several pictures of each of some images, one under the other.

    Attributes:
        heading: what is shown.
        rows: what each picture is, and the pictures of all images, uint8 ``(n, H, W, 3)``:
            ``{"original": ..., "with holes": ..., "filled": ...}``.
        names: the name of each image; empty for none.
        texts: a text below each; empty for none.
        note: a sentence about all.

    Raises:
        InputError: for rows of different shapes, or texts that are not as many as the images.
    """

    heading: str
    rows: Mapping[str, np.ndarray]
    names: Sequence[str] = ()
    texts: Sequence[str] = ()
    note: str = ""

    def __post_init__(self) -> None:
        shapes = {np.shape(pictures) for pictures in self.rows.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 4:
            raise InputError(f"the rows of a panel must have one shape (n, H, W, 3), got {shapes}")
        for field_name, values in (("names", self.names), ("texts", self.texts)):
            if len(values) not in (0, len(self)):
                raise InputError(f"{field_name} must be {len(self)} or none, got {len(values)}")

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    def captions(self) -> list[tuple[str, str]]:
        """Return the name and the text of each image."""
        empty = [""] * len(self)
        return list(zip(self.names or empty, self.texts or empty, strict=True))


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells as text.

    Attributes:
        heading: what is listed.
        columns: the names of the columns.
        rows: one cell for each column; the first names the row.
        note: a sentence below.

    Raises:
        InputError: for a row of another length.
    """

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise InputError(f"each row of {self.heading!r} must have {len(self.columns)} cells")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart.

    Attributes:
        name: of its file, without the suffix.
        heading: what is drawn.
        draw: called with ``standalone`` (whether the SVG is a file of its own); returns the SVG.
        note: a sentence below it.
    """

    name: str
    heading: str
    draw: Callable[[bool], str]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All parts of a report; every part but the title may be left out, and is then not shown.

    Attributes:
        title: the first line.
        subtitle: the line below it: what model, what images.
        summary: plain sentences; the first is set large.
        warnings: sentences that a reader must not miss, below the summary.
        metrics: the table of results.
        metrics_note: which images the results are of: ``360 images held out from training``.
        history: one mapping for each epoch: ``epoch``, ``train_loss``, ``validation_loss``, ``seconds``,
            ``learning_rate``.
        best_epoch: the epoch whose weights were kept.
        loss_name: what the losses are.
        baseline: name and loss of a line to draw across the loss curve.
        training_facts: name and value, shown next to the loss curve: ``{"epochs": 30}``.
        examples: images in no particular order, next to their reconstructions.
        best: the images with the smallest errors.
        worst: the images with the largest errors.
        panels: other pictures of images, shown after those.
        findings: the result for each image, in display order, with pictures in files next to the page.
        findings_note: a sentence about their pictures.
        scores: the scores of all images, for their histogram.
        scores_facts: name and value, shown next to that histogram: ``{"threshold": 2.4}``.
        roc: how well the scores separate anomalous images from normal ones.
        tables: other tables, below the scores.
        drawings: other charts, below the tables.
        errors: the error of every image measured, for the histogram.
        baseline_errors: name, and the baseline's error of the same images.
        error_name: what these errors are.
        codes: the codes.
        layers: the network: see :func:`convae.report.svg.architecture.architecture_svg`.
        network_facts: name and value: ``{"parameters": 178001}``.
        data: the images.
        settings: name and value of all settings.
        versions: name and version of the software used.
        command: the command that repeats the run.
        python: the Python lines that repeat the run.
    """

    title: str
    subtitle: str = ""
    summary: Sequence[str] = ()
    warnings: Sequence[str] = ()
    metrics: Sequence[Metric] = ()
    metrics_note: str = ""
    history: Sequence[Mapping[str, float | None]] = ()
    best_epoch: int | None = None
    loss_name: str = "loss"
    baseline: tuple[str, float] | None = None
    training_facts: Mapping[str, object] = field(default_factory=dict)
    examples: Comparison | None = None
    best: Comparison | None = None
    worst: Comparison | None = None
    panels: Sequence[Panel] = ()
    findings: Sequence[Finding] = ()
    findings_note: str = ""
    scores: ScoreSpread | None = None
    scores_facts: Mapping[str, object] = field(default_factory=dict)
    roc: Roc | None = None
    tables: Sequence[Table] = ()
    drawings: Sequence[Drawing] = ()
    errors: Sequence[float] | np.ndarray = ()
    baseline_errors: tuple[str, Sequence[float] | np.ndarray] | None = None
    error_name: str = "MSE"
    codes: CodeMap | None = None
    layers: Sequence[Mapping[str, object]] = ()
    network_facts: Mapping[str, object] = field(default_factory=dict)
    data: DataFacts | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    python: str = ""
