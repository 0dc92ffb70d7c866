"""What all images become, and which mixtures are refused."""

from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.images.dataset.preparation import Plan, Preparation
from convae.images.dataset.survey import make_plan, survey
from convae.images.files.image import Pixels
from convae.images.sources.open_source import open_source


def planned(*arrays: Pixels, **wanted: Any) -> tuple[Plan, list[str]]:
    source = open_source(list(arrays))
    return make_plan(source, survey(source), Preparation(**wanted))


def refusal(*arrays: Pixels, **wanted: Any) -> str:
    with pytest.raises(InputError) as caught:
        planned(*arrays, **wanted)
    return str(caught.value)


def zeros(*shape: int, dtype: str = "uint8") -> Pixels:
    return np.zeros(shape, dtype)


def test_mixed_sizes_are_refused_with_the_ways_out() -> None:
    assert refusal(zeros(4, 5), zeros(4, 5), zeros(8, 9)) == (
        "list of 3 arrays: images of 2 sizes (2 of 4x5, 1 of 8x9): choose one, for example size=(4, 5), "
        "and a framing: resize, crop, pad or random-crop"
    )
    plan, notes = planned(zeros(4, 5), zeros(8, 9), size=(6, 6))
    assert plan.framing.size == (6, 6)
    assert notes == []


def test_many_sizes_are_counted_not_listed() -> None:
    message = refusal(*(zeros(4, 4 + i) for i in range(9)))
    assert "images of 9 sizes (1 of 4x4, 1 of 4x5, 1 of 4x6, 1 of 4x7, and 5 others)" in message


def test_mixed_channels_are_refused_with_the_ways_out() -> None:
    assert refusal(zeros(4, 4), zeros(4, 4, 3), zeros(4, 4, 3)) == (
        "list of 3 arrays: images of different channel counts (2 of 3, 1 of 1): convert all with channels=1 "
        "(grey) or channels=3 (RGB), or keep one kind in the folder"
    )
    assert planned(zeros(4, 4), zeros(4, 4, 3), channels=1)[0].channels == 1
    assert planned(zeros(4, 4), zeros(4, 4, 3), channels=3)[0].channels == 3


def test_mixed_depths() -> None:
    plan, notes = planned(zeros(4, 4), zeros(4, 4, dtype="uint16"), zeros(4, 4))
    assert plan.depth == "uint16"
    assert notes == ["2 8-bit images are read as 16-bit (x 257), like the others"]
    assert "float images among integer ones (1 of uint8, 1 of float32)" in refusal(
        zeros(4, 4), zeros(4, 4, dtype="float32")
    )


def test_a_few_floats_among_integers_are_skipped_with_the_reason() -> None:
    images = [np.full((4, 4), i, np.uint8) for i in range(20)] + [np.ones((4, 4), np.float32)]
    source = open_source(images)
    found = survey(source)
    assert found.index.tolist() == list(range(20))
    assert [(s.name, s.reason) for s in found.skipped] == [
        (
            source.names[20],
            "float32 among images of another kind: their values have no common scale",
        )
    ]
    with pytest.raises(InputError, match="strict"):
        survey(source, strict=True)


def test_many_floats_among_integers_are_left_to_be_refused() -> None:
    images = [np.zeros((4, 4), np.uint8)] * 5 + [np.ones((4, 4), np.float32)] * 4
    source = open_source(images)
    assert len(survey(source).index) == 9
