"""Write the findings of a detector to files: scores, regions, heatmaps, pictures."""

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from convae.cli.terminal.output import plain
from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.filesystem.atomic import atomic_write
from convae.filesystem.tables import escape, write_table
from convae.images.files.writing import write_image
from convae.images.result_files import Places
from convae.images.sources.base import ImageSource
from convae.images.sources.naming import below
from convae.model_reports.detections import Highest, Pictures
from convae.report.findings import Finding
from convae.report.pictures.pictures import save_picture

SCORES, REGIONS = "scores.csv", "regions.json"
HEATMAPS, OVERLAYS, DETECTIONS = "heatmaps", "overlays", "detections"


@dataclass(frozen=True)
class Row:
    """The result for one image: a line of ``scores.csv``."""

    name: str
    score: float
    p_value: float | None
    anomalous: bool | None
    regions: int


@dataclass
class FoundFiles:
    """The folder into which the findings are written.

    Attributes:
        source: the images; the files are named after them.
        out: the path of the folder.
        rows: the results for all images so far.
        listed: for each image, its entry in ``regions.json``.
        findings: for each image, its entry on the page.
        highest: the highest scores, whose pictures are written at the end.
    """

    source: ImageSource
    out: Path
    rows: list[Row] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    highest: Highest = field(default_factory=Highest)

    def __post_init__(self) -> None:
        self._places = Places(self.source, self.out / OVERLAYS)

    def add(self, model: AnomalyDetector, found: Detection, row: Row, *, shown: bool) -> None:
        """Write the heatmap and the pictures of one image.

        Args:
            row: the line of ``scores.csv``; its verdict may differ from that of ``found``.
            shown: whether to write a picture next to the nearest normal image, too.
        """
        name = below(found.image.info.name)
        folder = self.out / OVERLAYS
        overlay = self._places.free(name, (folder / name).with_suffix(".png"))
        stem = overlay.relative_to(folder)
        pictures = Pictures.of(model, found)
        for path in (overlay, self.out / DETECTIONS / stem):
            if shown or path == overlay:
                path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(overlay, pictures.overlay)
        heatmap = PurePath(HEATMAPS, stem).with_suffix(".tif")
        write_image(self.out / heatmap, found.map.astype(np.float32))
        if shown:
            save_picture(self.out / DETECTIONS / stem, pictures.row())
        self.rows.append(row)
        height, width = found.map.shape
        self.listed.append(
            {
                **{n: getattr(row, n) for n in ("name", "score", "p_value", "anomalous")},
                "size": [width, height],
                "regions": [region.to_dict() for region in found.regions],
            }
        )
        links = {"overlay": PurePath(OVERLAYS, stem), "map (TIFF)": heatmap}
        if shown:
            links["side by side"] = PurePath(DETECTIONS, stem)
        finding = Finding(
            name=row.name,
            anomalous=row.anomalous,
            score=row.score,
            p_value=row.p_value,
            regions=row.regions,
            links=links,
        )
        self.findings.append(finding)
        self.highest.add(finding, len(self.rows), pictures, found.regions)

    def shown(self) -> list[Finding]:
        """Write the pictures of the highest scores; return the findings, the highest scores first."""
        large = self.highest.write(self.out)
        names = {one.links["overlay"] for one in large}
        return large + [one for one in self.findings if one.links["overlay"] not in names]

    def close(self, facts: dict[str, Any], *, by_score: bool = False) -> None:
        """Write ``scores.csv`` and ``regions.json``.

        Args:
            facts: entries of ``regions.json`` before the images.
            by_score: whether to sort by score, the highest first.
        """
        order = list(range(len(self.rows)))
        if by_score:
            order.sort(key=lambda i: -self.rows[i].score)
        names = ("name", "score", "p_value", "anomalous", "regions")
        with write_table(self.out / SCORES, names) as lines:
            for i in order:
                row = self.rows[i]
                called = None if row.anomalous is None else int(row.anomalous)
                lines.row([row.name, row.score, row.p_value, called, row.regions])
        images = [{**self.listed[i], "name": escape(self.rows[i].name)} for i in order]
        with atomic_write(self.out / REGIONS) as file:
            text = json.dumps(plain({**facts, "images": images}), indent=1, allow_nan=False)
            file.write(text.encode() + b"\n")
