"""Noise levels as text: ``0.1``, ``25/255``, ``25/255..50/255``, ``0..55/255``."""

import math

from convae.errors import InputError

Level = str | float | tuple[float | str, float | str]
Range = tuple[float, float]
STEPS = {"uint8": 255, "uint16": 65535}


def parse_level(level: Level, what: str = "level") -> Range:
    """Parse a level to (least, most): one number twice, or the two ends of a range.

    Args:
        level: a number, a fraction, a range of two of them joined by two dots, or a pair.
        what: the name of the level in an error.

    Raises:
        InputError: for anything else, for a negative number, and for a range that runs backwards.

    >>> parse_level("51/255"), parse_level("0..0.5"), parse_level((0.1, "1/4"))
    ((0.2, 0.2), (0.0, 0.5), (0.1, 0.25))
    """
    ends: tuple[object, ...]
    if isinstance(level, str) and ".." in level:
        ends = tuple(level.split(".."))
    else:
        ends = tuple(level) if isinstance(level, tuple | list) else (level, level)
    values = [_number(end) for end in ends]
    if len(values) != 2 or None in values:
        raise InputError(
            f"{what} must be a number such as 0.1 or 25/255, or a range such as 0..55/255; got "
            f"{level!r:.60}"
        )
    least, most = (float(value) for value in values if value is not None)
    if least > most:
        raise InputError(
            f"{what}: a range runs from its least to its most, each a number of its own as in "
            f"25/255..50/255; got {level!r:.60}"
        )
    return least, most


def level_text(level: float, depth: str = "uint8") -> str:
    """Format a level for display, in the steps of the file type.

    Args:
        level: as a fraction of the range of the file type.
        depth: ``uint8``, ``uint16`` or ``float32``.

    >>> level_text(0.05), level_text(0.05, "uint16"), level_text(0.05, "float32")
    ('12.8/255', '3277/65535', '0.05')
    """
    steps = STEPS.get(depth)
    return _digits(level) if steps is None else f"{_digits(level * steps)}/{steps}"


def _digits(value: float) -> str:
    """Format with three digits, or all before the point.

    An exponent is hard to read, and + joins kinds of noise.
    """
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def check_level(level: float, depth: str, what: str = "sigma") -> None:
    """Refuse a level above 1 for integer images, which was probably meant in grey levels.

    Args:
        level: as a fraction of the range of the file type; for floats, in the unit of their values.
        depth: ``uint8``, ``uint16`` or ``float32``.
        what: the name of the level in an error.

    Raises:
        InputError: for such a level, with the correct form in the message; for a negative or infinite one.

    >>> check_level(25 / 255, "uint8"), check_level(40.0, "float32")
    (None, None)
    """
    steps = STEPS.get(depth)
    if (steps is None and 0 <= level < math.inf) or 0 <= level <= 1:
        return
    if steps is None:
        raise InputError(f"{what} must be a number from 0 up; got {level!r}")
    hint = f": for {level:g} grey levels write {level:g}/{steps}" if 1 < level <= steps else ""
    raise InputError(
        f"{what} must lie between 0 and 1, where 1 leads from black to white; got {level:g}{hint}"
    )


def _number(end: object) -> float | None:
    """Return a finite number from 0 up, or the quotient of two; None for anything else."""
    try:
        if isinstance(end, str):
            top, _, bottom = end.partition("/")
            value = float(top) / (float(bottom) if "/" in end else 1.0)
        else:
            value = math.nan if isinstance(end, bool) else float(end)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if 0 <= value < math.inf else None
