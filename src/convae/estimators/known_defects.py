"""A few images with real defects: what they say of the kinds of cues, and how well they are found.

Synthetic defects weigh the kinds of cues before a real one is known. A real one counts beside them: how far a
kind tells images with defects from normal ones is the mean of what both say, all synthetic ones together
counting as :data:`PRIOR` real ones.

What is reported of them is honest: each is scored with weights that were found without it, beside normal
images by which nothing was chosen.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.conformal import Calibration
from convae.estimators.fusion import Fusion, distances
from convae.proportions import Proportion
from convae.ranking import auroc

PRIOR = 20  # real defects that the evidence of synthetic ones counts as


class Evidence(NamedTuple):
    """What is known of the kinds of cues without a real defect.

    Attributes:
        plain: (n, M, POOLINGS) values of normal images that the cues were not fitted on.
        aurocs: (kinds,) how well each kind tells synthetic defects from normal images.
    """

    plain: Tensor
    aurocs: Tensor


class Known(NamedTuple):
    """Real defects, as the cues see them.

    Attributes:
        names: of their images.
        values: (k, M, POOLINGS).
        evidence: of what they stand beside.
    """

    names: list[str]
    values: Tensor
    evidence: Evidence


def taught(fusion: Fusion, evidence: Evidence, values: Tensor) -> Fusion:
    """The fusion with weights by synthetic and by real defects.

    Args:
        values: (k, M, POOLINGS) of images with real defects; of none the weights are those of synthetic ones.
    """
    images, count = len(evidence.plain), len(values)
    apart = distances(evidence.aurocs, images)
    if count:
        plain, damaged = fusion.by_kind(evidence.plain), fusion.by_kind(values)
        labels = np.repeat([False, True], [images, count])
        reached = [
            auroc(torch.cat([plain[:, k], damaged[:, k]]).double().numpy(), labels)
            for k in range(plain.shape[1])
        ]
        real = distances(torch.tensor(reached), images)
        apart = (PRIOR * apart + count * real) / (PRIOR + count)
    return fusion.weighted_by(apart, images)


def account(
    fusion: Fusion, known: Known, normal: Tensor, groups: np.ndarray, rate: float
) -> dict[str, Any]:
    """How well each real defect is told by a score that has not seen it.

    Args:
        normal: (n, M, POOLINGS) of normal images by which nothing was chosen.
        groups: (n,) what of them belongs together.
        rate: the false-alarm rate of the threshold.

    Returns:
        ``images``, how many there are; ``auroc``, of the defects against the normal images; ``without``, the
        same with weights by synthetic defects alone; ``found``, how many lie above the threshold.
    """
    alone = taught(fusion, known.evidence, known.values[:0])
    above, without, found = [], [], 0
    for i in range(len(known.values)):
        others = torch.cat([known.values[:i], known.values[i + 1 :]])
        rest = taught(fusion, known.evidence, others)
        one = known.values[i : i + 1]
        above.append(_above(rest, one, normal))
        without.append(_above(alone, one, normal))
        calibration = Calibration.of(rest.score(normal).double().numpy(), groups)
        threshold = calibration.threshold(max(rate, calibration.lowest_rate))
        found += float(rest.score(one)) > threshold
    return {
        "images": len(above),
        "auroc": float(np.mean(above)),
        "without": float(np.mean(without)),
        "found": Proportion(found, len(above)).to_dict(),
    }


def _above(fusion: Fusion, one: Tensor, normal: Tensor) -> float:
    """The share of normal images that score lower than an image; ties count half."""
    score, scores = fusion.score(one), fusion.score(normal)
    return float(((scores < score).double() + 0.5 * (scores == score)).mean())
