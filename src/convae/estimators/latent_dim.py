"""``latent_dim="auto"``: the size of the code, decided by PCA of the images before a network is trained."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from convae.embedding.code_dimension import components_needed
from convae.embedding.pca import PrincipalComponents, fit_pca
from convae.estimators.pca_baseline import PCABaseline
from convae.networks.architecture import MAX_DENSE_WEIGHTS, Architecture

AUTO = "auto"
MOST = 512  # numbers that are chosen at most
SMALLEST = 1e-6  # of the largest variance: below it, a component holds rounding errors


class Decision(NamedTuple):
    """The result of :func:`decide_latent_dim`.

    Attributes:
        latent_dim: the number, from 1 to :data:`MOST`.
        reason: why, in a sentence.
        pca: all components that were found.
    """

    latent_dim: int
    reason: str
    pca: PrincipalComponents


def decide_latent_dim(
    a: Architecture,
    device: torch.device,
    training: Iterable[Tensor],
    measured: Iterable[Tensor],
    *,
    held_out: bool,
) -> Decision:
    """Return as many numbers as PCA needs to explain 95 % of the variance of images, noise not counted.

    PCA is fitted on one part of the images and measured on the other, so that components that only fit single
    images or noise do not count (:func:`convae.embedding.code_dimension.components_needed`). For a spatial
    code it is PCA of the block of pixels at each position. A network that starts as PCA is never worse with
    so many numbers; one that learns more may do with fewer.

    Args:
        a: the network, with any latent dimension.
        device: of the batches.
        training: batches (B, C, H, W) to fit PCA on, in the network's units.
        measured: batches (B, C, H, W) to measure it on.
        held_out: whether these are other images than those of ``training``.
    """
    widest = MOST
    if a.code == "dense" and not a.hidden:
        widest = max(1, min(MOST, MAX_DENSE_WEIGHTS // math.prod(a.map_shape)))
    baseline = PCABaseline(replace(a, latent_dim=widest), device)
    pca = fit_pca((baseline.flatten(batch) for batch in training), widest)
    along = torch.zeros(len(pca.components), dtype=torch.float64)
    total, rows, images = 0.0, 0, 0
    for batch in measured:
        vectors = baseline.flatten(batch).cpu()
        along += pca.encode(vectors).double().square().sum(dim=0)
        total += float((vectors - pca.mean).double().square().sum())
        rows, images = rows + len(vectors), images + len(batch)
    count = max(rows, 1)
    number = components_needed((along / count).numpy(), total / count, len(pca.mean), count)
    explained = float(along[:number].sum()) / total if total > 0 else math.nan
    return Decision(number, _reason(number, pca, explained, images, held_out=held_out), pca)


def _reason(
    number: int, pca: PrincipalComponents, explained: float, images: int, *, held_out: bool
) -> str:
    """Return the sentence for the user.

    Args:
        number: the latent dimension.
        pca: all components that were found.
        explained: the fraction of the variance that so many components explain; NaN without variance.
        images: number of images that it was measured on.
        held_out: whether PCA was fitted on others.
    """
    lead = f"latent_dim auto takes {number:,} number{'s' * (number != 1)}: "
    if math.isnan(explained):
        return f"{lead}the images do not differ from their mean"
    of = f"{images:,} {'held-out ' if held_out else ''}image{'s' * (images != 1)}"
    with_them = f"PCA with {number:,} component{'s' * (number != 1)}"
    text = f"{lead}{with_them} explains {100 * explained:.0f} % of the variance of {of}"
    possible = int((pca.variances > SMALLEST * pca.variances[:1]).sum())
    if number == MOST:
        return f"{text}; {MOST} is the largest that auto takes"
    if number >= possible > 1:
        return f"{text}; no further component explains anything"
    return f"{text}, and all further ones little more"


def truncated(pca: PrincipalComponents, count: int) -> PrincipalComponents:
    """Return the first ``count`` components."""
    return PrincipalComponents(pca.mean, pca.components[:count], pca.variances[:count], pca.exact)
