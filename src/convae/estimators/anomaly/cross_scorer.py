"""Combine detectors that were each fitted without another part of the normal images.

Each normal image is scored by the detector that has not seen it, so all normal images take part in training,
choosing and calibrating. A new image is scored by all detectors, and the lowest score counts: an image is
normal if one of them takes it for normal. So a detector that is stricter than the others does not raise an
alarm by itself, and the rate of false alarms is bounded, see :func:`convae.metrics.conformal.cross_bound`.
The maps are combined in the same way: the lowest value counts at each place.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.estimators.anomaly.method import Extras, Judged, Method, Scorer
from convae.networks.autoencoder import Autoencoder

_NETWORK = "network."


class CrossScorer:
    """A scorer that returns the lowest of several scores.

    Attributes:
        scorers: one for each fold of the normal images; each was fitted without its fold.
    """

    def __init__(self, scorers: Sequence[Scorer], extras: Extras) -> None:
        """Set up the scorer.

        Args:
            extras: of all scorers but the first, and of their networks, see :func:`extras_of`.
        """
        self.scorers = tuple(scorers)
        first, *others = self.scorers
        self.extras = first.extras | extras
        self.fraction = first.fraction
        self.facts = {**first.facts, **_means(self.scorers), "folds": [one.facts for one in others]}

    @property
    def summary(self) -> str:
        """A sentence that describes what was chosen."""
        return (
            f"{self.scorers[0].summary}; of {len(self.scorers)} detectors the lowest score counts"
        )

    def __call__(self, batch: Tensor) -> Judged:
        """Score images (B, C, H, W) in about [0, 1], each by itself."""
        judged = [scorer(batch) for scorer in self.scorers]

        def lowest(parts: Iterable[Tensor]) -> Tensor:
            return torch.stack(list(parts)).amin(dim=0)

        return Judged(
            score=lowest(one.score for one in judged),
            map=lowest(one.map for one in judged),
            change=lowest(one.change for one in judged),
            nearest=judged[0].nearest,
        )


def extras_of(network: Autoencoder, scorer: Scorer, number: int) -> Extras:
    """Return what a model file stores for a fold after the first."""
    state = {f"{_NETWORK}{name}": value for name, value in network.state_dict().items()}
    return {
        f"{_fold(number)}{name}": value.detach().cpu()
        for name, value in (state | scorer.extras).items()
    }


def load_scorer(
    method: Method, network: Autoencoder, extras: Extras, facts: dict[str, Any]
) -> Scorer:
    """Return the scorer of a model file, of one detector or of several.

    Raises:
        KeyError: something is missing.
        ValueError, RuntimeError: something has another shape than the network and the images need.
    """
    first = method.load_scorer(network, extras, facts)
    if "folds" not in facts:
        return first
    scorers: list[Scorer] = [first]
    more: Extras = {}
    for number, known in enumerate(facts["folds"], start=1):
        start = _fold(number)
        own = {name[len(start) :]: x for name, x in extras.items() if name.startswith(start)}
        more |= {f"{start}{name}": x for name, x in own.items()}
        state = {n[len(_NETWORK) :]: x for n, x in own.items() if n.startswith(_NETWORK)}
        other = copy.deepcopy(network)
        other.load_state_dict(state)
        scorers.append(method.load_scorer(other, own | {"kept": extras["kept"]}, known))
    return CrossScorer(scorers, more)


def _fold(number: int) -> str:
    return f"fold{number}."


def _means(scorers: Sequence[Scorer]) -> dict[str, Any]:
    """Average how well the scorers detect synthetic defects; empty for a method that does not report it."""
    facts = [one.facts for one in scorers]
    found: dict[str, Any] = {}
    if all("auroc" in one for one in facts):
        found["auroc"] = float(np.mean([one["auroc"] for one in facts]))
    kinds = [one["auroc_by_kind"] for one in facts if one.get("auroc_by_kind")]
    if kinds:
        shared = [kind for kind in kinds[0] if all(kind in one for one in kinds)]
        found["auroc_by_kind"] = {
            kind: float(np.mean([one[kind] for one in kinds])) for kind in shared
        }
    return found
