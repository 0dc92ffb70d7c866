"""How the score of a detector is fitted: every normal image by cues that were not fitted on it."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from tests.estimators.anomaly.test_detector import TINY, textured

from convae import AnomalyDetector
from convae.estimators.anomaly.defect_score_fit import KINDS, _folds
from convae.estimators.anomaly.defect_scorer import AUTO, Recipe, nearest_codes
from convae.estimators.anomaly.method import Normals


def test_defects_are_measured_by_kind() -> None:
    chosen = AnomalyDetector.from_options(TINY).fit(textured(60)).chosen_
    assert chosen["score"] == "+".join(AUTO)
    assert set(chosen["auroc_by_kind"]) == set(KINDS)
    assert chosen["auroc"] == pytest.approx(np.mean(list(chosen["auroc_by_kind"].values())))
    assert chosen["auroc"] > 0.6


@pytest.mark.parametrize("groups", [np.arange(23), np.arange(23) // 4, np.zeros(23, int)])
def test_each_image_is_measured_once_by_cues_that_saw_none_of_its_group(groups: np.ndarray) -> None:
    positions = np.arange(23)[::2]
    normals = cast(Normals, SimpleNamespace(groups=groups, seed=0))
    seen: list[int] = []
    for inside, outside in _folds(normals, positions):
        seen += outside.tolist()
        if len(np.unique(groups)) > 1:
            assert not set(groups[positions[inside]]) & set(groups[positions[outside]])
            assert len(inside)
    assert sorted(seen) == list(range(len(positions)))


@pytest.mark.parametrize("count", [8, 11])
def test_few_normal_images_are_enough(count: int) -> None:
    model = AnomalyDetector.from_options({**TINY | {"epochs": 1}, "random_state": 0}).fit(
        textured(count)
    )
    assert np.isfinite(model.score_samples(textured(3, seed=5))).all()


def test_recipes_are_read_and_written() -> None:
    recipe = Recipe.parse(" found + nearest+components")
    assert str(recipe) == "found+nearest+components"
    assert recipe.kinds.tolist() == [0, 1, 1]  # the last two are of one kind
    assert Recipe.parse("auto").cues == AUTO


def test_the_nearest_code_by_hand() -> None:
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    spread = torch.tensor([1.0, 2.0])
    distances, nearest = nearest_codes(torch.tensor([[3.0, 6.0], [1.0, 0.0]]), spread, bank)
    assert nearest.tolist() == [1, 0]
    assert distances.numpy() == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
