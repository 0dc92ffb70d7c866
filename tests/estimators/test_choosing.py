"""How a score is chosen: by synthetic defects, each normal image judged by others."""

import numpy as np
import pytest
import torch
from tests.estimators.test_anomaly import TINY, textured

from convae import AnomalyDetector
from convae.estimators.choosing import FRACTIONS, KINDS, SCORES, SMOOTHINGS
from convae.estimators.defect_scorer import NAMES, Recipe, nearest_codes


@pytest.fixture(scope="module")
def model() -> AnomalyDetector:
    return AnomalyDetector(**TINY).fit(textured(60))


def test_the_best_of_all_is_taken(model: AnomalyDetector) -> None:
    chosen = model.chosen_
    assert len(chosen["tried"]) == len(FRACTIONS) * len(SCORES) * len(SMOOTHINGS)
    best = max(chosen["tried"], key=lambda row: row[3])
    assert chosen["auroc"] == best[3]
    assert [chosen["score"], chosen["fraction"]] == best[:2]
    assert set(chosen["auroc_by_kind"]) == set(KINDS)
    assert chosen["auroc"] == pytest.approx(np.mean(list(chosen["auroc_by_kind"].values())))


def test_a_named_score_is_tried_with_all_fractions() -> None:
    model = AnomalyDetector(**TINY, score_by="structure+code").fit(textured(40))
    assert {row[0] for row in model.chosen_["tried"]} == {"structure+code"}
    assert {row[1] for row in model.chosen_["tried"]} == set(FRACTIONS)


def test_recipes_are_read_and_written() -> None:
    recipe = Recipe.parse(" gradient + found+code", 0.1)
    assert str(recipe) == "gradient+found+code"
    assert [NAMES[i] for i in recipe.maps] == ["gradient", "found"]


def test_the_nearest_code_by_hand() -> None:
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    spread = torch.tensor([1.0, 2.0])
    distances, nearest = nearest_codes(torch.tensor([[3.0, 6.0], [1.0, 0.0]]), spread, bank)
    assert nearest.tolist() == [1, 0]
    assert distances.numpy() == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
