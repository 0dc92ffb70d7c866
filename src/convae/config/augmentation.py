"""Augmentation: random changes of the training images, written as the names of their kinds.

>>> parse_augmentation("rotations+flips")
('flips', 'rotations')
"""

from collections.abc import Iterable

from convae.errors import InputError, unknown_name

# In the order in which they are applied.
KINDS: dict[str, str] = {
    "flips": "mirrored left to right",
    "vertical-flips": "mirrored top to bottom",
    "quarter-turns": "rotated by 90, 180 or 270 degrees",
    "rotations": "rotated by up to 15 degrees",
    "shifts": "translated by up to a twelfth of a side",
    "brightness": "all values multiplied by a number from 0.8 to 1.25",
}


def parse_augmentation(text: str | None) -> tuple[str, ...]:
    """Return the kinds of augmentation that a text names, in the order of :data:`KINDS`.

    Args:
        text: names joined by ``+``; None or ``"none"`` for no augmentation.

    Raises:
        InputError: the text is no such text, names an unknown kind, or names a kind twice.
    """
    if text is None or text == "none":
        return ()
    if not isinstance(text, str):
        raise InputError(
            f"augment must be names joined by +, such as 'flips+rotations'; got {text!r:.80}"
        )
    named = [name.strip() for name in text.split("+")]
    for name in named:
        if name not in KINDS:
            raise unknown_name("augmentation", name, KINDS)
        if named.count(name) > 1:
            raise InputError(f"augment names {name!r} twice; got {text!r:.80}")
    return tuple(kind for kind in KINDS if kind in named)


def refuse_not_square(kinds: Iterable[str], height: int, width: int) -> None:
    """Raise an error for quarter turns of images that are not square: they would change the shape.

    Args:
        kinds: kinds of augmentation.
        height, width: of the images that are trained on, in pixels.

    Raises:
        InputError: the images are not square.
    """
    if "quarter-turns" in kinds and height != width:
        raise InputError(
            f"augment 'quarter-turns' is for square images, and these are {height}x{width}: leave it out, "
            "or bring the images to a square size"
        )
