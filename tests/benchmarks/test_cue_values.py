"""One fit with all cues gives the scores that fits with some of them, and with real defects, give."""

from typing import Any

import numpy as np
import pytest
from tests.estimators.anomaly.test_detector import TINY, spotted, textured

from anomaly_sets import Labelled
from convae import AnomalyDetector
from convae.estimators.anomaly.normal_cues import CUES
from cue_values import AUTO, EVERY, PlainAutoencoder, Values, Weighted, fit_values, part_of

SMALL: dict[str, Any] = {**TINY, "epochs": 1}


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    return Labelled(
        normal=[*textured(40)[..., None]],
        groups=np.arange(40),
        good=[*textured(5, seed=1)[..., None]],
        bad=[*spotted(textured(6, seed=2))[..., None]],
        kinds=["spot"] * 6,
    )


@pytest.fixture(scope="module")
def values(labelled: Labelled) -> Values:
    return fit_values(labelled, 0, (*EVERY, PlainAutoencoder.name), **SMALL)


@pytest.mark.parametrize("cues", [AUTO, ("places", "mean"), ("repaired",)])
def test_some_cues_score_as_a_fit_with_them(
    labelled: Labelled, values: Values, cues: tuple[str, ...]
) -> None:
    model = AnomalyDetector.from_options({"random_state": 0, "score_by": "+".join(cues), **SMALL})
    model.fit(labelled.normal, groups=labelled.groups)
    some = part_of(values, cues)
    scores = Weighted.of(some).fusion.score(some.bad)
    assert -model.score_samples(labelled.bad) == pytest.approx(scores.numpy(), rel=1e-5)


def test_real_defects_weight_as_in_a_fit_with_them(labelled: Labelled, values: Values) -> None:
    model = AnomalyDetector.from_options({"random_state": 0, **SMALL})
    model.fit(labelled.normal, groups=labelled.groups, defects=labelled.bad[:3])
    some = part_of(values, AUTO)
    scores = Weighted.of(some, some.bad[:3]).fusion.score(some.bad[3:])
    assert -model.score_samples(labelled.bad[3:]) == pytest.approx(scores.numpy(), rel=1e-5)


def test_the_plain_autoencoder_is_no_cue_of_the_product(values: Values) -> None:
    assert values.autoencoder_cpu > 0
    assert values.good.shape[1] == len(EVERY) + 1
    assert PlainAutoencoder.name not in CUES
