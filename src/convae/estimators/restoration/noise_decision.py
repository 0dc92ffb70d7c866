"""How a denoiser learns from images without targets: as requested, or by whether they look noisy."""

import dataclasses
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.classical.noise_level import estimate_noise_level
from convae.classical.noise_presence import LEAST, SMALL, NoisePresence, find_noise
from convae.config.parameters import DenoiserParameters
from convae.corruption.noise import Noise
from convae.errors import ImageError
from convae.estimators.fit import Ready
from convae.estimators.restoration.noise_units import stored_level, used_range
from convae.images.dataset.scaling import Scaling
from convae.images.sources.base import ImageSource

# Images that are inspected: of sets streamed from disk, of small images, and of others.
STREAMED, SMALL_IMAGES, IMAGES = 64, 1024, 256
MOST_CROPS = 16  # per image
HEADERS = 8  # read at most, until one is readable


def asked_way(p: DenoiserParameters) -> tuple[str, str] | None:
    """Return the way to learn and the reason, where the parameters decide; None where the images decide."""
    if p.learn != "auto":
        return noisy_way(p) if p.learn == "noisy" else p.learn, "as asked for"
    if p.noise is not None or p.sigma is not None:
        return "clean", (
            "because the noise to add was named. If the images are noisy already, add --learn noisy "
            '(in Python learn="noisy")'
        )
    return None


def noisy_way(p: DenoiserParameters) -> str:
    """Return the way to learn from noisy images alone."""
    # Of several kinds of noise, joined by +, the sum is not Gaussian.
    gaussian = p.noise is not None and re.fullmatch(r"gaussian(:[^+]*)?", str(p.noise)) is not None
    return "noisy gaussian" if gaussian else "noisy blind"


def chosen_way(ready: Ready, p: DenoiserParameters) -> tuple[str, str, dict[str, Any]]:
    """Return the way to learn, the reason, and the measurements as plain values (empty if none were made)."""
    if asked := asked_way(p):
        return *asked, {}
    found = look_for_noise(ready)
    way = noisy_way(p) if found.noisy else "clean"
    why = f"because {decision_text(found, ready.unit.scaling)}"
    return way, why, {"noise_found": dataclasses.asdict(found)}


def holds_floats(source: ImageSource) -> bool:
    """Return whether the images are floats; their noise is then in their own values."""
    for index in range(min(len(source), HEADERS)):
        try:
            return source.header(index).depth == "float32"
        except ImageError:  # reported where it is read
            continue
    return False


def look_for_noise(ready: Ready) -> NoisePresence:
    """Measure whether the images of a set are noisy, as the network sees them."""
    images, count = ready.images, len(ready.images)
    most = SMALL_IMAGES if min(images.shape[1:]) < SMALL else IMAGES
    if images.storage == "streamed":
        most = STREAMED
    positions = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
    if images.plan.framing.mode == "random-crop" and images.storage != "streamed":
        crops = min(MOST_CROPS, max(1, most // len(positions)))
        positions = np.concatenate([positions + crop * count for crop in range(crops)])
    batches = images.batches([positions[i : i + 1] for i in range(len(positions))])
    return find_noise(ready.unit(batch) for batch in batches)


def decision_text(found: NoisePresence, scaling: Scaling) -> str:
    """Describe whether images look noisy, what that was decided by, and how to decide otherwise.

    The text is a few sentences, without the full stop of the last one.

    >>> scaling = Scaling((0.0,), (255.0,), "uint8")
    >>> print(decision_text(NoisePresence(noisy=True, fine=0.02, coarse=0.022), scaling))
    the images look noisy. Where they are flattest, their finest detail has a standard deviation of 5.1/255, \
and the next coarser detail 5.61/255. This is taken for noise: white noise is about equally strong at both \
scales, texture is weaker at the finer one. If the images are clean, add --learn clean (in Python \
learn="clean")
    """
    fine, coarse = (stored_level(level, scaling) for level in (found.fine, found.coarse))
    used = used_range(scaling)
    used = f" Nearly all of their values lie in the range {used}." if used else ""
    seen = f"Where they are flattest, their finest detail has a standard deviation of {fine}"
    both = f"{seen}, and the next coarser detail {coarse}."
    if found.noisy:
        why = (
            f"{both} This is taken for noise: white noise is about equally strong at both scales, texture is "
            f"weaker at the finer one. {_otherwise('clean')}"
        )
        return f"the images look noisy.{used} {why}"
    if found.fine < LEAST:
        why = f"{seen}. Less than {stored_level(LEAST, scaling)} does not count as noise."
    else:
        why = (
            f"{both} This is taken for texture: white noise is about equally strong at both scales, and "
            "repeats no pattern."
        )
    return f"the images look clean.{used} {why} {_otherwise('noisy')}"


def _otherwise(learn: str) -> str:
    return f'If the images are {learn}, add --learn {learn} (in Python learn="{learn}")'


def noise_levels(ready: Ready) -> Tensor:
    """Estimate the noise level of every image of the set, (n,); of a subset, where images are streamed."""
    images, count = ready.images, len(ready.images)
    positions = np.arange(count)
    if images.storage == "streamed":
        positions = positions[:: max(1, count // STREAMED)]
    batches = images.batches([positions[i : i + 1] for i in range(len(positions))])
    found = [estimate_noise_level(ready.unit(batch)) for batch in batches]
    levels = torch.cat(found).cpu()
    return levels if len(levels) == count else levels.median().expand(count).clone()


def fixed_level(p: DenoiserParameters, noise: Noise) -> float | None:
    """Return the one noise level that was given for noisy images; None to estimate it in each."""
    piece = noise.pieces[0]
    named = p.sigma is not None or ":" in str(p.noise)
    return piece.most if named and piece.least == piece.most else None
