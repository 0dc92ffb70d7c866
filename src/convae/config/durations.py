"""Durations as people write them: ``90s``, ``10min``, ``1h30min``."""

import re

from convae.errors import InputError

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
MOST_SECONDS = 1e7  # about four months
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(sec|s|min|m|h|d)\s*")


def parse_duration(text: object, what: str = "budget") -> float:
    """Return a duration in seconds; a number alone is seconds.

    Args:
        text: such as ``"10min"``, ``"1h30min"`` or 600.
        what: the argument, for messages.

    Raises:
        InputError: it is no duration above 0, or one of more than 10 million seconds.

    >>> parse_duration("10min"), parse_duration("1h30min"), parse_duration(45)
    (600.0, 5400.0, 45.0)
    """
    word = str(text).strip().lower()
    try:
        found = float(word)
    except ValueError:
        parts = _PART.findall(word)
        whole = "".join(re.split(r"\s+", _PART.sub("", word)))
        found = sum(float(n) * _SECONDS[unit] for n, unit in parts) if parts and not whole else 0.0
    if not 0 < found <= MOST_SECONDS:
        raise InputError(
            f"{what} must be a time above 0, such as 90s, 10min or 2h (a plain number is in seconds); got "
            f"{text!r:.40}"
        )
    return float(found)
