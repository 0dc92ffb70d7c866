"""Figures of anomaly detection: magnetic tiles with real defects, and the promise about false alarms."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import convae
from convae.conformal import Calibration
from convae.images.file_sources import FileSource
from convae.images.framing import resize
from convae.images.image_source import ImageSource
from convae.images.reading import read_image
from convae.pca import PrincipalComponents, fit_pca
from convae.ranking import PixelRanking, auroc
from convae.similarity_maps import smoothed, top_mean
from denoising import Lines, data
from record import Section, note

KINDS = ("blowhole", "break", "crack", "fray", "uneven")
FITTED_PART = 2 / 3  # of the groups of good tiles; the others are tested on
WHITE = 127  # of a mask: what is brighter is a defect
# Chosen by synthetic defects in good tiles; a tile may lie either way round.
TILES: dict[str, Any] = {
    "flips": True,
    "widths": (16, 32, 64),
    "blocks": 1,
    "batch_size": 8,
    "epochs": 120,
    "patience": 0,
    "false_alarm_rate": 0.1,
}
PLAIN: dict[str, Any] = {"preset": "tutorial", "latent_dim": 64, "optimizer": "adam", "epochs": 30}
COMPONENTS = 32
BLUR, TOP = 2.0, 0.01  # of the maps of the baselines, and what part of them is pooled
SPLITS, RATES = 200, (0.01, 0.05, 0.1)
WORK = Path(__file__).with_name(".work")


class Tiles(NamedTuple):
    """The tiles, each group on one side.

    Attributes:
        source: all of them.
        groups: (n,) of each.
        fit, good: positions of the good tiles to fit on, and to test on.
        bad: kind -> positions.
    """

    source: FileSource
    groups: np.ndarray
    fit: np.ndarray
    good: np.ndarray
    bad: dict[str, np.ndarray]


def tiles(seed: int = 0) -> Tiles:
    root = data("anomaly", "magnetic_tile")
    known = json.loads((root / "groups.json").read_text())["groups"]
    names = sorted(known)
    source = FileSource(root, names, description="magnetic tiles")
    kinds = np.array([name.split("/")[0] for name in names])
    groups = np.array([known[name] for name in names])
    free = np.flatnonzero(kinds == "free")
    order = np.random.default_rng(seed).permutation(np.unique(groups[free]))
    chosen = order[: round(FITTED_PART * len(order))]
    to_fit = np.isin(groups[free], chosen)
    bad = {kind: np.flatnonzero(kinds == kind) for kind in KINDS}
    return Tiles(source, groups, free[to_fit], free[~to_fit], bad)


class Judged(NamedTuple):
    """What a method says of a tile: a score, or several to choose from, and a map of its own size."""

    scores: tuple[float, ...]
    map: np.ndarray


Method = Callable[[ImageSource], Iterator[Judged]]


def magnetic_tile() -> None:
    """A detector of good tiles alone, beside four that need less, in one run."""
    found = tiles()
    section = Section(
        "magnetic_tile",
        "Magnetic tiles: fitted on good tiles only, split by group",
        ("method", "measure", "all", *KINDS, "CPU s to fit"),
    )
    methods = [_model(found), *_baselines(found)]
    for name, method, cpu in methods:
        good = list(method(found.source.select(found.good)))
        bad = {kind: list(method(found.source.select(found.bad[kind]))) for kind in KINDS}
        _rows(section, name, found, good, bad, cpu)
    section.remarks += [
        f"{len(found.fit)} good tiles to fit on, {len(found.good)} others and all defective ones to test "
        f"on. `AnomalyDetector({', '.join(f'{k}={v!r}' for k, v in TILES.items())})`.",
        f"The baselines see the tiles at the same size. Each has its better one of two scores (mean of the "
        f"squared error; mean of its highest {TOP:.0%} after a blur of {BLUR:g} pixels), chosen by the test "
        f"labels in its favour; their maps are blurred as well. PCA has {COMPONENTS} components; the plain "
        f"autoencoder is `ConvAutoencoder({', '.join(f'{k}={v!r}' for k, v in PLAIN.items())})`.",
        "AUPRO to a false-positive rate of 0.3, on tiles in their own sizes; four defects of the kind "
        "uneven have an empty mask and count for the AUROC alone.",
    ]
    section.write()


def _rows(
    section: Section,
    name: str,
    found: Tiles,
    good: list[Judged],
    bad: dict[str, list[Judged]],
    cpu: float,
) -> None:
    scored = []
    for k in range(len(good[0].scores)):
        normal = [one.scores[k] for one in good]
        by_kind = {kind: [one.scores[k] for one in tiles_] for kind, tiles_ in bad.items()}
        everything = [score for scores in by_kind.values() for score in scores]
        scored.append([_auroc(normal, scores) for scores in (everything, *by_kind.values())])
    section.row(name, "AUROC", *max(scored), cpu)
    rankings = {kind: PixelRanking() for kind in ("all", *KINDS)}
    for one in good:
        for ranking in rankings.values():
            ranking.update(one.map, np.zeros(one.map.shape, bool))
    for kind in KINDS:
        for one, place in zip(bad[kind], found.bad[kind], strict=True):
            mask = _mask(found.source, int(place))
            if mask.any():
                rankings["all"].update(one.map, mask)
                rankings[kind].update(one.map, mask)
    section.row(name, "AUPRO", *(ranking.aupro() for ranking in rankings.values()), "")


def _auroc(normal: list[float], anomalous: list[float]) -> float:
    return auroc([*normal, *anomalous], [*(False for _ in normal), *(True for _ in anomalous)])


def _mask(source: FileSource, position: int) -> np.ndarray:
    path, _ = source.locate(position)
    mask: np.ndarray = read_image(Path(path).with_suffix(".png")).pixels[..., 0] > WHITE
    return mask


# -- methods ------------------------------------------------------------------------------------


def _detector(found: Tiles) -> tuple[convae.AnomalyDetector, float]:
    """The model with the CPU seconds it took; one that lies ready is not trained again."""
    WORK.mkdir(exist_ok=True)
    path, times = WORK / "tiles.convae", WORK / "tiles.txt"
    if not path.exists():
        note("fitting the detector")
        began = time.process_time()
        model = convae.AnomalyDetector(**TILES).fit(
            found.source.select(found.fit), groups=found.groups[found.fit], observers=[Lines()]
        )
        took = time.process_time() - began
        model.save(path)
        times.write_text(str(took))
    loaded = convae.load(path)
    assert isinstance(loaded, convae.AnomalyDetector)
    return loaded, float(times.read_text())


def _model(found: Tiles) -> tuple[str, Method, float]:
    model, cpu = _detector(found)

    def method(source: ImageSource) -> Iterator[Judged]:
        for one in model.iter_detect(source):
            yield Judged((one.score,), one.map)

    return "**AnomalyDetector**", method, cpu


def _baselines(found: Tiles) -> Iterator[tuple[str, Method, float]]:
    _, height, width = _detector(found)[0].image_shape_
    size = (height, width)
    normal = _images(found.source.select(found.fit), size)
    mean = normal.mean(dim=0)
    yield "mean image", _by_pixels(size, lambda x: mean), 0.0
    began = time.process_time()
    pca = fit_pca((normal[i : i + 16].flatten(1) for i in range(0, len(normal), 16)), COMPONENTS)
    took = time.process_time() - began
    yield f"PCA-{COMPONENTS}", _by_pixels(size, lambda x: _reconstructed(pca, x)), took
    yield "nearest tile (pixels)", _by_pixels(size, lambda x: _nearest(normal, x)), 0.0
    plain, cpu = _plain(found, size)
    unit, network = plain.inference_.unit, plain.network_

    def through(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            shown = unit((x[None] * 255).round().to(torch.uint8))
            reconstruction: torch.Tensor = network(shown).reconstruction[0]
        return reconstruction

    yield "plain autoencoder, MSE", _by_pixels(size, through), cpu


def _plain(found: Tiles, size: tuple[int, int]) -> tuple[convae.ConvAutoencoder, float]:
    path, times = WORK / "tiles_plain.convae", WORK / "tiles_plain.txt"
    if not path.exists():
        note("fitting the plain autoencoder")
        began = time.process_time()
        model = convae.ConvAutoencoder(size=size, **PLAIN).fit(
            found.source.select(found.fit), groups=found.groups[found.fit], observers=[Lines()]
        )
        took = time.process_time() - began
        model.save(path)
        times.write_text(str(took))
    loaded = convae.load(path)
    assert isinstance(loaded, convae.ConvAutoencoder)
    return loaded, float(times.read_text())


def _images(source: ImageSource, size: tuple[int, int]) -> torch.Tensor:
    """(n, 1, H, W) in [0, 1]."""
    return torch.stack([_framed(source.read(i).pixels, size) for i in range(len(source))])


def _framed(pixels: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    grey = pixels.mean(axis=2, keepdims=True).round().astype(np.uint8)
    return torch.from_numpy(resize(grey, size)[..., 0].copy())[None].float() / 255


def _by_pixels(size: tuple[int, int], normal: Callable[[torch.Tensor], torch.Tensor]) -> Method:
    """A detector by the squared difference from what would be normal."""

    def method(source: ImageSource) -> Iterator[Judged]:
        for i in range(len(source)):
            pixels = source.read(i).pixels
            x = _framed(pixels, size)
            error = (x - normal(x)).square()[None]
            blurred = smoothed(error, BLUR)
            scores = (float(error.mean()), float(top_mean(blurred, TOP)))
            own = resize(blurred[0, 0, :, :, None].numpy(), pixels.shape[:2])[..., 0]
            yield Judged(scores, own)

    return method


def _reconstructed(pca: PrincipalComponents, x: torch.Tensor) -> torch.Tensor:
    centred = x.flatten() - pca.mean
    return (pca.mean + pca.components.T @ (pca.components @ centred)).view_as(x)


def _nearest(normal: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return normal[(normal - x).square().mean(dim=(1, 2, 3)).argmin()]


# -- the promise --------------------------------------------------------------------------------


def false_alarms() -> None:
    """Many random halves of held-out normal images: one sets the threshold, the other is tested."""
    section = Section(
        "false_alarms",
        f"False alarms: promised and achieved, over {SPLITS} random calibration splits",
        ("images", "calibrated by", "promised", "mean achieved", "95 % interval", "kept"),
    )
    measured = {"Fashion-MNIST, T-shirts": _shirts, "magnetic tiles, by group": _good_tiles}
    for name, scored in measured.items():
        scores, groups = scored()
        names = np.unique(groups)
        for rate in RATES:
            witnesses = len(names) // 2
            if witnesses < 1 / rate - 1:
                continue
            achieved = [_achieved(scores, groups, rate, witnesses, seed) for seed in range(SPLITS)]
            mean, half = float(np.mean(achieved)), 1.96 * float(np.std(achieved)) / SPLITS**0.5
            interval = f"{max(0.0, mean - half):.5f} to {mean + half:.5f}"
            kept = "yes" if mean - half <= rate else "no"
            section.row(name, f"{witnesses} of {len(names)}", rate, mean, interval, kept)
    section.remarks += [
        "One model each, which has seen none of these images. In every split half of the normal images "
        "(groups) set the threshold, and the achieved rate is the part of the other half above it (each "
        "group counts once). The promise is about the mean over splits. The interval is of that mean; it is "
        "a little too narrow, as splits share images.",
    ]
    section.write()


def _achieved(
    scores: np.ndarray, groups: np.ndarray, rate: float, witnesses: int, seed: int
) -> float:
    names = np.unique(groups)
    chosen = np.random.default_rng(seed).permutation(names)[:witnesses]
    sets = np.isin(groups, chosen)
    threshold = Calibration.of(scores[sets], groups[sets]).threshold(rate)
    alarms, others = scores[~sets] > threshold, groups[~sets]
    return float(np.mean([alarms[others == name].mean() for name in np.unique(others)]))


def _good_tiles() -> tuple[np.ndarray, np.ndarray]:
    found = tiles()
    model, _ = _detector(found)
    scores = -model.score_samples(found.source.select(found.good))
    return scores, found.groups[found.good]


def _shirts() -> tuple[np.ndarray, np.ndarray]:
    """Scores of images of one class that the model has not seen; each is a group of its own."""
    path = WORK / "shirts.npy"
    WORK.mkdir(exist_ok=True)
    if not path.exists():
        source = convae.open_source("fashion-mnist", split="train")
        assert source.labels is not None
        shirts = np.flatnonzero(source.labels == 0)
        model = convae.AnomalyDetector(epochs=5, false_alarm_rate=0.1)
        model.fit(source.select(shirts[:2000]), observers=[Lines()])
        np.save(path, -model.score_samples(source.select(shirts[2000:4000])))
    scores = np.load(path)
    return scores, np.arange(len(scores))
