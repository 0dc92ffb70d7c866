"""A few real defects: what they change, and that what is reported of them is honest."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.estimators.anomaly.test_detector import TINY, spotted, textured

import convae
from convae import AnomalyDetector
from convae.errors import InputError
from convae.estimators.anomaly.fusion import POOLINGS, Fusion, distances
from convae.estimators.anomaly.known_defects import PRIOR, Evidence, Judge, Known, account, taught


def drawn(count: int, shift: tuple[float, ...], seed: int) -> torch.Tensor:
    """(count, M, POOLINGS) of M cues, each kind by itself, ``shift`` above normal."""
    noise = np.random.default_rng(seed).standard_normal((count, len(shift), 1))
    values = noise + np.array(shift)[:, None] + np.zeros(POOLINGS)
    return torch.from_numpy(values).float()


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    return Fusion.fit(drawn(500, (0.0, 0.0), 1), torch.arange(2))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    higher, covariance = torch.ones(2).double(), torch.eye(2).double()
    return Evidence(drawn(32, (0.0, 0.0), 2), torch.tensor([0.75, 0.75]), higher, covariance)


def test_without_real_defects_synthetic_ones_decide(fusion: Fusion, evidence: Evidence) -> None:
    known = taught(fusion, evidence, drawn(0, (0.0, 0.0), 0))
    assert torch.equal(
        known.weights, fusion.weighted_by(distances(evidence.aurocs, 32), 32).weights
    )


def test_a_kind_that_tells_real_defects_gains_with_their_number(
    fusion: Fusion, evidence: Evidence
) -> None:
    gained = [
        float(taught(fusion, evidence, drawn(count, (0.0, 6.0), 3)).weights[1])
        for count in (0, 1, 5, 20)
    ]
    assert gained[0] == pytest.approx(1.0)  # both kinds tell synthetic defects equally well
    assert gained == sorted(gained)
    assert gained[-1] > gained[0] + 0.3


def test_the_weights_by_hand(fusion: Fusion, evidence: Evidence) -> None:
    """Of defects that one kind tells all and the other none, as many as :data:`PRIOR` stands for."""
    far = drawn(PRIOR, (-9.0, 9.0), 4)
    # AUROC 0 counts 0, AUROC 1 as 32/33, whose normal quantile is 1.8764; AUROC 0.75 as 0.6745
    first, second = 0.6745 / 2, (0.6745 + 1.8764) / 2
    wanted = np.sqrt(2) * np.array([first, second]) + 6.4 / 32
    wanted /= wanted.mean()
    assert taught(fusion, evidence, far).weights.numpy() == pytest.approx(wanted, abs=1e-3)


def test_real_defects_move_the_discriminant_towards_the_kind_that_finds_them(
    fusion: Fusion, evidence: Evidence
) -> None:
    """Synthetic defects stand for :data:`PRIOR` real ones, of 6 and 0 deviations here."""
    several = drawn(PRIOR, (6.0, 0.0), 7)
    found = taught(fusion, evidence, several).discriminant
    first, second = ((1 + fusion.limited(several).mean(dim=0)) / 2).tolist()
    assert found is not None
    assert found.tolist() == pytest.approx([first / (first + second), second / (first + second)])


def test_each_defect_is_scored_by_weights_without_it(fusion: Fusion, evidence: Evidence) -> None:
    values = drawn(6, (1.0, 3.0), 5)
    normal, groups = drawn(40, (0.0, 0.0), 6), np.arange(40)
    known = Known(values, evidence)
    told = account([Judge(fusion, known, normal, groups)], 0.05)
    above, missed = [], []
    for i in range(6):
        rest = taught(fusion, evidence, torch.cat([values[:i], values[i + 1 :]]))
        scores, score = rest.score(normal).numpy(), float(rest.score(values[i : i + 1]))
        above.append((scores < score).mean())
        if (1 + (scores >= score).sum()) / 41 > 0.05:
            missed.append(i)
    assert told["auroc"] == pytest.approx(np.mean(above))
    assert told["found"]["count"] == 6 - len(missed)
    assert told["images"] == told["found"]["of"] == 6
    assert sorted(told["missed"]) == missed
    assert [above[i] for i in told["missed"]] == sorted(above[i] for i in missed)


def test_of_one_defect_what_is_reported_is_what_there_was_without_it(
    fusion: Fusion, evidence: Evidence
) -> None:
    known = Known(drawn(1, (0.5, 2.0), 7), evidence)
    normal = drawn(30, (0.0, 0.0), 8)
    told = account([Judge(fusion, known, normal, np.arange(30))], 0.1)
    assert told["auroc"] == told["without"]


@pytest.mark.parametrize("folds", [1, 2, 5, 10])
def test_what_is_normal_is_at_chance_however_many_detectors_there_are(
    fusion: Fusion, evidence: Evidence, folds: int
) -> None:
    """Each detector sees other noise in the same images, so that the lowest score is far below any."""
    judges = []
    for fold in range(folds):
        known = Known(drawn(240, (0.0, 0.0), 100 + fold), evidence)
        normal = drawn(240 // folds, (0.0, 0.0), 200 + fold)
        judges.append(Judge(fusion, known, normal, 1000 * fold + np.arange(240 // folds)))
    told = account(judges, 0.1)
    assert told["without"] == pytest.approx(0.5, abs=0.08)
    assert told["found"]["count"] <= 44  # 6 are promised at most in the mean


def test_an_image_that_is_there_twice_counts_once() -> None:
    normal, odd = textured(40), spotted(textured(3, seed=9))
    model = AnomalyDetector.from_options({**TINY, "random_state": 0})
    once = model.fit(normal, defects=odd).chosen_["defects"]
    twice = model.fit(normal, defects=np.concatenate([odd, odd])).chosen_["defects"]
    assert once == twice


def test_rows_of_pixels_can_be_defects() -> None:
    normal, odd = textured(40), spotted(textured(3, seed=9))
    shape = normal.shape[1:3]
    model = AnomalyDetector.from_options({**TINY, "random_state": 0, "image_shape": shape})
    flat, images = (
        model.fit(one(normal), defects=one(odd)).chosen_["defects"]
        for one in (lambda x: x.reshape(len(x), -1), lambda x: x)
    )
    assert flat == images


def test_a_detector_learns_from_them_and_does_not_judge_itself_by_them(tmp_path: Path) -> None:
    normal = textured(40)
    odd = spotted(textured(4, seed=9))
    model = AnomalyDetector.from_options({**TINY, "random_state": 0}).fit(normal, defects=odd)
    told = model.chosen_["defects"]
    assert told["images"] == 4
    assert 0 <= told["auroc"] <= 1
    assert 0 <= told["found"]["count"] <= 4
    assert all(
        found.trained_on for found in model.iter_detect(odd)
    )  # they say nothing of new images
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae")
    assert again.chosen_["defects"] == told
    assert np.array_equal(again.score_samples(odd), model.score_samples(odd))
    plain = AnomalyDetector.from_options({**TINY, "random_state": 0}).fit(normal)
    assert "defects" not in plain.chosen_
    for a, b in zip(model.network_.parameters(), plain.network_.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("parameters", "defects", "message"),
    [
        (
            {"method": "attributes"},
            textured(2, seed=3),
            "method 'attributes' does not learn from them",
        ),
        (
            {"method": "likelihood"},
            textured(2, seed=3),
            "method 'likelihood' does not learn from them",
        ),
        ({}, textured(40)[7:8], "is among the normal images, too"),
        (
            {},
            np.zeros((2, 32, 32, 3), np.uint8),
            "3 channels (RGB) for a model of 1 channel (grey)",
        ),
        ({}, np.zeros((0, 32, 32), np.uint8), "array is empty"),
        ({}, np.full((2, 32, 32), 0.5, np.float32), "its pixels are float32"),
    ],
)
def test_what_is_refused(parameters: dict, defects: np.ndarray, message: str) -> None:
    with pytest.raises(InputError) as raised:
        AnomalyDetector.from_options(TINY | parameters).fit(textured(40), defects=defects)
    assert message in str(raised.value)
