"""Fit the score of a defect detector to normal images, and measure it on synthetic defects."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.corruption.defects import Defects
from convae.estimators.anomaly.defect_scorer import NormalStatistics, Viewer
from convae.estimators.anomaly.fusion import POOLINGS, Fusion
from convae.estimators.anomaly.known_defects import Evidence, Known, taught
from convae.estimators.anomaly.method import Normals
from convae.estimators.anomaly.normal_cues import CUES, Cue, NearestImage
from convae.metrics.difference_maps import Standards
from convae.metrics.ranking import auroc
from convae.networks.inference import batch_size
from convae.training.splits_and_batches import generator

# All kinds count equally: which defects will occur is not known.
KINDS = {
    "spot": Defects(share=1.0, most=1, shapes=("spot",), fillings=("tone", "colour")),
    "patch": Defects(share=1.0, most=1, shapes=("patch",), fillings=("tone", "piece", "colour")),
    "field": Defects(share=1.0, most=1, shapes=("field",), fillings=("tone", "piece", "bend")),
    "line": Defects(share=1.0, most=1, shapes=("line",), fillings=("tone", "colour")),
}
FOLDS = 4  # cues are fitted to three of them and measured on the fourth
SHARING = 1 / 16  # of the shorter side: pixels over which the statistics of a map are shared
TRIED = 32  # most images with each kind of defect
TOGETHER = 16  # images in a group whose members exchange pieces


class Fitted(NamedTuple):
    """The cues, fitted to normal images.

    Attributes:
        statistics: what a score needs.
        facts: how well the score separates synthetic defects from normal images, as plain values.
        known: the real defects; None if there are none.
    """

    statistics: NormalStatistics
    facts: dict[str, Any]
    known: Known | None


@dataclass
class Measured:
    """Values (M, POOLINGS) of images that the cues were not fitted on.

    Attributes:
        normal: of normal images.
        plain: of those normal images in which the defects are made.
        damaged: for each kind of defect, of the same images with a defect.
    """

    normal: list[Tensor] = field(default_factory=list)
    plain: list[Tensor] = field(default_factory=list)
    damaged: dict[str, list[Tensor]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


class FittedCues(NamedTuple):
    """The cues, fitted to all normal images, and what they measure on images that they were not fitted on.

    Attributes:
        cues: with :class:`~convae.estimators.anomaly.normal_cues.NearestImage` among them.
        standards: of the maps that are shown.
        measured: on normal images, and with synthetic defects in some of them.
    """

    cues: tuple[Cue, ...]
    standards: Standards
    measured: Measured


def fit_score(viewer: Viewer, normals: Normals) -> Fitted:
    """Fit all cues of the viewer's recipe, and weight their kinds by synthetic and by real defects.

    Returns:
        The cues. ``auroc`` among the facts is the mean over the kinds of defect, and ``auroc_by_kind`` the
        value of each. The same defects decide the weights of the kinds of cues, so these figures are slightly
        too high.
    """
    cues, standards, measured = fit_cues(viewer, normals)
    fusion, evidence = fused(measured, viewer.recipe.kinds)
    known = None
    if evidence is not None:
        values = _known_values(viewer, normals, cues)
        fusion = taught(fusion, evidence, values)
        if len(values):
            known = Known(values, evidence)
    statistics = NormalStatistics(
        cues=cues, kept=len(normals.kept), fusion=fusion, standards=standards
    )
    return Fitted(statistics, _facts(fusion, measured), known)


def fit_cues(viewer: Viewer, normals: Normals) -> FittedCues:
    """Fit the cues of the viewer's recipe to normal images, and measure them on others.

    The values on normal images come from four folds: each fold is measured with cues that were fitted on the
    others. The network has seen some of these images, with and without defects; its results on them hardly
    differ from those on others.
    """
    positions = np.concatenate([normals.kept, normals.choosing])
    small = torch.cat([viewer.shrunk(batch).cpu() for batch in _batches(normals, positions)])
    names = (*(name for name in viewer.recipe.cues if name in CUES), NearestImage.name)
    kinds = {name: CUES[name] for name in names}
    looks = {name: _looks(cue, small) for name, cue in kinds.items()}
    measured = Measured()

    def maps() -> Iterator[Tensor]:
        for inside, outside in _folds(normals, positions):
            cues = [cue.fit(looks[name][inside]) for name, cue in kinds.items()]
            yield from _measure(viewer, normals, cues, positions[outside], measured)

    standards = Standards.of(maps(), sigma=SHARING * min(viewer.small))
    cues = tuple(cue.fit(looks[name]) for name, cue in kinds.items())
    return FittedCues(cues, standards, measured)


def fused(measured: Measured, kinds: Tensor) -> tuple[Fusion, Evidence | None]:
    """Fuse the cues: the fusion with equal weights, and what synthetic defects say about the kinds.

    Args:
        kinds: (M,) the kind of each cue.

    Returns:
        The fusion, and the evidence for :func:`~convae.estimators.anomaly.known_defects.taught`; None if no
        synthetic defect was measured.
    """
    fusion = Fusion.fit(torch.stack(measured.normal), kinds)
    if not measured.plain or not any(measured.damaged.values()):
        return fusion, None
    plain = torch.stack(measured.plain)
    normal = fusion.limited(torch.stack(measured.normal))
    damaged = [fusion.limited(torch.stack(x)).mean(dim=0) for x in measured.damaged.values() if x]
    higher = torch.stack(damaged).mean(dim=0) - fusion.limited(plain).mean(dim=0)
    return fusion, Evidence(plain, _aurocs(fusion, measured), higher, _covariance(normal))


def _covariance(values: Tensor) -> Tensor:
    """Return the covariance (k, k) of values (n, k); that of independent ones for a single image."""
    count, kinds = values.shape
    return torch.cov(values.T).reshape(kinds, kinds) if count > 1 else torch.eye(kinds).to(values)


def _known_values(viewer: Viewer, normals: Normals, cues: Sequence[Cue]) -> Tensor:
    """Return the values (k, M, POOLINGS) of the images with real defects."""
    found = list(normals.defective(viewer.network, lambda batch: viewer.judged(batch, cues)))
    return torch.cat(found).cpu() if found else torch.zeros(0, len(viewer.recipe.cues), POOLINGS)


def _measure(
    viewer: Viewer, normals: Normals, cues: list[Cue], positions: np.ndarray, measured: Measured
) -> Iterator[Tensor]:
    """Measure normal images, and some with defects; yield the maps (M, h, w) of the normal ones."""
    wanted = [cue for cue in cues if cue.name in viewer.recipe.cues]
    for batch in _batches(normals, positions):
        with torch.inference_mode():
            maps, _ = viewer.maps(batch, wanted)
            measured.normal += list(viewer.values(maps).cpu())
            yield from viewer.shown(maps, viewer.small).cpu()
    some = np.intersect1d(positions, normals.choosing)[: math.ceil(TRIED / FOLDS)]
    for batch in _batches(normals, some):
        measured.plain += _values(viewer, wanted, batch)
        for kind, damaged in _damaged(batch, normals.seed + int(some[0])):
            measured.damaged[kind] += _values(viewer, wanted, damaged)


def _values(viewer: Viewer, cues: Sequence[Cue], batch: Tensor) -> list[Tensor]:
    with torch.inference_mode():
        return list(viewer.judged(batch, cues).cpu())


def _damaged(batch: Tensor, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the images with each kind of defect, without those in which no defect is visible."""
    for i, (kind, defects) in enumerate(KINDS.items()):
        damaged, mask = defects.apply(batch, torch.Generator().manual_seed(seed + i))
        seen = mask.flatten(1).any(dim=1)
        if bool(seen.any()):
            yield kind, damaged[seen]


def _aurocs(fusion: Fusion, measured: Measured) -> Tensor:
    """Return how well each kind of cue alone detects defects, (kinds,): mean AUROC over kinds of defect."""
    plain = fusion.by_kind(torch.stack(measured.plain))
    damaged = [
        fusion.by_kind(torch.stack(values)) for values in measured.damaged.values() if values
    ]
    reached = [[_auroc(plain[:, k], one[:, k]) for k in range(plain.shape[1])] for one in damaged]
    return torch.tensor(reached).mean(dim=0)


def _facts(fusion: Fusion, measured: Measured) -> dict[str, Any]:
    """Measure how well the fused score separates defects from the normal images that they were made in."""
    plain = fusion.score(torch.stack(measured.plain)) if measured.plain else torch.zeros(0)
    by_kind = {
        kind: _auroc(plain, fusion.score(torch.stack(values)))
        for kind, values in measured.damaged.items()
        if values and len(plain)
    }
    mean = float(np.mean(list(by_kind.values()))) if by_kind else 0.5
    return {"auroc": mean, "auroc_by_kind": by_kind}


def _auroc(normal: Tensor, damaged: Tensor) -> float:
    labels = np.repeat([False, True], [len(normal), len(damaged)])
    return auroc(torch.cat([normal, damaged]).double().numpy(), labels)


def _folds(normals: Normals, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (places to fit on, places to measure) among the positions; a group lies on one side."""
    names, group = np.unique(normals.groups[positions], return_inverse=True)
    count = min(FOLDS, len(names))
    part = generator(normals.seed, 0, 4).permutation(len(names)) % count
    for number in range(count):
        outside = part[group] == number
        if count > 1:
            yield np.flatnonzero(~outside), np.flatnonzero(outside)
        else:
            yield np.flatnonzero(outside), np.flatnonzero(outside)


def _looks(cue: type[Cue], small: Tensor) -> Tensor:
    return torch.cat([cue.look(part) for part in torch.split(small, TOGETHER)])


def _batches(normals: Normals, positions: np.ndarray) -> Iterator[Tensor]:
    """Yield as many images at a time as fit into the planned memory and exchange pieces."""
    size = min(TOGETHER, batch_size(math.prod(normals.ready.images.shape)))
    return normals.batches(positions, max(1, size))
