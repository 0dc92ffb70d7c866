"""A few images with real defects: how they weight the kinds of cues, and how well they are detected.

Synthetic defects weight the kinds of cues before a real defect is known. Real defects are added to this
evidence: how well a kind separates images with defects from normal ones is the weighted mean of both, where
all synthetic defects together count as :data:`PRIOR` real ones.

The report on real defects is unbiased: each is scored with weights that were found without it, and compared
with normal images that took no part in choosing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.estimators.anomaly.fusion import Fusion, distances
from convae.metrics.conformal import Calibration
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import auroc

PRIOR = 20  # weight of all synthetic defects together, in real defects


class Evidence(NamedTuple):
    """Evidence on the kinds of cues without a real defect.

    Attributes:
        plain: (n, M, POOLINGS) values of normal images that the cues were not fitted on.
        aurocs: (kinds,) how well each kind separates synthetic defects from normal images.
        higher: (kinds,) how much higher the limited values of kinds are with synthetic defects.
        covariance: (kinds, kinds) of these values of normal images.
    """

    plain: Tensor
    aurocs: Tensor
    higher: Tensor
    covariance: Tensor


class Known(NamedTuple):
    """Real defects, as the cues measure them.

    Attributes:
        values: (k, M, POOLINGS).
        evidence: the evidence that they are added to.
    """

    values: Tensor
    evidence: Evidence


def taught(fusion: Fusion, evidence: Evidence, values: Tensor) -> Fusion:
    """Weight the fusion by synthetic and by real defects.

    Args:
        values: (k, M, POOLINGS) of images with real defects; if there are none, synthetic defects alone
            decide.
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
    above = fusion.limited(values).sum(dim=0) if count else torch.zeros_like(evidence.higher)
    higher = (PRIOR * evidence.higher + above) / (PRIOR + count)
    return fusion.weighted_by(apart, images).separating(higher, evidence.covariance)


class Judge(NamedTuple):
    """A score that uses real defects, with normal images that took no part in choosing it.

    Attributes:
        fusion: with weights by all known defects.
        known: those defects.
        normal: (n, M, POOLINGS) of the normal images.
        groups: (n,) the group of each.
    """

    fusion: Fusion
    known: Known
    normal: Tensor
    groups: np.ndarray

    def without(self, left_out: int | None) -> Fusion:
        """Return the fusion with weights by all defects but one; None: by synthetic ones alone."""
        values = self.known.values
        others = (
            torch.cat([values[:left_out], values[left_out + 1 :]])
            if left_out is not None
            else values[:0]
        )
        return taught(self.fusion, self.known.evidence, others)


def account(judges: Sequence[Judge], rate: float) -> dict[str, Any]:
    """Report how well each real defect is detected by scores that have not seen it.

    Args:
        judges: one, or several whose lowest score counts, each with normal images of its own.
        rate: the false-alarm rate of the threshold.

    Returns:
        ``images``, the number of defects; ``auroc``, of the defects against the normal images; ``without``,
        the same with weights by synthetic defects alone; ``found``, how many lie above the threshold;
        ``missed``, the positions of the others, the lowest share of normal images below them first.
    """
    count = len(judges[0].known.values)
    groups = np.concatenate([judge.groups for judge in judges])
    above, without, missed = [], [], list[int]()
    for i in range(count):
        share, score, normal = _told(judges, i, None)
        without.append(share)
        share, score, normal = _told(judges, i, i)
        above.append(share)
        calibration = Calibration.of(normal, groups)
        if not score > calibration.threshold(max(rate, calibration.lowest_rate)):
            missed.append(i)
    return {
        "images": count,
        "auroc": float(np.mean(above)),
        "without": float(np.mean(without)),
        "found": Proportion(count - len(missed), count).to_dict(),
        "missed": sorted(missed, key=lambda i: above[i]),
    }


def _told(
    judges: Sequence[Judge], image: int, left_out: int | None
) -> tuple[float, float, np.ndarray]:
    """The share of normal images that score lower than a defect (ties half), its score, and theirs (n,)."""
    lowest, shares, normal = np.inf, list[np.ndarray](), list[np.ndarray]()
    for judge in judges:
        fusion = judge.without(left_out)
        score = float(fusion.score(judge.known.values[image : image + 1]))
        own = fusion.score(judge.normal).double().numpy()
        # Against the normal images of the same detector: the lowest of several scores would be below theirs.
        shares.append((own < score) + 0.5 * (own == score))
        normal.append(own)
        lowest = min(lowest, score)
    return float(np.concatenate(shares).mean()), lowest, np.concatenate(normal)
