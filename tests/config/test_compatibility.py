"""The table of what goes with what: rules that speak of choices there are, and a document that shows them."""

from itertools import combinations
from pathlib import Path

import pytest

from convae.config import compatibility
from convae.config.compatibility import (
    AXES,
    RULES,
    SEVERAL,
    TASKS,
    allowed,
    check,
    faults,
    offered,
    remarks,
)
from convae.errors import InputError
from convae.losses import parse_loss
from convae.networks.architecture import CHOICES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "variants.md"


def test_rules_speak_of_choices_there_are() -> None:
    for rule in RULES:
        for axis, values in (rule.first, rule.second):
            assert set(values) <= set(AXES[axis])
            assert values
        for one, other in rule.pairs():
            assert allowed(rule.first[0], one, rule.second[0], other) is not rule.forbidden


def test_a_sentence_says_why_and_what_to_do_instead() -> None:
    for rule in RULES:
        sentence = rule.text(*next(rule.pairs()))
        assert sentence[0] != sentence[0].upper() or sentence[0] in "'"
        assert not sentence.endswith(".")
        assert "{" not in sentence
        assert any(f"{word} " in sentence for word in ("use", "take", "leave", "train", "needs"))


def test_axes_are_those_of_the_rest_of_the_house() -> None:
    for axis in ("bottleneck", "code", "output"):
        assert set(AXES[axis]) == set(CHOICES[axis])
    assert set(AXES["path"]) == {*CHOICES["bypass"], "skips"}
    for task in TASKS.values():
        assert set(task.estimators) <= set(AXES["estimator"])
        assert set(task.codes) <= set(AXES["code"])
        assert set(task.paths) <= set(AXES["path"])


def test_every_choice_goes_with_something_of_every_other_place() -> None:
    places = ("task", "bottleneck", "code", "path", "loss")
    for axis, other_axis in combinations(places, 2):
        for one in AXES[axis]:
            goes = [
                other
                for other in AXES[other_axis]
                if offered(axis, one, other_axis, other) and allowed(axis, one, other_axis, other)
            ]
            assert goes, (axis, one, other_axis)


def test_pairs_have_no_order() -> None:
    assert not allowed("code", "spatial", "task", "neighbourhood")
    assert allowed("code", "dense", "task", "neighbourhood")
    assert not offered("code", "dense", "task", "defects")
    assert offered("task", "noise", "task", "shift")
    assert offered("task", "levels", "task", "shift")
    assert not offered("task", "levels", "task", "levels alone")
    assert not offered("task", "images", "task", "noise")


def test_one_fault_is_one_sentence_and_several_are_told_together() -> None:
    check(task=["noise", "shift"], bottleneck=["winners"], code=["spatial"])
    with pytest.raises(InputError) as caught:
        check(task=["neighbourhood"], code=["spatial"])
    assert str(caught.value) == faults(task=["neighbourhood"], code=["spatial"])[0]
    with pytest.raises(InputError, match=r"does not go together: \(1\) .*; \(2\) neighbourhood"):
        check(task=["neighbourhood"], code=["spatial"], bottleneck=["gaussian"], path=["pca"])
    # two rules with one sentence are one fault
    assert len(faults(task=["levels"], path=["pca"], decoder=["other"])) == 1


def test_a_remark_is_no_fault() -> None:
    choice = {"path": ["skips"], "bottleneck": ["top-k"], "code": ["spatial"]}
    check(**choice)
    assert remarks(**choice)[0].startswith(
        "skips lead the image around the code, so bottleneck 'top-k'"
    )
    assert remarks(path=["skips"], bottleneck=["plain"]) == []


def test_a_loss_is_its_terms() -> None:
    assert compatibility.of_loss(parse_loss("mse")) == ("mse",)
    assert compatibility.of_loss(parse_loss("0.5*mse")) == (SEVERAL, "mse")
    assert compatibility.of_loss(parse_loss("mse+0.1*ssim")) == (SEVERAL, "mse", "ssim")


def test_the_document_shows_the_tables() -> None:
    """Mend it by what ``python -m convae.config.compatibility`` prints."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(table in text for table in compatibility.tables())
