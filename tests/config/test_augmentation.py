"""Augmentation as text: what it names, and what a wrong text is answered."""

import pytest

from convae.config.augmentation import KINDS, parse_augmentation, refuse_not_square
from convae.config.parameters import TrainingSettings
from convae.errors import InputError


def test_kinds_come_in_the_order_in_which_they_are_applied() -> None:
    assert parse_augmentation(" brightness + flips ") == ("flips", "brightness")
    assert parse_augmentation("+".join(reversed(KINDS))) == tuple(KINDS)
    assert parse_augmentation(None) == parse_augmentation("none") == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("flip", "unknown augmentation 'flip': did you mean 'flips'?"),
        ("", "unknown augmentation ''"),
        ("flips+", "unknown augmentation ''"),
        ("flips+shifts+flips", "augment names 'flips' twice"),
        (True, "augment must be names joined by +, such as 'flips+rotations'; got True"),
    ],
)
def test_a_wrong_text_is_refused_when_settings_are_made(text: str, answer: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainingSettings(augment=text)
    assert answer in str(caught.value)


def test_quarter_turns_are_for_square_images() -> None:
    refuse_not_square(("flips", "rotations"), 8, 12)
    refuse_not_square(("quarter-turns",), 8, 8)
    with pytest.raises(InputError, match="for square images, and these are 8x12: leave it out"):
        refuse_not_square(("quarter-turns",), 8, 12)
