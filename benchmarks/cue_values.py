"""What every cue of a detector measures on a set: one fit, from which any score can be made without another.

The values of a cue do not depend on which other cues make up the score, and neither do the weights of the
network. So one fit with all cues gives the score of each subset, and of each choice of real defects to weight
by. Each set and seed is kept in ``.work/cue_values``.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import convae
from anomaly_sets import Labelled, Load
from convae.errors import ImageError
from convae.estimators.anomaly import detector as detectors
from convae.estimators.anomaly.defect_score_fit import KINDS, FittedCues, Measured, fit_cues, fused
from convae.estimators.anomaly.defect_scorer import (
    KINDS_OF_CUES,
    NETWORK,
    DefectScorer,
    NormalStatistics,
    Recipe,
    Viewer,
)
from convae.estimators.anomaly.defects_method import MendDefects
from convae.estimators.anomaly.fusion import Fusion
from convae.estimators.anomaly.known_defects import PRIOR, Evidence, taught
from convae.estimators.anomaly.method import Extras, Normals
from convae.estimators.anomaly.normal_cues import CUES, Cue, NearestImage
from convae.metrics.difference_maps import Standards
from convae.metrics.ranking import auroc
from convae.networks.autoencoder import Autoencoder
from record import note

WORK = Path(__file__).with_name(".work") / "cue_values"
WIDTHS, CODE = (16, 32, 64, 64), 32
RIDGE = 0.5  # added to the variances of kinds, which are about 1
STEPS, BATCH, RATE = 250, 16, 2e-3


class PlainAutoencoder(Cue):
    """The squared error of a small autoencoder: four strided convolutions, 32 numbers, as many back."""

    name: ClassVar[str] = "autoencoder"
    seconds: ClassVar[list[float]] = []

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    look = staticmethod(NearestImage.look)  # at most 128 pixels a side: it costs a fifth of a fit

    @classmethod
    def fit(cls, looks: Tensor) -> Self:
        """Train on images (n, C, h, w)."""
        began = time.process_time()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = _autoencoder(looks.shape[1:])
            rate = torch.optim.lr_scheduler.OneCycleLR
            optimizer = torch.optim.Adam(network.parameters(), RATE)
            schedule = rate(optimizer, RATE, total_steps=STEPS)
            for _ in range(STEPS):
                batch = looks[torch.randint(len(looks), (BATCH,))]
                loss = (_rebuilt(network, batch) - batch).square().mean()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        cls.seconds.append(time.process_time() - began)
        return cls(network.eval())

    def map(self, looks: Tensor) -> Tensor:
        """Return the map (B, 1, h, w)."""
        with torch.inference_mode():
            rebuilt = _rebuilt(self.network, looks)
        return (rebuilt - looks).square().mean(dim=1, keepdim=True)

    @classmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return nothing: it is not stored."""
        return {}

    def to_extras(self) -> Extras:
        """Return nothing: it is not stored."""
        return {}


EVERY = (*CUES, *NETWORK)
AUTO = Recipe.parse("auto").cues
UNMEASURED = {"auroc": 0.5, "auroc_by_kind": {}}  # by synthetic defects: not asked for here
REBUILT = ("solar_cells", "magnetic_tile")  # sets on which the plain autoencoder is a cue, too


def _autoencoder(shape: Sequence[int]) -> nn.Module:
    channels, height, width = shape
    factor = 2 ** len(WIDTHS)
    h, w = -(-height // factor), -(-width // factor)
    down: list[nn.Module] = []
    for a, b in pairwise((channels, *WIDTHS)):
        down += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    up: list[nn.Module] = []
    for a, b in pairwise(WIDTHS[::-1]):
        up += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    last = WIDTHS[-1]
    middle = [nn.Flatten(), nn.Linear(last * h * w, CODE), nn.Linear(CODE, last * h * w)]
    end = nn.ConvTranspose2d(WIDTHS[0], channels, 4, stride=2, padding=1)
    return nn.Sequential(*down, *middle, nn.Unflatten(1, (last, h, w)), *up, end)


def _rebuilt(network: nn.Module, x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    factor = 2 ** len(WIDTHS)
    padded = F.pad(x, (0, -width % factor, 0, -height % factor), mode="replicate")
    rebuilt: Tensor = network(padded)[..., :height, :width]
    return rebuilt


@dataclass(kw_only=True)
class Values:
    """The values of all cues on a set, (n, M, POOLINGS) each.

    Attributes:
        cues: their names, in order.
        measured: on normal images in four folds, with synthetic defects in some.
        calibration: of the normal images that set the threshold.
        good, bad: of the images to test on.
        rate: that the threshold promises.
        cpu: seconds of the fit, without the plain autoencoder.
        autoencoder_cpu: seconds of the plain autoencoder's five fits.
        kinds: of each bad image.
    """

    cues: list[str]
    measured: Measured
    calibration: Tensor
    good: Tensor
    bad: Tensor
    rate: float
    cpu: float
    autoencoder_cpu: float
    kinds: list[str]


@dataclass
class _Seen:
    """What a fit went through."""

    cues: tuple[str, ...]
    viewer: Viewer | None = None
    fitted: FittedCues | None = None


@contextmanager
def _all_cues(seen: _Seen) -> Iterator[None]:
    """Let detectors compute these cues, and keep what they measure."""

    class Every(MendDefects):
        def fit_scorer(self, network: Autoencoder, normals: Normals) -> DefectScorer:
            default = self._viewer(network)
            self.recipe = Recipe(cues=seen.cues)
            seen.viewer = self._viewer(network)
            seen.fitted = fit_cues(seen.viewer, normals)
            self.recipe = default.recipe
            return DefectScorer(default, _of_default(seen, len(normals.kept)), UNMEASURED)

    usual = detectors.METHODS["defects"]
    CUES[PlainAutoencoder.name] = PlainAutoencoder
    detectors.METHODS["defects"] = Every
    try:
        yield
    finally:
        detectors.METHODS["defects"] = usual
        del CUES[PlainAutoencoder.name]


def _of_default(seen: _Seen, kept: int) -> NormalStatistics:
    """The statistics of the default's cues, among those that were fitted."""
    assert seen.fitted is not None
    cues, standards, measured = seen.fitted
    order = [seen.cues.index(cue) for cue in AUTO]
    fusion, evidence = fused(_some(measured, order), Recipe(cues=AUTO).kinds)
    assert evidence is not None
    return NormalStatistics(
        cues=tuple(cue for cue in cues if cue.name in AUTO),
        kept=kept,
        fusion=taught(fusion, evidence, torch.zeros(0)),
        standards=Standards(standards.mean[order], standards.deviation[order]),
    )


def values_of(name: str, load: Load, seed: int) -> Values:
    """The values of a set and seed; read from the work folder where they are there."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name.replace(': ', '-')}-{seed}.npz"
    if not path.exists():
        note(f"{name}, seed {seed}: all cues")
        cues = (*EVERY, PlainAutoencoder.name) if name in REBUILT else EVERY
        _keep(path, fit_values(load(seed), seed, cues))
    return _kept(path)


WORDS = ("cues", "kinds")  # attributes that are lists of words


def _keep(path: Path, values: Values) -> None:
    parts = {name: getattr(values, name) for name in vars(values) if name != "measured"}
    measured = values.measured
    parts |= {"normal": torch.stack(measured.normal), "plain": torch.stack(measured.plain)}
    parts |= {f"damaged {kind}": torch.stack(x) for kind, x in measured.damaged.items() if x}
    arrays: dict[str, Any] = {name: np.asarray(part) for name, part in parts.items()}
    np.savez(path, **arrays)


def _kept(path: Path) -> Values:
    with np.load(path) as parts:
        tensors = {name: torch.from_numpy(parts[name]) for name in parts if name not in WORDS}
        words = {name: parts[name].tolist() for name in WORDS}
    damaged = {kind: list(tensors.get(f"damaged {kind}", ())) for kind in KINDS}
    return Values(
        cues=words["cues"],
        measured=Measured(list(tensors["normal"]), list(tensors["plain"]), damaged),
        calibration=tensors["calibration"],
        good=tensors["good"],
        bad=tensors["bad"],
        rate=float(tensors["rate"]),
        cpu=float(tensors["cpu"]),
        autoencoder_cpu=float(tensors["autoencoder_cpu"]),
        kinds=words["kinds"],
    )


def fit_values(labelled: Labelled, seed: int, names: tuple[str, ...], **parameters: Any) -> Values:
    """Fit a detector with these cues, and measure the images of the set.

    Args:
        parameters: of the detector, where they are not the default.
    """
    seen = _Seen(names)
    PlainAutoencoder.seconds.clear()
    began = time.process_time()
    with _all_cues(seen):
        model = convae.AnomalyDetector.from_options({"random_state": seed, **parameters})
        model.fit(labelled.normal, groups=labelled.groups)
    took = time.process_time() - began
    assert seen.fitted is not None
    assert seen.viewer is not None
    assert model.held_out_ is not None
    viewer, cues = seen.viewer, seen.fitted.cues

    def look(images: Sequence[np.ndarray]) -> Tensor:
        prepared = model.prepared(model.open(list(images)))
        pixels = (item[2] for item in prepared if not isinstance(item, ImageError))
        found = model.inference_.batches(pixels, lambda batch: viewer.judged(batch, cues))
        return torch.cat([values for _, values in found]).cpu()

    own = sum(PlainAutoencoder.seconds)
    return Values(
        cues=list(names),
        measured=seen.fitted.measured,
        calibration=look([labelled.normal[i] for i in model.held_out_]),
        good=look(labelled.good),
        bad=look(labelled.bad),
        rate=model.false_alarm_rate_,
        cpu=took - own,
        autoencoder_cpu=own,
        kinds=labelled.kinds,
    )


def _some(measured: Measured, order: list[int]) -> Measured:
    return Measured(
        normal=[one[order] for one in measured.normal],
        plain=[one[order] for one in measured.plain],
        damaged={kind: [one[order] for one in measured.damaged[kind]] for kind in KINDS},
    )


def kinds_of(cues: Sequence[str]) -> Tensor:
    """The kind of each cue, (M,); the plain autoencoder looks at whole images."""
    known = KINDS_OF_CUES | {PlainAutoencoder.name: KINDS_OF_CUES["components"]}
    kinds = [known.get(cue, cue) for cue in cues]
    order = list(dict.fromkeys(kinds))
    return torch.tensor([order.index(kind) for kind in kinds])


def part_of(values: Values, cues: Sequence[str]) -> Values:
    """The values of some cues alone."""
    order = [values.cues.index(cue) for cue in cues]
    some = _some(values.measured, order)
    parts = {name: getattr(values, name)[:, order] for name in ("calibration", "good", "bad")}
    return replace(values, cues=list(cues), measured=some, **parts)


class Weighted(NamedTuple):
    """The score of the detector: its fusion with weights, and the evidence that the weights come from."""

    fusion: Fusion
    evidence: Evidence | None

    @classmethod
    def of(cls, values: Values, defects: Tensor | None = None) -> "Weighted":
        """Fuse all cues of these values, as a fit does.

        Args:
            defects: (k, M, POOLINGS) of images with real defects; None for none.
        """
        fusion, evidence = fused(values.measured, kinds_of(values.cues))
        if evidence is None:
            return cls(fusion, None)
        return cls(
            taught(fusion, evidence, values.bad[:0] if defects is None else defects), evidence
        )

    def soft(self) -> "Weighted":
        """The same with a soft maximum of the weighted kinds, as in the map and in earlier versions."""
        return self._replace(fusion=replace(self.fusion, discriminant=None))

    def auroc(self, good: Tensor, bad: Tensor) -> float:
        """How well images (n, M, POOLINGS) of both kinds are ranked."""
        scores = self.fusion.score(torch.cat([good, bad])).double().numpy()
        return auroc(scores, np.repeat([False, True], [len(good), len(bad)]))


LINEAR, LOGARITHMIC = "linear", "logarithmic"  # kinds of discriminants


class Discriminant(NamedTuple):
    """A linear discriminant of the kinds of cues, as another way to join them: the kinds are correlated.

    Attributes:
        fusion: gives the value of each kind.
        weights: (kinds,) float64.
        name: ``linear`` takes the values as they are; ``logarithmic`` takes logarithms of values below 0, and
            weights of at least 0.
    """

    fusion: Fusion
    weights: Tensor
    name: str

    @classmethod
    def of(
        cls, values: Values, name: str = LOGARITHMIC, defects: Tensor | None = None
    ) -> "Discriminant":
        """Fit it to normal images and to synthetic defects, which count as :data:`PRIOR` real ones.

        Args:
            defects: as for :meth:`Weighted.of`.
        """
        fusion, _ = fused(values.measured, kinds_of(values.cues))
        empty = cls(fusion, torch.zeros(0), name)

        def of_kinds(images: list[Tensor]) -> Tensor:
            return empty.by_kind(torch.stack(images))

        plain = of_kinds(values.measured.plain).mean(dim=0)
        damaged = [of_kinds(x).mean(dim=0) for x in values.measured.damaged.values() if x]
        higher = PRIOR * (torch.stack(damaged).mean(dim=0) - plain)
        real = values.bad[:0] if defects is None else defects
        higher = (higher + empty.by_kind(real).sum(dim=0)) / (PRIOR + len(real))
        normal = torch.cov(of_kinds(values.measured.normal).T)
        weights: Tensor = torch.linalg.solve(normal + RIDGE * torch.eye(len(plain)), higher)
        return cls(fusion, weights if name == LINEAR else weights.clamp_min(0), name)

    def by_kind(self, images: Tensor) -> Tensor:
        """The values (n, kinds) float64 that are weighted, of images (n, M, POOLINGS)."""
        values = self.fusion.by_kind(images).double()
        if self.name == LOGARITHMIC:
            return torch.where(values < 0, -torch.log1p(-values.clamp_max(0)), values)
        return values

    def auroc(self, good: Tensor, bad: Tensor) -> float:
        """How well images (n, M, POOLINGS) of both kinds are ranked."""
        scores = (self.by_kind(torch.cat([good, bad])) @ self.weights).numpy()
        return auroc(scores, np.repeat([False, True], [len(good), len(bad)]))
